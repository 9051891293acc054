#include "engine/probe/linear.h"

#include "engine/base/try.h"
#include "engine/launch.h"
#include "engine/ops/softmax_probe.h"
#include "engine/probe/split.h"
#include "engine/probe/standard.h"
#include "engine/probe/tiles.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The grid. Twice the safe learning rate and more is stable where the classes are many and the curvature's bound is
 * loose; where it is not, those members come to nothing and are not chosen. */
static const double rates[] = {1, 4}, decays[] = {1e3, 1e2, 1e1, 1}; /* x 1 / images */
enum {
    RATES = sizeof rates / sizeof *rates,
    DECAYS = sizeof decays / sizeof *decays,
    MEMBERS = RATES * DECAYS,
    HELD_OUT = 5, /* one image in so many chooses */
    STEPS = 2000,
    GRID_STEPS = 300, /* to choose, they need not be at their end */
    POWER_STEPS = 24,
    PADDING = 1024 /* kernels read biases a register tile at a time */
};
static const double tolerance = 3e-5; /* a third of scikit-learn's */

typedef struct member {
    double rate, decay; /* rate in units of the safe one */
    double t, momentum; /* of Nesterov's sequence */
    double gradient;    /* largest component after the last step */
    bool lost;          /* diverged */
} member;

typedef struct solver {
    ij_device *device;
    const ij_labelled *train;
    const int64_t *order; /* [n] which image each row is: first those to learn from, then those held out */
    const ij_standard *standard;
    double curvature; /* largest of the data's: X'X / n */
    double tolerance; /* largest component of the gradient, where it is enough */

    int members, outputs; /* of this training */
    member member[MEMBERS];
    ij_plan *plan;
    ij_gemm gemm;
    ij_softmax_probe op;
    ij_tiles x;
    cl_mem *label; /* a tile's */
    ij_linear l, part;
    cl_mem before, bias_before, step, measure, d;
    float *host; /* [each, outputs] or [3, outputs], whichever is more */
} solver;

/* ---- Memory ----------------------------------------------------------------------------------------------------- */

static ij_status plan_floats(solver *s, const char *group, int64_t floats, cl_mem *where)
{
    return ij_plan_add(s->plan, group, (uint64_t)floats * sizeof(float), CL_MEM_READ_WRITE, where);
}

static int64_t weight_floats(const solver *s)
{
    return (int64_t)ij_gemm_weight_floats(&s->gemm, s->outputs, s->train->width);
}

static ij_status plan_weights(solver *s)
{
    int64_t bias = ij_ceil_div(s->outputs, PADDING) * PADDING;
    struct {
        cl_mem *matrix, *vector;
    } copies[] = {{&s->l.weight, &s->l.bias},
                  {&s->l.weight_grad, &s->l.bias_grad},
                  {&s->part.weight_grad, &s->part.bias_grad},
                  {&s->before, &s->bias_before}};
    for (size_t i = 0; i < sizeof copies / sizeof *copies; i++) {
        TRY(plan_floats(s, "probe's weights", weight_floats(s), copies[i].matrix));
        TRY(plan_floats(s, "probe's weights", bias, copies[i].vector));
    }
    return IJ_OK;
}

/* Rows of a tile: what its features and logits take stays within 64 MiB each, or within one row. */
static int tile_rows(const solver *s)
{
    int64_t wide = s->train->width > s->outputs ? s->train->width : s->outputs, rows = (INT64_C(1) << 24) / wide;
    rows = rows < 1 ? 1 : rows > 8192 ? 8192 : rows;
    return (int)(rows < s->train->n ? rows : s->train->n);
}

static ij_status plan(solver *s)
{
    int each = tile_rows(s), D = s->train->width;
    s->l = s->part = (ij_linear){.in = D, .out = s->outputs};
    TRY(ij_tiles_plan(&s->x, s->plan, s->train->n, D, each));
    if (!(s->label = calloc((size_t)s->x.count, sizeof *s->label)))
        return ij_fail(IJ_ENOMEM, "no host memory for a list of labels");
    for (int i = 0; i < s->x.count; i++)
        TRY(plan_floats(s, "features", each, &s->label[i]));
    TRY(plan_weights(s));
    TRY(plan_floats(s, "probe's logits", (int64_t)each * s->outputs, &s->d));
    TRY(plan_floats(s, "probe's logits", 3 * (int64_t)s->outputs, &s->step));
    TRY(plan_floats(s, "probe's logits", 2 * (int64_t)s->outputs, &s->measure));
    size_t products = ij_gemm_scratch(&s->gemm, each, s->outputs, D);
    if (products)
        TRY(ij_plan_add(s->plan, "scratch", products, CL_MEM_READ_WRITE, &s->gemm.scratch));
    s->host = malloc((size_t)(each > 3 ? each : 3) * (size_t)s->outputs * sizeof *s->host);
    return s->host ? IJ_OK : ij_fail(IJ_ENOMEM, "no host memory for the results of %d images", each);
}

