/* A training step: parts of a batch forward and backward, then one update; and what it measured. */
#include "engine/base/try.h"
#include "engine/trainer.h"
#include "engine/trainer_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
        TRY(ij_trainer_check_wait(t, ij_pace_wait(t->device, r->ready), "waiting for a result"));
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
    for (int i = 0; i < s->parts; i++) {
        TRY(enqueue_part(t, s, i, &objective, partials));
        if (t->told)
            t->told(t->whom, ij_slot_first(s, i) + ij_slot_images(s, i), ij_batch_own(&s->batch));
    }
    TRY(update(t, hyper, &objective));
    ij_cl_forget(&t->updated);
    TRY(ij_cl_check(clEnqueueMarkerWithWaitList(t->device->compute, 0, NULL, &t->updated), "marking a step's end"));
    return ij_cl_check(clFlush(t->device->compute), "starting a step");
}

ij_status ij_trainer_step(ij_trainer *t, int number, const ij_hyper *hyper)
{
    ij_slot *s = &t->slots[number];
    TRY(ij_trainer_usable(t));
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

void ij_trainer_tell_parts(ij_trainer *t, ij_part_told *told, void *whom)
{
    t->told = told;
    t->whom = whom;
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
    TRY(ij_trainer_check_wait(t, ij_pace_wait(t->device, r->ready), "waiting for a step"));
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
    TRY(ij_trainer_check_wait(t, clFinish(t->device->transfer), "waiting for the device"));
    return ij_trainer_check_wait(t, ij_pace_finish(t->device), "waiting for the device");
}
