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
    return ij_kernel_create(device, "attention", tuning, "attention_backward", &a->backward);
}

void ij_attention_destroy(ij_attention *a)
{
    if (a->forward)
        clReleaseKernel(a->forward);
    if (a->backward)
        clReleaseKernel(a->backward);
    memset(a, 0, sizeof *a);
}

ij_status ij_attention_forward(ij_attention *a, ij_sequences s, cl_mem qkv, cl_mem out, cl_mem stat)
{
    cl_float scale = 1.0f / sqrtf((float)a->head_dim);
    ij_grid grid = {
        .x = (size_t)a->heads, .y = (size_t)s.sequences, .local = 1, .shape = {s.sequences, s.tokens, a->head_dim}};
    return IJ_LAUNCH(a->device, a->forward, "attention", grid, IJ_ARG(qkv), IJ_ARG(s.offset), IJ_ARG(out), IJ_ARG(stat),
                     IJ_ARG(a->heads), IJ_ARG(s.tokens), IJ_ARG(scale));
}

ij_status ij_attention_backward(ij_attention *a, ij_sequences s, cl_mem qkv, cl_mem out, cl_mem stat, cl_mem dout,
                                cl_mem dqkv)
{
    cl_float scale = 1.0f / sqrtf((float)a->head_dim);
    ij_grid grid = {
        .x = (size_t)a->heads, .y = (size_t)s.sequences, .local = 1, .shape = {s.sequences, s.tokens, a->head_dim}};
    return IJ_LAUNCH(a->device, a->backward, "attention_backward", grid, IJ_ARG(qkv), IJ_ARG(s.offset), IJ_ARG(out),
                     IJ_ARG(stat), IJ_ARG(dout), IJ_ARG(dqkv), IJ_ARG(a->heads), IJ_ARG(s.tokens), IJ_ARG(scale));
}
