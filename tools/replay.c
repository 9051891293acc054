/* Replays golden training steps through the engine on a device and reports, for every group of tensors, the worst
 * relative error |a - b| / |b| and where it is. Trains nothing else and writes nothing. */
#include "engine/device.h"
#include "engine/ops/implementations.h"
#include "engine/position.h"
#include "engine/ranks/ranks.h"
#include "engine/trainer.h"
#include "tools/golden.h"

#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double tolerance = 1e-5;

static const char usage[] =
    "usage: replay [--device D] [--gemm auto|own|clblast] [--micro-batch N] [--recompute] [--offload]\n"
    "              [--implementations] [--tuning FILE] FILE...\n"
    "\n"
    "Runs the training steps of each golden FILE (safetensors) and compares outputs, gradients, losses and weights\n"
    "with the file's. The last line is \"N passed, M failed\"; the exit status is 0 only if nothing failed.\n"
    "Started by mpirun, ranks compute shares of each batch, as unequal as they can be, where the loss lets them.\n"
    "\n"
    "  --device D   index, type (cpu, gpu) or part of a name; default: IJEPA_DEVICE, or the first GPU, or the first\n"
    "  --gemm G     whose matrix products: the project's own, CLBlast's, or what suits the device (auto)\n"
    "  --micro-batch N\n"
    "               computes on N images of a batch at a time, where the loss lets it\n"
    "  --recompute  computes blocks again on the way back\n"
    "  --offload    keeps AdamW's moments in the host's memory\n"
    "  --implementations\n"
    "               with every implementation of every operation that the device can build, one after the other\n"
    "  --tuning F   the tuning database; default: IJEPA_TUNING, or the XDG data folder's; off: none\n";

/* ---- Comparing -------------------------------------------------------------------------------------------------- */

/* The worst tensor of a group so far. */
typedef struct group {
    const char *title;
    double worst;
    char tensor[128];
    int tensors;
} group;

enum {
    CONTEXT,
    TARGET,
    PREDICTION,
    GRADIENT_ENCODER,
    GRADIENT_PREDICTOR,
    WEIGHT_ENCODER,
    WEIGHT_PREDICTOR,
    WEIGHT_TARGET,
    LOSS,
    TABLES,
    N_GROUPS
};

static void start_groups(group groups[N_GROUPS])
{
    static const char *const titles[N_GROUPS] = {"context",
                                                 "target",
                                                 "prediction",
                                                 "gradient encoder",
                                                 "gradient predictor",
                                                 "weights encoder",
                                                 "weights predictor",
                                                 "weights target_encoder",
                                                 "losses",
                                                 "position tables"};
    for (int i = 0; i < N_GROUPS; i++)
        groups[i] = (group){.title = titles[i]};
}

static void note(group *g, const char *tensor, double error)
{
    g->tensors++;
    if (g->tensors > 1 && error <= g->worst)
        return;
    g->worst = isnan(error) ? INFINITY : error;
    snprintf(g->tensor, sizeof g->tensor, "%s", tensor);
}

/* |a - b| / |b|; the absolute error where b is zero. */
static double relative_error(const float *a, const float *b, int64_t n)
{
    double difference = 0, size = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = (double)a[i] - (double)b[i];
        difference += d * d;
        size += (double)b[i] * (double)b[i];
    }
    return size > 0 ? sqrt(difference / size) : sqrt(difference);
}

/* Prints the table; true if every group was compared and is within the tolerance. */
static bool report(const char *path, const ij_trainer_config *c, const group groups[N_GROUPS], bool pixels_only)
{
    bool passed = true;
    if (c->ranks)
        printf("by ranks, whose outputs are not compared: ");
    else if (c->micro_batch)
        printf("in micro-batches of %d, whose outputs are not kept: ", c->micro_batch);
    printf("%s: %d images, encoder %d x %d, predictor %d x %d\n", path, c->batch, c->model.dim, c->model.depth,
           c->model.pred_dim, c->model.pred_depth);
    for (int i = 0; i < N_GROUPS; i++) {
        bool output = i == CONTEXT || i == TARGET || i == PREDICTION;
        if ((pixels_only && output && i != CONTEXT) || ((c->micro_batch || c->ranks) && output))
            continue;
        bool good = groups[i].tensors > 0 && groups[i].worst <= tolerance;
        printf("  %-22s %4d  worst %8.2e %s  %s\n", groups[i].title, groups[i].tensors, groups[i].worst,
               good ? "ok    " : "FAILED", groups[i].tensor);
        passed = passed && good;
    }
    return passed;
}

