#include "engine/trainer.h"

#include "engine/base/try.h"
#include "engine/batch_numbers.h"
#include "engine/encoder_weights.h"
#include "engine/exchange.h"
#include "engine/model.h"
#include "engine/offload.h"
#include "engine/ops/optimizer.h"
#include "engine/slot.h"
#include "engine/snapshot_memory.h"
#include "engine/trainer_fit.h"
#include "engine/trainer_ranks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A step's measurements on their way back. */
typedef struct measurement {
    float *values; /* as model.measured */
    ij_objective objective;
    int partials[IJ_TERMS];
    int64_t elements[IJ_TERMS]; /* a term is a mean over these */
    float clip;                 /* what the gradient was multiplied by */
    int64_t step;
    cl_event ready;           /* all of it is there */
    ij_batch_numbers numbers; /* of the whole batch, where other ranks have shares of it */
} measurement;

struct ij_trainer {
    ij_device *device;
    ij_trainer_config config;
    ij_plan *plan;
    ij_model model;
    ij_optimizer optimizer;
    ij_offload offload;
    ij_exchange exchange;
    int64_t *updates; /* [segments] of each in this step: see updates_of */
    ij_slot slots[2];
    measurement measured[2];
    int first, own; /* the images of a batch that are computed here */
    int64_t step;
    int64_t failed_step; /* see `usable`; -1: none */
    cl_event updated;    /* the last step's optimiser is done */
    int kernels;
    int last_slot;
    ij_tensor_info *infos; /* encoder, predictor, target encoder */
    char (*names)[112];
};

/* ---- Failures of the device ----------------------------------------------------------------------------------------
 */

/* A step that fails on its way may leave weights behind of which some are a step ahead of others. Nobody may go on with
 * them, nor write them over a good checkpoint. */
static ij_status usable(const ij_trainer *t)
{
    if (t->failed_step < 0)
        return IJ_OK;
    return ij_fail(IJ_EDEVICE,
                   "step %lld failed on the device, so the weights there may be no step's: this trainer can no longer "
                   "be used; go on from the last checkpoint",
                   (long long)t->failed_step);
}

/* ij_cl_check for a wait: what fails then are the commands that were waited for, those of a step among them. */
static ij_status check_wait(ij_trainer *t, cl_int code, const char *what)
{
    if (code != CL_SUCCESS && t->failed_step < 0)
        t->failed_step = t->step > 0 ? t->step - 1 : 0;
    return ij_cl_check(code, what);
}

/* ---- Slots ------------------------------------------------------------------------------------------------------- */

ij_status ij_trainer_set_share(ij_trainer *t, int first, int images)
{
    if (first < 0 || images < 1 || images > ij_most_share(&t->config) || first > t->config.batch - images)
        return ij_fail(IJ_EINVAL, "images %d to %d are no share of a batch of %d", first, first + images - 1,
                       t->config.batch);
    t->first = first;
    t->own = images;
    return IJ_OK;
}

ij_status ij_trainer_agree_on_order(ij_trainer *t)
{
    int own = ij_gemm_rows_together(&t->model.gemm), first = own;
    if (!t->config.ranks)
        return IJ_OK;
    ij_ranks_from_first(t->config.ranks, &first, sizeof first);
    double others = own != first;
    ij_ranks_add(t->config.ranks, &others, 1);
    return others > 0 ? ij_exchange_officially(&t->exchange) : IJ_OK;
}

bool ij_trainer_reorders(const ij_trainer *t)
{
    return t->exchange.official != NULL;
}

struct ij_ranks *ij_trainer_ranks(const ij_trainer *t)
{
    return t->config.ranks;
}

ij_exchange_times ij_trainer_exchange(const ij_trainer *t)
{
    ij_exchange_times times = {.exposed = t->exchange.exposed, .busy = t->exchange.busy, .steps = t->exchange.steps};
    for (int i = 0; i < t->exchange.count; i++)
        times.bytes += ij_segment_bytes(&t->exchange.segments[i]);
    int ranks = ij_ranks_count(t->config.ranks);
    times.bytes = times.bytes * 2 * (uint64_t)(ranks - 1) / (uint64_t)ranks;
    return times;
}