static void standardised_row(const void *source, int64_t row, float *to)
{
    const solver *s = source;
    const float *from = s->train->features + s->order[row] * s->train->width;
    for (int j = 0; j < s->train->width; j++)
        to[j] = (float)ij_standard_of(s->standard, from, j);
}

static ij_status upload_labels(const solver *s)
{
    int32_t *label = malloc((size_t)s->x.each * sizeof *label);
    ij_status status = label ? IJ_OK : ij_fail(IJ_ENOMEM, "no host memory for labels");
    for (int i = 0; i < s->x.count && !status; i++) {
        int rows = ij_tiles_rows(&s->x, i);
        for (int r = 0; r < rows; r++)
            label[r] = s->train->labels[s->order[(int64_t)i * s->x.each + r]];
        status = ij_cl_check(clEnqueueWriteBuffer(s->device->compute, s->label[i], CL_TRUE, 0,
                                                  (size_t)rows * sizeof *label, label, 0, NULL, NULL),
                             "uploading labels");
    }
    free(label);
    return status;
}

/* Kernels and memory for members that learn side by side. */
static ij_status prepare(solver *s)
{
    if ((int64_t)s->members * s->train->classes > 1 << 24)
        return ij_fail(IJ_EINVAL, "%d classes are more than a linear probe can number", s->train->classes);
    s->outputs = s->members * s->train->classes;
    TRY(ij_gemm_create(&s->gemm, s->device, false));
    ij_gemm_mix(&s->gemm);
    TRY(ij_softmax_probe_create(&s->op, s->device));
    TRY(ij_plan_create(&s->plan));
    TRY(plan(s));
    ij_status status = ij_plan_commit(s->plan, s->device);
    if (status)
        return ij_fail_in(status, "the linear probe: ");
    TRY(ij_tiles_fill(&s->x, s->device, standardised_row, s));
    return upload_labels(s);
}

static void release(solver *s)
{
    clFinish(s->device->compute);
    ij_gemm_destroy(&s->gemm);
    ij_softmax_probe_destroy(&s->op);
    ij_tiles_free(&s->x);
    ij_plan_destroy(s->plan);
    free(s->label);
    free(s->host);
    s->plan = NULL;
    s->label = NULL;
    s->host = NULL;
}

static ij_status transfer(const solver *s, bool read, cl_mem memory, void *values, size_t bytes)
{
    cl_command_queue queue = s->device->compute;
    return ij_cl_check(read ? clEnqueueReadBuffer(queue, memory, CL_TRUE, 0, bytes, values, 0, NULL, NULL)
                            : clEnqueueWriteBuffer(queue, memory, CL_TRUE, 0, bytes, values, 0, NULL, NULL),
                       "moving a probe's numbers");
}

/* ---- Learning --------------------------------------------------------------------------------------------------- */

/* The sums over the first `rows` rows of d' x, where d are the logits, or with `softmax` the loss's gradient by them.
 */
static ij_status sum_gradients(solver *s, int64_t rows, bool softmax)
{
    const ij_tail none = {0};
    for (int i = 0; i < s->x.count && (int64_t)i * s->x.each < rows; i++) {
        int64_t left = rows - (int64_t)i * s->x.each;
        int here = left < s->x.each ? (int)left : s->x.each;
        TRY(ij_gemm_forward(&s->gemm, &s->l, s->x.tile[i], s->d, here, &none));
        if (softmax)
            TRY(ij_softmax_gradient(&s->op, s->d, s->label[i], here, s->members, s->train->classes));
        TRY(ij_gemm_backward_weight(&s->gemm, i ? &s->part : &s->l, s->x.tile[i], s->d, here));
        if (!i)
            continue;
        TRY(ij_probe_add(&s->op, s->l.weight_grad, s->part.weight_grad, (int)weight_floats(s)));
        TRY(ij_probe_add(&s->op, s->l.bias_grad, s->part.bias_grad, s->outputs));
    }
    return IJ_OK;
}