/* ---- One file --------------------------------------------------------------------------------------------------- */

typedef struct replay {
    golden golden;
    ij_trainer *trainer;
    float *values;   /* scratch for whatever is read back, ... */
    float *expected; /* ... and for what the file has in its place */
    int64_t capacity;
    bool pixels_only; /* of step 1 */
    group groups[N_GROUPS];
} replay;

static bool begins(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* Floats that the largest thing read back holds. */
static int64_t largest_read(const replay *r)
{
    const ij_trainer_config *c = &r->golden.config;
    int64_t sequences = (int64_t)c->batch * c->contexts;
    int64_t tokens = sequences * c->context_capacity;
    if (sequences * c->targets * c->target_capacity > tokens)
        tokens = sequences * c->targets * c->target_capacity;
    int64_t largest = tokens * c->model.dim;
    int width = c->model.pred_dim > c->model.dim ? c->model.pred_dim : c->model.dim;
    if ((int64_t)ij_model_patches(&c->model) * width > largest) /* a position table */
        largest = (int64_t)ij_model_patches(&c->model) * width;
    for (int i = 0; i < ij_trainer_tensor_count(r->trainer); i++)
        if (ij_trainer_tensor(r->trainer, i)->elements > largest)
            largest = ij_trainer_tensor(r->trainer, i)->elements;
    return largest;
}

/* What the command line asks for. */
typedef struct request {
    const char *device;
    ij_gemm_backend gemm;
    int micro_batch; /* 0: none */
    bool implementations, recompute, offload;
    ij_ranks *ranks; /* NULL: one */
    char **files;
    int count, passed, failed;
} request;

static ij_status prepare(replay *r, ij_device *device, const request *q)
{
    ij_trainer_config *c = &r->golden.config;
    c->gemm = q->gemm;
    c->recompute = q->recompute ? IJ_RECOMPUTE_BLOCKS : IJ_RECOMPUTE_NONE;
    c->offload = q->offload ? IJ_OFFLOAD_MOMENTS : IJ_OFFLOAD_NONE;
    if (q->micro_batch && q->micro_batch < c->batch && !ij_is_regularised(c)) /* those are of a whole batch */
        c->micro_batch = q->micro_batch;
    /* An image each, and the rest of them for the last rank. */
    int ranks = ij_ranks_count(q->ranks), own = ij_ranks_own(q->ranks);
    int share = own + 1 < ranks ? 1 : c->batch - ranks + 1;
    if (q->ranks && c->batch >= ranks && !ij_is_regularised(c)) {
        c->ranks = q->ranks;
        c->share = share;
        c->micro_batch = c->micro_batch < share ? c->micro_batch : share;
    }
    ij_status status = ij_trainer_create(&r->trainer, device, &r->golden.config);
    if (!status && c->ranks)
        status = ij_trainer_set_share(r->trainer, own, share);
    if (status)
        return status;
    r->capacity = largest_read(r);
    r->values = malloc((size_t)r->capacity * sizeof *r->values);
    r->expected = malloc((size_t)r->capacity * sizeof *r->expected);
    if (!r->values || !r->expected)
        return ij_fail(IJ_ENOMEM, "no host memory for %" PRId64 " floats", r->capacity);
    for (int i = 0; i < ij_trainer_tensor_count(r->trainer) && !status; i++) {
        const ij_tensor_info *info = ij_trainer_tensor(r->trainer, i);
        status = golden_floats(&r->golden, "", info->name, info->elements, r->values);
        if (!status)
            status = ij_trainer_write(r->trainer, i, IJ_STORE_WEIGHT, r->values);
    }
    return status;
}

/* Step k = 1, 2, ..., alternating between the two slots as training does. */
static ij_status step(replay *r, int k)
{
    double expected;
    ij_hyper hyper;
    ij_batch *batch;
    ij_step_result result;
    ij_status status = golden_step(&r->golden, k, &expected, &hyper);
    if (!status)
        status = ij_trainer_slot(r->trainer, (k - 1) % 2, &batch);
    if (!status)
        status = golden_fill(&r->golden, batch);
    if (!status && k == 1)
        r->pixels_only = hyper.features_from > 0;
    if (!status)
        status = ij_trainer_step(r->trainer, (k - 1) % 2, &hyper);
    if (!status)
        status = ij_trainer_result(r->trainer, k - 1, &result);
    if (status)
        return status;
    char name[32];
    snprintf(name, sizeof name, "step %d", k);
    note(&r->groups[LOSS], name, fabs(result.loss - expected) / fabs(expected));
    return IJ_OK;
}

static ij_status compare_outputs(replay *r)
{
    const struct {
        ij_output which;
        int group;
        const char *name;
    } outputs[] = {{IJ_OUTPUT_CONTEXT, CONTEXT, "out.context"},
                   {IJ_OUTPUT_TARGET, TARGET, "out.target"},
                   {IJ_OUTPUT_PREDICTION, PREDICTION, "out.prediction"}};
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        int64_t tokens = 0;
        if (r->pixels_only &&
            outputs[i].which != IJ_OUTPUT_CONTEXT) /* no features were predicted, and none are there */
            continue;
        ij_status status = ij_trainer_output(r->trainer, outputs[i].which, r->values, r->capacity, &tokens);
        int64_t elements = tokens * r->golden.config.model.dim;
        if (!status)
            status = golden_floats(&r->golden, "", outputs[i].name, elements, r->expected);
        if (status)
            return status;
        note(&r->groups[outputs[i].group], outputs[i].name, relative_error(r->values, r->expected, elements));
    }
    return IJ_OK;
}