ij_status ij_trainer_slot(ij_trainer *t, int number, ij_batch **batch)
{
    ij_slot *s = &t->slots[number];
    TRY(usable(t));
    if (s->uploaded)
        TRY(check_wait(t, ij_pace_wait(t->device, s->uploaded), "waiting for an upload"));
    if (s->consumed) /* also: the lists' copy on the host is free again */
        TRY(check_wait(t, ij_pace_wait(t->device, s->consumed), "waiting for the device to read a batch"));
    ij_cl_forget(&s->uploaded);
    ij_cl_forget(&s->consumed);
    if (!s->batch.pixels)
        TRY(ij_slot_map(s));
    s->batch.first = t->first;
    s->batch.own = t->own;
    *batch = &s->batch;
    return IJ_OK;
}

/* ---- Creation ---------------------------------------------------------------------------------------------------- */

static ij_status make_infos(ij_trainer *t)
{
    const ij_params *p = &t->model.params;
    int count = p->count + p->encoder_count;
    t->infos = calloc((size_t)count, sizeof *t->infos);
    t->names = calloc((size_t)count, sizeof *t->names);
    if (!t->infos || !t->names)
        return ij_fail(IJ_ENOMEM, "out of memory for the list of tensors");
    for (int i = 0; i < count; i++) {
        const ij_tensor *tensor = &p->tensors[i < p->count ? i : i - p->count];
        snprintf(t->names[i], sizeof t->names[i], "%s%s", i < p->count ? "" : "target_", tensor->name);
        t->infos[i] = (ij_tensor_info){
            .name = t->names[i], .dims = tensor->dims, .elements = (int64_t)tensor->rows * tensor->columns};
        memcpy(t->infos[i].shape, tensor->shape, sizeof tensor->shape);
    }
    return IJ_OK;
}

static ij_status plan_clipping(ij_trainer *t)
{
    size_t sums = 0;
    if (!(t->config.clip_grad > 0))
        return IJ_OK;
    for (int i = 0; i < t->model.params.segment_count; i++)
        sums += (size_t)ij_optimizer_sums(&t->optimizer, &t->model.params.segments[i]);
    TRY(ij_plan_add(t->plan, "scratch", IJ_F32, (int64_t)sums, &t->optimizer.sums));
    return ij_plan_add(t->plan, "scratch", IJ_F32, 1, &t->optimizer.clip);
}

static ij_status create(ij_trainer *t)
{
    TRY(ij_trainer_check(&t->config));
    TRY(ij_plan_create(&t->plan));
    ij_plan_limit(t->plan, t->config.memory);
    TRY(ij_model_plan(&t->model, t->device, &t->config, t->plan));
    TRY(ij_optimizer_create(&t->optimizer, t->device));
    TRY(plan_clipping(t));
    t->updates = calloc((size_t)t->model.params.segment_count, sizeof *t->updates);
    if (!t->updates)
        return ij_fail(IJ_ENOMEM, "out of memory for the list of updates");
    if (t->config.offload == IJ_OFFLOAD_MOMENTS)
        TRY(ij_offload_plan(&t->offload, t->device, t->model.params.segments, t->model.params.segment_count, t->plan));
    if (t->config.ranks)
        TRY(ij_exchange_plan(&t->exchange, t->device, t->config.ranks, &t->model.params, t->plan));
    for (int i = 0; i < 2; i++) {
        TRY(ij_slot_plan(&t->slots[i], t->device, &t->config, t->plan));
        t->measured[i].step = -1;
        t->measured[i].values = calloc((size_t)ij_model_measured(&t->config.model), sizeof(float));
        if (!t->measured[i].values)
            return ij_fail(IJ_ENOMEM, "out of memory for a step's results");
        if (t->config.ranks)
            TRY(ij_batch_numbers_create(&t->measured[i].numbers, t->config.ranks, ij_most_share(&t->config),
                                        t->config.model.dim));
    }
    TRY(ij_plan_commit(t->plan, t->device));
    TRY(ij_model_start(&t->model));
    for (int i = 0; i < 2; i++)
        TRY(ij_slot_start(&t->slots[i]));
    if (t->config.ranks)
        TRY(ij_exchange_start(&t->exchange));
    return make_infos(t);
}

ij_status ij_trainer_create_as(ij_trainer **trainer, ij_device *device, const ij_trainer_config *config)
{
    *trainer = NULL;
    ij_trainer *t = calloc(1, sizeof *t);
    if (!t)
        return ij_fail(IJ_ENOMEM, "out of memory for a trainer");
    t->device = device;
    t->config = *config;
    t->own = ij_most_share(config);
    t->failed_step = -1;
    ij_status status = create(t);
    if (status) {
        ij_trainer_destroy(t);
        return status;
    }
    *trainer = t;
    return IJ_OK;
}