/* Puts v [width] of this length in place of the first output's weights; all others stay zero. */
static ij_status put_direction(solver *s, const double *v, double length, float *official, float *packed)
{
    size_t bytes = (size_t)weight_floats(s) * sizeof *packed;
    for (int j = 0; j < s->train->width; j++)
        official[j] = (float)(v[j] / length);
    ij_gemm_pack_rows(&s->gemm, s->outputs, s->train->width, 0, s->outputs, official, packed);
    return transfer(s, false, s->l.weight, packed, bytes);
}

/* The largest eigenvalue of X'X / n by the power method, from a direction that is nobody's eigenvector. */
static ij_status power(solver *s, double *v, float *official, float *packed)
{
    int D = s->train->width;
    size_t bytes = (size_t)weight_floats(s) * sizeof *packed;
    double length = 0;
    for (int j = 0; j < D; j++) {
        v[j] = 1 + (j * 37 % 101) / 101.0;
        length += v[j] * v[j];
    }
    length = sqrt(length);
    s->curvature = 1;
    for (int i = 0; i < POWER_STEPS && length > 0; i++) {
        TRY(put_direction(s, v, length, official, packed));
        TRY(sum_gradients(s, s->train->n, false));
        TRY(transfer(s, true, s->l.weight_grad, packed, bytes));
        ij_gemm_unpack_rows(&s->gemm, s->outputs, D, 0, s->outputs, packed, official);
        length = 0;
        for (int j = 0; j < D; j++) {
            v[j] = (double)official[j];
            length += v[j] * v[j];
        }
        length = sqrt(length);
        s->curvature = fmax(1, 1.02 * length / (double)s->train->n); /* 1: the bias's; the method comes from below */
        memset(official, 0, (size_t)s->outputs * (size_t)D * sizeof *official);
    }
    return IJ_OK;
}

static ij_status measure_curvature(solver *s)
{
    size_t D = (size_t)s->train->width;
    double *v = calloc(D, sizeof *v);
    float *official = calloc((size_t)s->outputs * D, sizeof *official);
    float *packed = calloc((size_t)weight_floats(s), sizeof *packed);
    ij_status status = v && official && packed ? power(s, v, official, packed)
                                               : ij_fail(IJ_ENOMEM, "no host memory for the weights of a probe");
    free(v);
    free(official);
    free(packed);
    return status;
}

static ij_status clear(solver *s)
{
    struct {
        cl_mem memory;
        int64_t floats;
    } all[] = {{s->l.weight, weight_floats(s)},
               {s->before, weight_floats(s)},
               {s->l.bias, s->outputs},
               {s->bias_before, s->outputs}};
    const cl_float zero = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        TRY(ij_cl_check(clEnqueueFillBuffer(s->device->compute, all[i].memory, &zero, sizeof zero, 0,
                                            (size_t)all[i].floats * sizeof zero, 0, NULL, NULL),
                        "clearing a probe's weights"));
    return IJ_OK;
}

static void advance(member *m)
{
    double next = (1 + sqrt(1 + 4 * m->t * m->t)) / 2;
    m->momentum = (m->t - 1) / next;
    m->t = next;
}

/* One step of all members; what it measured decides on their momentum. */
static ij_status one_step(solver *s, int64_t rows, bool *done)
{
    int C = s->train->classes, O = s->outputs;
    for (int g = 0; g < s->members; g++) {
        member *m = &s->member[g];
        advance(m);
        for (int o = g * C; o < (g + 1) * C; o++) {
            /* Boehning's bound: the curvature of the cross-entropy is at most half the data's. */
            s->host[o] = (float)(1 / (0.5 * s->curvature / m->rate + m->decay));
            s->host[O + o] = (float)m->decay;
            s->host[2 * O + o] = (float)m->momentum;
        }
    }
    TRY(transfer(s, false, s->step, s->host, 3 * (size_t)O * sizeof *s->host));
    TRY(sum_gradients(s, rows, true));
    TRY(ij_probe_step(&s->op, &s->l, s->before, s->bias_before, s->step, s->measure, (float)(1.0 / (double)rows)));
    TRY(transfer(s, true, s->measure, s->host, 2 * (size_t)O * sizeof *s->host));
    *done = true;
    for (int g = 0; g < s->members; g++) {
        member *m = &s->member[g];
        double uphill = 0;
        m->gradient = 0;
        for (int o = g * C; o < (g + 1) * C; o++) {
            uphill += (double)s->host[o];
            m->gradient = fmax(m->gradient, (double)s->host[O + o]);
        }
        m->lost = m->lost || !isfinite(uphill) || m->gradient > 1e6;
        if (uphill > 0)
            m->t = 1;
        *done = *done && (m->lost || m->gradient < s->tolerance);
    }
    return IJ_OK;
}

