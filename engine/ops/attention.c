#include "engine/ops/attention.h"

#include "engine/base/try.h"
#include "engine/launch.h"
#include "engine/program.h"

#include <math.h>
#include <string.h>

enum { FORWARD = 2, BACKWARD = 5 }; /* products: q k^T and p v; the first again, dp, dq, dk, dv */

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

/* A work-item for each head of each sequence. products: how many [length, head_dim] x [head_dim, length] the kernel
 * computes. The lengths are on the device; where they are nearly one the square of their mean is the mean of their
 * squares. */
static ij_grid grid_of(const ij_attention *a, ij_sequences s, ij_form form, double products)
{
    double scores = s.sequences ? (double)s.tokens * s.tokens / s.sequences : 0.0;
    return (ij_grid){.x = (size_t)a->heads,
                     .y = (size_t)s.sequences,
                     .local = 1,
                     .flops = 2.0 * products * scores * a->heads * a->head_dim,
                     .what = {IJ_OPERATION_ATTENTION, form, 0, {s.sequences, s.tokens, a->head_dim}}};
}

/* ---- GPU --------------------------------------------------------------------------------------------------------- */

/* Work-groups of 8 x 8 items: heads x blocks of rows, see find_rows in cl/gpu_attention.cl. */
static ij_grid block_grid(const ij_attention *a, ij_sequences s, ij_form form, double products)
{
    ij_group group = form == IJ_FORWARD ? IJ_GROUP_ATTENTION : IJ_GROUP_ATTENTION_BACKWARD;
    int rows = ij_param_value(&a->device->tuning, group, "BR", a->head_dim, 0);
    ij_grid grid = grid_of(a, s, form, products);
    grid.y = (size_t)(s.tokens / rows + s.sequences);
    grid.local = 64;
    return grid;
}

static ij_status blocks_forward(ij_attention *a, ij_sequences s, cl_mem qkv, cl_mem out, cl_mem stat, cl_float scale)
{
    return IJ_LAUNCH(a->device, a->forward, "attention", block_grid(a, s, IJ_FORWARD, FORWARD), IJ_ARG(qkv),
                     IJ_ARG(s.offset), IJ_ARG(out), IJ_ARG(stat), IJ_ARG(a->heads), IJ_ARG(s.tokens), IJ_ARG(scale),
                     IJ_ARG(s.sequences));
}

static ij_status blocks_backward(ij_attention *a, ij_sequences s, cl_mem qkv, cl_mem out, cl_mem stat, cl_mem dout,
                                 cl_mem dqkv, cl_float scale)
{
    /* The two kernels compute two of five products twice: their rates say how fast the five are. */
    ij_grid grid = block_grid(a, s, IJ_BACKWARD, BACKWARD * 3.0 / 7.0);
    TRY(IJ_LAUNCH(a->device, a->backward, "attention_backward_q", grid, IJ_ARG(qkv), IJ_ARG(s.offset), IJ_ARG(out),
                  IJ_ARG(stat), IJ_ARG(dout), IJ_ARG(dqkv), IJ_ARG(a->heads), IJ_ARG(s.tokens), IJ_ARG(scale),
                  IJ_ARG(s.sequences)));
    grid = block_grid(a, s, IJ_BACKWARD, BACKWARD * 4.0 / 7.0);
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
    ij_grid grid = grid_of(a, s, IJ_FORWARD, FORWARD);
    return IJ_LAUNCH(a->device, a->forward, "attention", grid, IJ_ARG(qkv), IJ_ARG(s.offset), IJ_ARG(out), IJ_ARG(stat),
                     IJ_ARG(a->heads), IJ_ARG(s.tokens), IJ_ARG(scale));
}

ij_status ij_attention_backward(ij_attention *a, ij_sequences s, cl_mem qkv, cl_mem out, cl_mem stat, cl_mem dout,
                                cl_mem dqkv)
{
    cl_float scale = 1.0f / sqrtf((float)a->head_dim);
    if (a->device->tuning.family == IJ_FAMILY_GPU)
        return blocks_backward(a, s, qkv, out, stat, dout, dqkv, scale);
    ij_grid grid = grid_of(a, s, IJ_BACKWARD, BACKWARD);
    return IJ_LAUNCH(a->device, a->backward, "attention_backward", grid, IJ_ARG(qkv), IJ_ARG(s.offset), IJ_ARG(out),
                     IJ_ARG(stat), IJ_ARG(dout), IJ_ARG(dqkv), IJ_ARG(a->heads), IJ_ARG(s.tokens), IJ_ARG(scale));
}
