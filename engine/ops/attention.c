#include "engine/ops/attention.h"

#include "engine/base/try.h"
#include "engine/launch.h"
#include "engine/program.h"

#include <math.h>
#include <string.h>

ij_status ij_attention_create(ij_attention *a, ij_device *device, int heads, int head_dim)
{
    memset(a, 0, sizeof *a);
    a->device = device;
    a->heads = heads;
    a->head_dim = head_dim;
    ij_kernel_tuning tuning = {IJ_GROUP_ATTENTION, {head_dim, 0}, "DH", head_dim};
    TRY(ij_kernel_create(device, "attention", tuning, "attention", &a->forward));
    tuning.group = IJ_GROUP_ATTENTION_BACKWARD;
    if (device->tuning.family == IJ_FAMILY_CPU)
        return ij_kernel_create(device, "attention", tuning, "attention_backward", &a->backward);
    TRY(ij_kernel_create(device, "attention", tuning, "attention_backward_q", &a->backward));
    return ij_kernel_create(device, "attention", tuning, "attention_backward_kv", &a->backward_kv);
}

void ij_attention_destroy(ij_attention *a)
{
    if (a->forward)
        clReleaseKernel(a->forward);
    if (a->backward)
        clReleaseKernel(a->backward);
    if (a->backward_kv)
        clReleaseKernel(a->backward_kv);
    memset(a, 0, sizeof *a);
}

/* ---- GPU --------------------------------------------------------------------------------------------------------- */

/* Work-groups of 8 x 8 items: heads x blocks of rows, see find_rows in cl/gpu_attention.cl. */
static ij_grid block_grid(const ij_attention *a, ij_sequences s, ij_group group)
{
    int rows = ij_param_value(&a->device->tuning, group, "BR", a->head_dim, 0);
    ij_grid grid = {.x = (size_t)a->heads, .y = (size_t)(s.tokens / rows + s.sequences), .local = 64};
    const int shape[3] = {s.sequences, s.tokens, a->head_dim};
    memcpy(grid.shape, shape, sizeof shape);
    return grid;
}

static ij_status blocks_forward(ij_attention *a, ij_sequences s, cl_mem qkv, cl_mem out, cl_mem stat, cl_float scale)
{
    return IJ_LAUNCH(a->device, a->forward, "attention", block_grid(a, s, IJ_GROUP_ATTENTION), IJ_ARG(qkv),
                     IJ_ARG(s.offset), IJ_ARG(out), IJ_ARG(stat), IJ_ARG(a->heads), IJ_ARG(s.tokens), IJ_ARG(scale),
                     IJ_ARG(s.sequences));
}

static ij_status blocks_backward(ij_attention *a, ij_sequences s, cl_mem qkv, cl_mem out, cl_mem stat, cl_mem dout,
                                 cl_mem dqkv, cl_float scale)
{
    ij_grid grid = block_grid(a, s, IJ_GROUP_ATTENTION_BACKWARD);
    TRY(IJ_LAUNCH(a->device, a->backward, "attention_backward_q", grid, IJ_ARG(qkv), IJ_ARG(s.offset), IJ_ARG(out),
                  IJ_ARG(stat), IJ_ARG(dout), IJ_ARG(dqkv), IJ_ARG(a->heads), IJ_ARG(s.tokens), IJ_ARG(scale),
                  IJ_ARG(s.sequences)));
    return IJ_LAUNCH(a->device, a->backward_kv, "attention_backward_kv", grid, IJ_ARG(qkv), IJ_ARG(s.offset),
                     IJ_ARG(stat), IJ_ARG(dout), IJ_ARG(dqkv), IJ_ARG(a->heads), IJ_ARG(s.tokens), IJ_ARG(scale),
                     IJ_ARG(s.sequences));
}

/* ---- Both families ----------------------------------------------------------------------------------------------- */

ij_status ij_attention_forward(ij_attention *a, ij_sequences s, cl_mem qkv, cl_mem out, cl_mem stat)
{
    cl_float scale = 1.0f / sqrtf((float)a->head_dim);
    if (a->device->tuning.family == IJ_FAMILY_GPU)
        return blocks_forward(a, s, qkv, out, stat, scale);
    ij_grid grid = {
        .x = (size_t)a->heads, .y = (size_t)s.sequences, .local = 1, .shape = {s.sequences, s.tokens, a->head_dim}};
    return IJ_LAUNCH(a->device, a->forward, "attention", grid, IJ_ARG(qkv), IJ_ARG(s.offset), IJ_ARG(out), IJ_ARG(stat),
                     IJ_ARG(a->heads), IJ_ARG(s.tokens), IJ_ARG(scale));
}

ij_status ij_attention_backward(ij_attention *a, ij_sequences s, cl_mem qkv, cl_mem out, cl_mem stat, cl_mem dout,
                                cl_mem dqkv)
{
    cl_float scale = 1.0f / sqrtf((float)a->head_dim);
    if (a->device->tuning.family == IJ_FAMILY_GPU)
        return blocks_backward(a, s, qkv, out, stat, dout, dqkv, scale);
    ij_grid grid = {
        .x = (size_t)a->heads, .y = (size_t)s.sequences, .local = 1, .shape = {s.sequences, s.tokens, a->head_dim}};
    return IJ_LAUNCH(a->device, a->backward, "attention_backward", grid, IJ_ARG(qkv), IJ_ARG(s.offset), IJ_ARG(out),
                     IJ_ARG(stat), IJ_ARG(dout), IJ_ARG(dqkv), IJ_ARG(a->heads), IJ_ARG(s.tokens), IJ_ARG(scale));
}