void ij_trainer_destroy(ij_trainer *t)
{
    if (!t)
        return;
    clFinish(t->device->compute);
    ij_exchange_destroy(&t->exchange);
    for (int i = 0; i < 2; i++) {
        ij_slot_destroy(&t->slots[i]);
        ij_batch_numbers_destroy(&t->measured[i].numbers);
        ij_cl_forget(&t->measured[i].ready);
        free(t->measured[i].values);
    }
    ij_cl_forget(&t->updated);
    ij_offload_destroy(&t->offload);
    free(t->updates);
    ij_optimizer_destroy(&t->optimizer);
    ij_model_destroy(&t->model);
    ij_plan_destroy(t->plan);
    free(t->infos);
    free(t->names);
    free(t);
}

void ij_trainer_print_plan(const ij_trainer *t, FILE *out)
{
    ij_plan_print(t->plan, out);
}

uint64_t ij_trainer_device_bytes(const ij_trainer *t)
{
    return ij_plan_bytes(t->plan);
}

const ij_model_config *ij_trainer_model(const ij_trainer *t)
{
    return &t->config.model;
}

int ij_trainer_micro_batch(const ij_trainer *t)
{
    return t->model.config.batch;
}

bool ij_trainer_recomputes(const ij_trainer *t)
{
    return t->config.recompute == IJ_RECOMPUTE_BLOCKS;
}

bool ij_trainer_offloads(const ij_trainer *t)
{
    return t->config.offload == IJ_OFFLOAD_MOMENTS;
}

int ij_trainer_kernels(const ij_trainer *t)
{
    return t->kernels;
}

/* ---- The step ---------------------------------------------------------------------------------------------------- */

ij_objective ij_trainer_objective(const ij_trainer *t, int64_t k, const ij_hyper *hyper)
{
    const ij_trainer_config *c = &t->config;
    if (k < hyper->features_from)
        return (ij_objective){{[IJ_TERM_PIXEL] = 1}};
    return (ij_objective){{[IJ_TERM_FEATURE] = 1,
                           [IJ_TERM_PIXEL] = c->pixel_weight,
                           [IJ_TERM_VARIANCE] = c->variance_weight,
                           [IJ_TERM_COVARIANCE] = c->covariance_weight,
                           [IJ_TERM_SIGREG] = c->sigreg_weight}};
}

/* How many updates segment i has seen once this step's is done; 0: it gets none, since its head takes no part. */
static int64_t updates_of(const ij_trainer *t, int i, const ij_objective *o, const ij_hyper *hyper)
{
    const int *head = t->model.params.head;
    for (int term = 0; term < IJ_TERMS; term++)
        if (head[term] == i && !(o->weight[term] > 0))
            return 0;
    return t->step + 1 - (head[IJ_TERM_FEATURE] == i ? hyper->features_from : 0);
}

/* The factor that the whole gradient of this step, that of heads which take no part left out, is clipped with; it
 * stays on the device, and a copy of it is sent to the host behind the step's other measurements. */
static ij_status clip(ij_trainer *t, const ij_hyper *hyper, const ij_objective *o)
{
    measurement *r = &t->measured[t->step % 2];
    cl_event ready;
    int sums = 0;
    for (int i = 0; i < t->model.params.segment_count; i++)
        if (updates_of(t, i, o, hyper) > 0)
            TRY(ij_optimizer_square(&t->optimizer, &t->model.params.segments[i], &sums));
    TRY(ij_optimizer_clip(&t->optimizer, sums, t->config.clip_grad));
    TRY(ij_cl_check(clEnqueueReadBuffer(t->device->compute, t->optimizer.clip, CL_FALSE, 0, sizeof r->clip, &r->clip, 0,
                                        NULL, &ready),
                    "reading a result"));
    ij_cl_forget(&r->ready);
    r->ready = ready;
    return IJ_OK;
}