/* Trains all members on the first `rows` rows; their weights are then those of the last point. */
static ij_status learn(solver *s, int64_t rows, int most, int *steps)
{
    bool done = false;
    TRY(clear(s));
    for (int g = 0; g < s->members; g++)
        s->member[g].t = 1;
    for (*steps = 0; *steps < most && !done; ++*steps)
        TRY(one_step(s, rows, &done));
    const size_t bytes = (size_t)weight_floats(s) * sizeof(float);
    TRY(ij_cl_check(clEnqueueCopyBuffer(s->device->compute, s->before, s->l.weight, 0, 0, bytes, 0, NULL, NULL),
                    "copying a probe's weights"));
    return ij_cl_check(clEnqueueCopyBuffer(s->device->compute, s->bias_before, s->l.bias, 0, 0,
                                           (size_t)s->outputs * sizeof(float), 0, NULL, NULL),
                       "copying a probe's biases");
}

/* ---- Scoring ---------------------------------------------------------------------------------------------------- */

/* Scores member g on row r of the logits that the host has. */
static void score_row(const solver *s, int g, int r, int label, double *rating, ij_score *score)
{
    const float *logits = s->host + (int64_t)r * s->outputs + g * s->train->classes;
    for (int c = 0; c < s->train->classes; c++)
        rating[c] = (double)logits[c];
    ij_score_add(score, rating, label);
}

/* The training set's rows from `begin` on, by every member; scores [members] are the caller's. */
static ij_status score_train(solver *s, int64_t begin, ij_score *scores, double *rating)
{
    const ij_tail none = {0};
    for (int i = (int)(begin / s->x.each); i < s->x.count; i++) {
        int rows = ij_tiles_rows(&s->x, i);
        TRY(ij_gemm_forward(&s->gemm, &s->l, s->x.tile[i], s->d, rows, &none));
        TRY(transfer(s, true, s->d, s->host, (size_t)rows * (size_t)s->outputs * sizeof *s->host));
        for (int r = 0; r < rows; r++) {
            int64_t row = (int64_t)i * s->x.each + r;
            for (int g = 0; row >= begin && g < s->members; g++)
                score_row(s, g, r, s->train->labels[s->order[row]], rating, &scores[g]);
        }
    }
    return IJ_OK;
}

/* The test set passes through the first tile, which holds training images no longer. */
static ij_status score_test(solver *s, const ij_labelled *test, ij_score *score, double *rating)
{
    const ij_tail none = {0};
    int D = test->width;
    float *rows = malloc((size_t)s->x.each * (size_t)D * sizeof *rows);
    ij_status status = rows ? IJ_OK : ij_fail(IJ_ENOMEM, "no host memory for %d feature vectors", s->x.each);
    for (int64_t at = 0; at < test->n && !status; at += s->x.each) {
        int here = test->n - at < s->x.each ? (int)(test->n - at) : s->x.each;
        for (int r = 0; r < here; r++)
            for (int j = 0; j < D; j++)
                rows[(size_t)r * (size_t)D + (size_t)j] =
                    (float)ij_standard_of(s->standard, test->features + (at + r) * D, j);
        status = transfer(s, false, s->x.tile[0], rows, (size_t)here * (size_t)D * sizeof *rows);
        if (!status)
            status = ij_gemm_forward(&s->gemm, &s->l, s->x.tile[0], s->d, here, &none);
        if (!status)
            status = transfer(s, true, s->d, s->host, (size_t)here * (size_t)s->outputs * sizeof *s->host);
        for (int r = 0; r < here && !status; r++)
            score_row(s, 0, r, test->labels[at + r], rating, score);
    }
    free(rows);
    return status;
}

/* ---- All of it -------------------------------------------------------------------------------------------------- */

/* The member that is right most often on the rows from `begin` on; of equals the first: the safe rate and the strongest
 * decay. */
