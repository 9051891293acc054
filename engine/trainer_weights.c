/* What is asked of a trainer between steps: weights, copies of the state, outputs of the last step. */
#include "engine/base/try.h"
#include "engine/encoder_weights.h"
#include "engine/snapshot_memory.h"
#include "engine/trainer.h"
#include "engine/trainer_state.h"

#include <string.h>

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
    TRY(ij_trainer_usable(t));
    return t->updated ? ij_trainer_check_wait(t, ij_pace_wait(t->device, t->updated), "waiting for a step's end")
                      : IJ_OK;
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
    TRY(ij_trainer_usable(t));
    return ij_params_write(&t->model.params, index % count, store, index >= count, values);
}

ij_status ij_trainer_make_snapshot(ij_trainer *t, ij_snapshot **snapshot)
{
    return ij_snapshot_create(snapshot, &t->model.params);
}

ij_status ij_trainer_take_snapshot(ij_trainer *t, ij_snapshot *snapshot)
{
    TRY(ij_trainer_usable(t));
    return ij_snapshot_take(snapshot);
}

ij_status ij_trainer_make_encoder(ij_trainer *t, const ij_encoder_options *options, ij_encoder **encoder)
{
    *encoder = NULL;
    TRY(ij_trainer_usable(t));
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
    TRY(ij_trainer_usable(t));
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
    TRY(ij_trainer_usable(t));
    if (!t->updated)
        return ij_fail(IJ_EINVAL, "features of a batch were asked for before the first step");
    if (!(t->measured[(t->step - 1) & 1].objective.weight[IJ_TERM_FEATURE] > 0))
        return ij_fail(IJ_EINVAL, "features of a batch were asked for that only pixels were predicted of");
    const ij_batch *b = &t->slots[t->last_slot].batch;
    size_t dim = (size_t)t->config.model.dim;
    memset(features, 0, (size_t)b->images * dim * sizeof *features);
    return read_rows(t, t->model.features, 0, ij_batch_own(b), features + (size_t)b->first * dim);
}