static ij_status update(ij_trainer *t, const ij_hyper *hyper, const ij_objective *o)
{
    const ij_trainer_config *c = &t->config;
    ij_adamw a = {
        .lr = hyper->lr, .wd = hyper->wd, .ema = hyper->ema, .beta1 = c->beta1, .beta2 = c->beta2, .eps = c->eps};
    a.clipped = c->clip_grad > 0;
    const ij_segment *segments = t->model.params.segments;
    int count = t->model.params.segment_count;
    for (int i = 0; i < count; i++)
        t->updates[i] = updates_of(t, i, o, hyper);
    bool in_rooms = t->offload.room[0][0] != NULL, all_first = a.clipped || in_rooms;
    int sent = c->ranks ? t->exchange.sent : 0;
    for (int i = 0; i < sent && all_first; i++)
        TRY(ij_exchange_receive(&t->exchange, t->exchange.order[i]));
    if (a.clipped)
        TRY(clip(t, hyper, o));
    if (in_rooms)
        return ij_offload_update(&t->offload, &t->optimizer, segments, t->updates, count, a);
    for (int i = 0; i < (c->ranks ? sent : count); i++) {
        int segment = c->ranks ? t->exchange.order[i] : i; /* in the order in which the gradients arrive */
        if (c->ranks && !all_first)
            TRY(ij_exchange_receive(&t->exchange, segment));
        if ((a.step = t->updates[segment]) > 0)
            TRY(ij_optimizer_step(&t->optimizer, &segments[segment], &a));
    }
    return IJ_OK;
}

/* Sends loss and spread on their way back to the host. */
static ij_status measure(ij_trainer *t, const ij_slot *s, const int *partials, const ij_objective *objective)
{
    ij_model *m = &t->model;
    measurement *r = &t->measured[t->step % 2];
    if (r->ready)
        TRY(check_wait(t, ij_pace_wait(t->device, r->ready), "waiting for a result"));
    ij_cl_forget(&r->ready);
    memcpy(r->partials, partials, sizeof r->partials);
    const ij_batch *b = &s->batch;
    int64_t predictions = (int64_t)b->targets * b->contexts * b->images * b->target_length;
    r->elements[IJ_TERM_FEATURE] = predictions * m->encoder.dim;
    r->elements[IJ_TERM_PIXEL] = predictions * m->predictor.pixels.out;
    r->elements[IJ_TERM_VARIANCE] = r->elements[IJ_TERM_COVARIANCE] = m->encoder.dim;
    r->elements[IJ_TERM_SIGREG] = IJ_DIRECTIONS;
    r->objective = *objective;
    r->step = t->step;
    ij_batch_numbers *n = &r->numbers;
    if (t->config.ranks) {
        ij_batch_numbers_wait(n);
        n->images = objective->weight[IJ_TERM_FEATURE] > 0 ? ij_batch_own(b) : 0;
        n->partial = r->values;
        memcpy(n->partials, partials, sizeof n->partials);
        size_t bytes = (size_t)n->images * (size_t)n->dim * sizeof(float);
        if (bytes)
            TRY(ij_cl_check(
                clEnqueueReadBuffer(t->device->compute, m->features, CL_FALSE, 0, bytes, n->features, 0, NULL, NULL),
                "reading a result"));
    }
    size_t bytes = (size_t)ij_model_measured(&t->config.model) * sizeof(float);
    TRY(ij_cl_check(
        clEnqueueReadBuffer(t->device->compute, m->measured, CL_FALSE, 0, bytes, r->values, 0, NULL, &r->ready),
        "reading a result"));
    if (t->config.ranks)
        ij_batch_numbers_begin(n, r->ready);
    return IJ_OK;
}

static ij_status send_gradient(void *trainer, int segment)
{
    ij_trainer *t = trainer;
    return ij_exchange_send(&t->exchange, segment);
}

/* Enqueues the passes of one micro-batch; partials: the most sums so far that each term's loss comes in. */
static ij_status enqueue_part(ij_trainer *t, ij_slot *s, int part, const ij_objective *objective, int *partials)
{
    ij_model *m = &t->model;
    int sums[IJ_TERMS] = {0};
    ij_device_batch b = {.first = ij_slot_first(s, part),
                         .images = ij_slot_images(s, part),
                         .last = part + 1 == s->parts,
                         .pixels = s->pixels,
                         .index = &s->index[part],
                         .target_length = s->batch.target_length,
                         .objective = *objective,
                         .final = t->config.ranks ? send_gradient : NULL,
                         .whom = t,
                         .step = t->step};
    b.share = (double)b.images / s->batch.images;
    memcpy(b.list, s->list, sizeof b.list);
    TRY(ij_slot_upload_lists(s, part));
    TRY(ij_model_patchify(m, &b));
    if (b.last) {
        ij_cl_forget(&s->consumed);
        TRY(ij_cl_check(clEnqueueMarkerWithWaitList(t->device->compute, 0, NULL, &s->consumed),
                        "marking a batch as read"));
    }
    TRY(ij_model_target(m, &b));
    TRY(ij_model_predict(m, &b));
    TRY(ij_model_loss(m, &b, sums));
    for (int i = 0; i < IJ_TERMS; i++)
        partials[i] = sums[i] > partials[i] ? sums[i] : partials[i];
    if (b.last)
        TRY(measure(t, s, partials, objective));
    return ij_model_backward(m, &b);
}