/* All tensors of a store against those whose names carry `prefix`; the groups of encoder, predictor and target encoder
 * (-1: has none). */
static ij_status compare_store(replay *r, ij_store store, const char *prefix, const int groups[3])
{
    for (int i = 0; i < ij_trainer_tensor_count(r->trainer); i++) {
        const ij_tensor_info *info = ij_trainer_tensor(r->trainer, i);
        int g = groups[begins(info->name, "encoder.") ? 0 : begins(info->name, "predictor.") ? 1 : 2];
        if (g < 0)
            continue;
        ij_status status = ij_trainer_read(r->trainer, i, store, r->values);
        if (!status)
            status = golden_floats(&r->golden, prefix, info->name, info->elements, r->expected);
        if (status)
            return status;
        note(&r->groups[g], info->name, relative_error(r->values, r->expected, info->elements));
    }
    return IJ_OK;
}

static ij_status compare_tables(replay *r)
{
    const ij_model_config *m = &r->golden.config.model;
    const struct {
        const char *name;
        int width;
    } tables[] = {{"fixed.pos_embed", m->dim}, {"fixed.predictor_pos_embed", m->pred_dim}};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        int64_t elements = (int64_t)ij_model_patches(m) * tables[i].width;
        ij_status status = golden_floats(&r->golden, "", tables[i].name, elements, r->expected);
        if (status)
            return status;
        ij_position_table(r->values, ij_model_side(m), tables[i].width, ij_model_position_scale(m));
        note(&r->groups[TABLES], tables[i].name, relative_error(r->values, r->expected, elements));
    }
    return IJ_OK;
}

static ij_status run(replay *r, ij_device *device, const request *q, const char *path)
{
    static const int gradients[3] = {GRADIENT_ENCODER, GRADIENT_PREDICTOR, -1};
    static const int weights[3] = {WEIGHT_ENCODER, WEIGHT_PREDICTOR, WEIGHT_TARGET};
    ij_status status = golden_open(&r->golden, path);
    if (status)
        return status; /* names the file already */
    status = prepare(r, device, q);
    if (!status)
        status = compare_tables(r);
    if (!status)
        status = step(r, 1);
    if (!status && !r->golden.config.micro_batch && !r->golden.config.ranks)
        status = compare_outputs(r);
    if (!status)
        status = compare_store(r, IJ_STORE_GRADIENT, "grad.", gradients);
    for (int k = 2; k <= r->golden.steps && !status; k++)
        status = step(r, k);
    if (!status)
        status = compare_store(r, IJ_STORE_WEIGHT, "after.", weights);
    return status ? ij_fail_in(status, "%s: ", path) : IJ_OK;
}

