#include "engine/trainer.h"

#include "engine/base/try.h"
#include "engine/trainer_fit.h"
#include "engine/trainer_state.h"

#include <stdlib.h>
#include <string.h>

/* ---- Failures of the device ----------------------------------------------------------------------------------------
 */

ij_status ij_trainer_usable(const ij_trainer *t)
{
    if (t->failed_step < 0)
        return IJ_OK;
    return ij_fail(IJ_EDEVICE,
                   "step %lld failed on the device, so the weights there may be no step's: this trainer can no longer "
                   "be used; go on from the last checkpoint",
                   (long long)t->failed_step);
}

ij_status ij_trainer_check_wait(ij_trainer *t, cl_int code, const char *what)
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

ij_status ij_trainer_slot(ij_trainer *t, int number, ij_batch **batch)
{
    ij_slot *s = &t->slots[number];
    TRY(ij_trainer_usable(t));
    if (s->uploaded)
        TRY(ij_trainer_check_wait(t, ij_pace_wait(t->device, s->uploaded), "waiting for an upload"));
    if (s->consumed) /* also: the lists' copy on the host is free again */
        TRY(ij_trainer_check_wait(t, ij_pace_wait(t->device, s->consumed), "waiting for the device to read a batch"));
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
