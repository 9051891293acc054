#include "engine/ops/attention.h"

#include "engine/base/try.h"
#include "engine/ops/implementations.h"
#include "engine/program.h"

#include <math.h>
#include <string.h>

static const ij_attention_row *row_of(const ij_attention *a, ij_group group)
{
    return (const ij_attention_row *)ij_row_for(&a->device->tuning, group, a->head_dim, 0); /* its first member */
}

static void release(cl_kernel *kernels)
{
    for (int i = 0; i < IJ_ATTENTION_KERNELS; i++) {
        if (kernels[i])
            clReleaseKernel(kernels[i]);
        kernels[i] = NULL;
    }
}

/* All kernels of a direction with the same parameters: where the driver allows one of them smaller ones only, the
 * others are made anew. */
static ij_status create(const ij_attention *a, const ij_attention_row *row, cl_kernel *kernels, ij_choice *choice)
{
    const ij_tuning *t = &a->device->tuning;
    ij_kernel_tuning tuning = {.of = &row->kernels, .shape = {a->head_dim, 0}, .defines = {{"DH", a->head_dim}}};
    do {
        release(kernels);
        *choice = *ij_choice_for(t, &row->kernels, a->head_dim, 0);
        for (int i = 0; i < IJ_ATTENTION_KERNELS && row->names[i]; i++)
            TRY(ij_kernel_create_fitting(a->device, row->source, tuning, row->names[i], &kernels[i]));
    } while (memcmp(choice, ij_choice_for(t, &row->kernels, a->head_dim, 0), sizeof *choice) != 0);
    return IJ_OK;
}

ij_status ij_attention_create(ij_attention *a, ij_device *device, int heads, int head_dim)
{
    *a = (ij_attention){.device = device, .heads = heads, .head_dim = head_dim};
    a->forward_row = row_of(a, IJ_GROUP_ATTENTION);
    a->backward_row = row_of(a, IJ_GROUP_ATTENTION_BACKWARD);
    TRY(create(a, a->forward_row, a->forward, &a->forward_choice));
    return create(a, a->backward_row, a->backward, &a->backward_choice);
}

void ij_attention_destroy(ij_attention *a)
{
    release(a->forward);
    release(a->backward);
    memset(a, 0, sizeof *a);
}

/* The lengths are on the device; where they are nearly one the square of their mean is the mean of their squares. */
ij_grid ij_attention_grid(const ij_attention *a, ij_sequences s, ij_form form, int y, int local, double products)
{
    double scores = s.sequences ? (double)s.tokens * s.tokens / s.sequences : 0.0;
    return (ij_grid){.x = (size_t)a->heads,
                     .y = (size_t)y,
                     .local = (size_t)local,
                     .flops = 2.0 * products * scores * a->heads * a->head_dim,
                     .what = {IJ_OPERATION_ATTENTION, form, 0, {s.sequences, s.tokens, a->head_dim}}};
}

float ij_attention_scale(const ij_attention *a)
{
    return 1.0f / sqrtf((float)a->head_dim);
}

ij_status ij_attention_forward(ij_attention *a, ij_sequences s, cl_mem qkv, cl_mem out, cl_mem stat)
{
    ij_attention_memory m = {.s = s, .qkv = qkv, .out = out, .stat = stat};
    return a->forward_row->run(a, a->forward, &m);
}

ij_status ij_attention_backward(ij_attention *a, ij_sequences s, cl_mem qkv, cl_mem out, cl_mem stat, cl_mem dout,
                                cl_mem dqkv)
{
    ij_attention_memory m = {s, qkv, out, stat, dout, dqkv};
    return a->backward_row->run(a, a->backward, &m);
}