static ij_status choose(solver *s, int64_t begin, double *rating, ij_linear_result *result, int *chosen)
{
    ij_score scores[MEMBERS] = {{0}};
    ij_status status = IJ_OK;
    for (int g = 0; g < s->members && !status; g++)
        status = ij_score_create(&scores[g], s->train->classes);
    if (!status)
        status = score_train(s, begin, scores, rating);
    *chosen = -1;
    for (int g = 0; g < s->members && !status; g++)
        if (!s->member[g].lost && (*chosen < 0 || scores[g].top1 > scores[*chosen].top1))
            *chosen = g;
    if (!status && *chosen < 0)
        status = ij_fail(IJ_EINVAL, "no linear probe of the grid could be trained on these features");
    if (!status)
        result->held_top1 = ij_score_top1(&scores[*chosen]);
    for (int g = 0; g < s->members; g++)
        ij_score_destroy(&scores[g]);
    return status;
}

static ij_status search_grid(solver *s, int most, double *rating, ij_linear_result *result)
{
    int chosen, steps;
    result->held = s->train->n / HELD_OUT;
    s->members = MEMBERS;
    for (int g = 0; g < MEMBERS; g++)
        s->member[g] = (member){.rate = rates[g / DECAYS], .decay = decays[g % DECAYS] / (double)s->train->n};
    TRY(prepare(s));
    TRY(measure_curvature(s));
    TRY(learn(s, s->train->n - result->held, most < GRID_STEPS ? most : GRID_STEPS, &steps));
    TRY(choose(s, s->train->n - result->held, rating, result, &chosen));
    result->learning_rate = s->member[chosen].rate;
    result->weight_decay = s->member[chosen].decay;
    release(s);
    return IJ_OK;
}

static ij_status finish(solver *s, const ij_labelled *test, int most, double *rating, ij_linear_result *result)
{
    ij_score train = {0};
    s->members = 1;
    s->member[0] = (member){.rate = result->learning_rate, .decay = result->weight_decay};
    TRY(prepare(s));
    if (s->curvature <= 0)
        TRY(measure_curvature(s));
    TRY(learn(s, s->train->n, most, &result->steps));
    bool ended = !s->member[0].lost && s->member[0].gradient < s->tolerance;
    if (!ended && s->member[0].rate > 1) { /* with all images it may be too large after all */
        s->member[0] = (member){.rate = result->learning_rate = 1, .decay = result->weight_decay};
        TRY(learn(s, s->train->n, most, &result->steps));
    }
    result->gradient = s->member[0].gradient;
    TRY(ij_score_create(&train, s->train->classes));
    ij_status status = score_train(s, 0, &train, rating);
    result->train_top1 = ij_score_top1(&train);
    ij_score_destroy(&train);
    TRY(status);
    TRY(ij_score_create(&result->score, s->train->classes));
    return score_test(s, test, &result->score, rating);
}

static ij_status run(solver *s, const ij_labelled *test, const ij_linear_options *o, double *rating,
                     ij_linear_result *result)
{
    int most = o->steps ? o->steps : STEPS;
    if (o->weight_decay > 0) {
        result->learning_rate = 1;
        result->weight_decay = o->weight_decay;
    } else {
        if (s->train->n < 2 * HELD_OUT)
            return ij_fail(IJ_EINVAL, "a linear probe needs %d training images at least, to hold some out",
                           2 * HELD_OUT);
        TRY(search_grid(s, most, rating, result));
    }
    return finish(s, test, most, rating, result);
}

ij_status ij_linear_probe(ij_device *device, const ij_labelled *train, const ij_labelled *test,
                          const ij_linear_options *options, ij_linear_result *result)
{
    *result = (ij_linear_result){0};
    TRY(ij_labelled_check(train, test));
    ij_standard standard;
    TRY(ij_standard_create(&standard, train->features, train->n, train->width));
    int64_t *order = malloc((size_t)train->n * sizeof *order);
    double *rating = malloc((size_t)train->classes * sizeof *rating);
    solver s = {.device = device, .train = train, .order = order, .standard = &standard};
    s.tolerance = options->tolerance > 0 ? options->tolerance : tolerance;
    ij_status status;
    if (order && rating) {
        ij_split_shuffle(order, train->n, options->seed, 0);
        status = run(&s, test, options, rating, result);
        release(&s);
    } else
        status = ij_fail(IJ_ENOMEM, "no host memory for the order of %lld images", (long long)train->n);
    ij_standard_destroy(&standard);
    free(order);
    free(rating);
    if (status)
        ij_linear_result_free(result);
    return status;
}

void ij_linear_result_free(ij_linear_result *result)
{
    ij_score_destroy(&result->score);
}