static bool replay_file(ij_device *device, const request *q, const char *path)
{
    replay r = {0};
    start_groups(r.groups);
    ij_status status = run(&r, device, q, path);
    bool passed = false;
    if (status)
        printf("%s\n", ij_error());
    else
        passed = report(path, &r.golden.config, r.groups, r.pixels_only);
    free(r.values);
    free(r.expected);
    ij_trainer_destroy(r.trainer);
    golden_close(&r.golden);
    return passed;
}

/* ---- Command line ----------------------------------------------------------------------------------------------- */

static bool parse_gemm(const char *text, ij_gemm_backend *gemm)
{
    static const char *const names[] = {[IJ_GEMM_AUTO] = "auto", [IJ_GEMM_OWN] = "own", [IJ_GEMM_CLBLAST] = "clblast"};
    for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++)
        if (strcmp(text, names[i]) == 0) {
            *gemm = (ij_gemm_backend)i;
            return true;
        }
    fprintf(stderr, "replay: --gemm is auto, own or clblast, not \"%s\"\n", text);
    return false;
}

static bool replay_files(request *q)
{
    ij_device *device;
    if (ij_device_open(&device, q->device)) {
        fprintf(stderr, "replay: %s\n", ij_error());
        return false;
    }
    printf("device: %s, tolerance %g\n", ij_device_describe(device)->name, tolerance);
    if (*ij_device_notes(device))
        printf("note: %s\n", ij_device_notes(device));
    for (int i = 0; i < q->count; i++)
        if (replay_file(device, q, q->files[i]))
            q->passed++;
        else
            q->failed++;
    fflush(stdout);
    ij_device_close(device);
    return true;
}

/* The first implementation of products that wants weights in the layout. */
static const char *product_with(ij_layout layout)
{
    const ij_implementation *const *i = ij_implementations;
    while ((*i)->group != IJ_GROUP_GEMM || (*i)->layout != layout)
        i++;
    return (*i)->name;
}

/* Each in its turn, beside what the device takes for the rest; what it cannot build is said. */
static bool replay_implementations(request *q)
{
    ij_device *device;
    for (const ij_implementation *const *i = ij_implementations; *i; i++) {
        char words[96], also[48] = "";
        if ((*i)->group == IJ_GROUP_DEVICE)
            continue;
        if ((*i)->group == IJ_GROUP_GRADIENT) /* it writes what products read */
            snprintf(also, sizeof also, "gemm=%s ", product_with((*i)->layout));
        snprintf(words, sizeof words, "%s%s=%s", also, ij_group_name((*i)->group), (*i)->name);
        setenv("IJEPA_IMPL", words, 1);
        printf("\n%s\n", words);
        if (ij_device_open(&device, q->device) == IJ_EINVAL && strstr(ij_error(), "cannot be built on this device")) {
            printf("left out: %s\n", ij_error());
            continue;
        }
        ij_device_close(device);
        if (!replay_files(q))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"device", required_argument, NULL, 'd'},
                                            {"gemm", required_argument, NULL, 'g'},
                                            {"micro-batch", required_argument, NULL, 'm'},
                                            {"recompute", no_argument, NULL, 'r'},
                                            {"offload", no_argument, NULL, 'o'},
                                            {"implementations", no_argument, NULL, 'i'},
                                            {"tuning", required_argument, NULL, 't'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    request q = {.gemm = IJ_GEMM_AUTO};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        if (option == '?' || (option == 'g' && !parse_gemm(optarg, &q.gemm)))
            return 2;
        if (option == 'd')
            q.device = optarg;
        if (option == 'm')
            q.micro_batch = atoi(optarg);
        if (option == 'o')
            q.offload = true;
        if (option == 'r')
            q.recompute = true;
        if (option == 'i')
            q.implementations = true;
        if (option == 't')
            setenv("IJEPA_TUNING", optarg, 1); /* where the engine looks */
    }
    q.files = argv + optind;
    q.count = argc - optind;
    if (q.count == 0) {
        fputs(usage, stderr);
        return 2;
    }
    if (ij_ranks_open(&q.ranks, NULL)) {
        fprintf(stderr, "replay: %s\n", ij_error());
        return 1;
    }
    bool replayed = (q.implementations ? replay_implementations : replay_files)(&q);
    if (!replayed && q.ranks)
        ij_ranks_abort(q.ranks, 1);
    ij_ranks_close(q.ranks);
    if (replayed)
        printf("%d passed, %d failed\n", q.passed, q.failed);
    return !replayed || q.failed > 0;
}