/* Enqueues the whole step on a batch whose lists are filled. */
static ij_status enqueue(ij_trainer *t, ij_slot *s, const ij_hyper *hyper)
{
    ij_objective objective = ij_trainer_objective(t, t->step, hyper);
    int partials[IJ_TERMS] = {0};
    TRY(ij_slot_upload(s));
    if (t->config.ranks) /* the segment around the encoder's blocks has the last gradient */
        ij_exchange_begin(&t->exchange, t->step, t->model.params.blocks[IJ_NETWORK_ENCODER] - 1);
    for (int i = 0; i < s->parts; i++)
        TRY(enqueue_part(t, s, i, &objective, partials));
    TRY(update(t, hyper, &objective));
    ij_cl_forget(&t->updated);
    TRY(ij_cl_check(clEnqueueMarkerWithWaitList(t->device->compute, 0, NULL, &t->updated), "marking a step's end"));
    return ij_cl_check(clFlush(t->device->compute), "starting a step");
}

ij_status ij_trainer_step(ij_trainer *t, int number, const ij_hyper *hyper)
{
    ij_slot *s = &t->slots[number];
    TRY(usable(t));
    if (t->step < hyper->features_from && !t->config.model.pixel_head)
        return ij_fail(IJ_EINVAL, "step %lld is about pixels, and the model has no head for them", (long long)t->step);
    TRY(ij_slot_fill(s, t->model.patches));
    t->device->launches = 0;
    ij_status status = enqueue(t, s, hyper);
    if (status) {
        t->failed_step = t->step;
        return status;
    }
    t->kernels = t->device->launches;
    t->last_slot = number;
    t->step++;
    return IJ_OK;
}

int64_t ij_trainer_steps(const ij_trainer *t)
{
    return t->step;
}

ij_status ij_trainer_set_step(ij_trainer *t, int64_t step)
{
    if (step < 0)
        return ij_fail(IJ_EINVAL, "a run cannot go on from step %lld", (long long)step);
    t->step = step;
    return IJ_OK;
}

ij_status ij_trainer_result(ij_trainer *t, int64_t k, ij_step_result *result)
{
    const measurement *r = &t->measured[k & 1];
    if (k < 0 || r->step != k)
        return ij_fail(IJ_EINVAL, "the result of step %lld is not kept", (long long)k);
    TRY(check_wait(t, ij_pace_wait(t->device, r->ready), "waiting for a step"));
    *result = (ij_step_result){.target_std = NAN, .clipped = NAN};
    const ij_batch_numbers *n = t->config.ranks ? &r->numbers : NULL;
    if (n)
        ij_batch_numbers_wait(&t->measured[k & 1].numbers);
    if (t->config.clip_grad > 0)
        result->clipped = 1 - (double)r->clip;
    for (int term = 0; term < IJ_TERMS; term++) {
        double sum = 0.0, weight = r->objective.weight[term];
        for (int i = 0; i < r->partials[term]; i++)
            sum += r->values[term * IJ_LOSS_PARTIALS + i];
        if (n)
            sum = n->sums[term];
        result->term[term] = weight > 0 ? sum / (double)r->elements[term] : NAN;
        if (weight > 0)
            result->loss += weight * result->term[term];
    }
    if (n && r->objective.weight[IJ_TERM_FEATURE] > 0) {
        result->target_std = ij_batch_numbers_spread(n, t->config.batch);
    } else if (r->objective.weight[IJ_TERM_FEATURE] > 0) {
        double sum = 0.0;
        for (int i = 0; i < t->config.model.dim; i++)
            sum += r->values[IJ_TERMS * IJ_LOSS_PARTIALS + i];
        result->target_std = sum / t->config.model.dim;
    }
    return IJ_OK;
}

ij_status ij_trainer_finish(ij_trainer *t)
{
    TRY(check_wait(t, clFinish(t->device->transfer), "waiting for the device"));
    return check_wait(t, ij_pace_finish(t->device), "waiting for the device");
}

/* ---- Weights ----------------------------------------------------------------------------------------------------- */

int ij_trainer_tensor_count(const ij_trainer *t)
{
    return t->model.params.count + t->model.params.encoder_count;
}

const ij_tensor_info *ij_trainer_tensor(const ij_trainer *t, int index)
{
    return &t->infos[index];
}

/* Whoever reads weights reads those of a step that came to its end. */
static ij_status settled(ij_trainer *t)
{
    TRY(usable(t));
    return t->updated ? check_wait(t, ij_pace_wait(t->device, t->updated), "waiting for a step's end") : IJ_OK;
}

ij_status ij_trainer_read(ij_trainer *t, int index, ij_store store, float *values)
{
    int count = t->model.params.count;
    TRY(settled(t));
    return ij_params_read(&t->model.params, index % count, store, index >= count, values);
}

ij_status ij_trainer_write(ij_trainer *t, int index, ij_store store, const float *values)
{
    int count = t->model.params.count;
    TRY(usable(t));
    return ij_params_write(&t->model.params, index % count, store, index >= count, values);
}

ij_status ij_trainer_make_snapshot(ij_trainer *t, ij_snapshot **snapshot)
{
    return ij_snapshot_create(snapshot, &t->model.params);
}

ij_status ij_trainer_take_snapshot(ij_trainer *t, ij_snapshot *snapshot)
{
    TRY(usable(t));
    return ij_snapshot_take(snapshot);
}

ij_status ij_trainer_make_encoder(ij_trainer *t, const ij_encoder_options *options, ij_encoder **encoder)
{
    *encoder = NULL;
    TRY(usable(t));
    return ij_encoder_create_over(encoder, t->device, &t->config.model, &t->model.target, &t->model.gemm, options);
}

/* ---- Outputs ----------------------------------------------------------------------------------------------------- */

static ij_status read_rows(ij_trainer *t, cl_mem memory, int64_t row, int64_t rows, float *values)
{
    size_t bytes = (size_t)t->config.model.dim * sizeof(float);
    return ij_cl_check(clEnqueueReadBuffer(t->device->compute, memory, CL_TRUE, (size_t)row * bytes,
                                           (size_t)rows * bytes, values, 0, NULL, NULL),
                       "reading an output");
}

ij_status ij_trainer_output(ij_trainer *t, ij_output which, float *values, int64_t capacity, int64_t *tokens)
{
    const ij_model *m = &t->model;
    const ij_slot *slot = &t->slots[t->last_slot];
    const ij_batch_index *n = slot->index;
    int dim = t->config.model.dim;
    TRY(usable(t));
    if (slot->parts > 1)
        return ij_fail(IJ_EINVAL, "the outputs of a step are asked for, and are there for its last micro-batch only");
    *tokens = which == IJ_OUTPUT_CONTEXT ? n->context_tokens : n->predictions;
    if (*tokens * dim > capacity)
        return ij_fail(IJ_EINVAL, "an output of %lld floats does not fit into %lld", (long long)(*tokens * dim),
                       (long long)capacity);
    if (which != IJ_OUTPUT_TARGET)
        return read_rows(t, which == IJ_OUTPUT_CONTEXT ? m->context : m->prediction, 0, *tokens, values);
    /* Targets are kept once, and stand beside every context block. */
    int64_t block = n->target_rows / t->config.targets;
    for (int64_t k = 0; k < (int64_t)t->config.targets * t->config.contexts; k++)
        TRY(read_rows(t, m->target_rows, k / t->config.contexts * block, block, values + k * block * dim));
    return IJ_OK;
}

ij_status ij_trainer_batch_features(ij_trainer *t, float *features)
{
    TRY(usable(t));
    if (!t->updated)
        return ij_fail(IJ_EINVAL, "features of a batch were asked for before the first step");
    if (!(t->measured[(t->step - 1) & 1].objective.weight[IJ_TERM_FEATURE] > 0))
        return ij_fail(IJ_EINVAL, "features of a batch were asked for that only pixels were predicted of");
    const ij_batch *b = &t->slots[t->last_slot].batch;
    size_t dim = (size_t)t->config.model.dim;
    memset(features, 0, (size_t)b->images * dim * sizeof *features);
    return read_rows(t, t->model.features, 0, ij_batch_own(b), features + (size_t)b->first * dim);
}
