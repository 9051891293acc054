#include "engine/ops/layernorm.h"

#include "engine/launch.h"
#include "engine/program.h"

#include <string.h>

ij_status ij_layernorm_create(ij_layernorm *l, ij_device *device)
{
    memset(l, 0, sizeof *l);
    l->device = device;
    ij_status status =
        ij_kernel_create(device, "layernorm", (ij_kernel_tuning){.group = IJ_GROUP_ROWS}, "layernorm", &l->forward);
    if (!status)
        status = ij_kernel_create(device, "layernorm", (ij_kernel_tuning){.group = IJ_GROUP_ROWS}, "layernorm_backward",
                                  &l->backward);
    return status ? status
                  : ij_kernel_create(device, "layernorm", (ij_kernel_tuning){.group = IJ_GROUP_ROWS},
                                     "layernorm_reduce", &l->reduce);
}

void ij_layernorm_destroy(ij_layernorm *l)
{
    cl_kernel kernels[] = {l->forward, l->backward, l->reduce};
    for (int i = 0; i < 3; i++)
        if (kernels[i])
            clReleaseKernel(kernels[i]);
    memset(l, 0, sizeof *l);
}

static int most_items(const ij_device *device)
{
    return 8 * (int)device->info.compute_units;
}

size_t ij_layernorm_partial(const ij_device *device, int dim)
{
    return (size_t)most_items(device) * 2 * (size_t)dim;
}

/* Rows of a work-group going forward. */
static int rows_each(const ij_device *device)
{
    const ij_tuning *t = &device->tuning;
    return t->family == IJ_FAMILY_CPU ? 8 : ij_tuning_row_items(t) / ij_param_value(t, IJ_GROUP_ROWS, "LANES", 0, 0);
}

static ij_status forward(ij_layernorm *l, const ij_norm *n, cl_mem x, cl_mem rows, cl_mem y, int count, cl_int add)
{
    cl_int use_rows = rows != NULL, affine = n->gain != NULL, each = rows_each(l->device);
    cl_mem gain = affine ? n->gain : x, bias = affine ? n->bias : x;
    rows = use_rows ? rows : x;
    ij_grid grid = {.x = (size_t)ij_ceil_div(count, each), .y = 1};
    grid.local = (size_t)ij_tuning_row_items(&l->device->tuning);
    grid.bytes = (add ? 12.0 : 8.0) * count * n->dim;
    grid.what = (ij_operation){IJ_OPERATION_LAYERNORM, IJ_FORWARD, 0, {count, n->dim}};
    return IJ_LAUNCH(l->device, l->forward, "layernorm", grid, IJ_ARG(x), IJ_ARG(y), IJ_ARG(gain), IJ_ARG(bias),
                     IJ_ARG(rows), IJ_ARG(use_rows), IJ_ARG(affine), IJ_ARG(add), IJ_ARG(count), IJ_ARG(n->dim),
                     IJ_ARG(n->eps), IJ_ARG(each));
}

ij_status ij_layernorm_forward(ij_layernorm *l, const ij_norm *n, cl_mem x, cl_mem rows, cl_mem y, int count)
{
    return forward(l, n, x, rows, y, count, 0);
}

ij_status ij_layernorm_add(ij_layernorm *l, const ij_norm *n, cl_mem x, cl_mem rows, cl_mem y, int count)
{
    return forward(l, n, x, rows, y, count, 1);
}

ij_status ij_layernorm_backward(ij_layernorm *l, const ij_norm *n, cl_mem x, cl_mem rows, cl_mem dy, cl_mem dx,
                                int count, int accumulate)
{
    cl_int use_rows = rows != NULL, each = ij_ceil_div(count, most_items(l->device));
    each = each < 4 ? 4 : each;
    cl_int items = ij_ceil_div(count, each);
    rows = use_rows ? rows : x;
    const ij_tuning *tuning = &l->device->tuning;
    ij_grid grid = {.x = (size_t)items, .y = 1, .local = (size_t)ij_tuning_row_items(tuning)};
    grid.bytes = (accumulate ? 16.0 : 12.0) * count * n->dim;
    grid.what = (ij_operation){IJ_OPERATION_LAYERNORM, IJ_BACKWARD, 0, {count, n->dim}};
    const ij_arg args[] = {IJ_ARG(x),
                           IJ_ARG(dy),
                           IJ_ARG(dx),
                           IJ_ARG(n->gain),
                           IJ_ARG(rows),
                           IJ_ARG(use_rows),
                           IJ_ARG(l->partial),
                           IJ_ARG(count),
                           IJ_ARG(n->dim),
                           IJ_ARG(n->eps),
                           IJ_ARG(each),
                           IJ_ARG(accumulate),
                           {2 * (size_t)n->dim * sizeof(float), NULL}}; /* local memory, of the GPU's kernel only */
    int argc = (int)(sizeof args / sizeof *args) - (tuning->family == IJ_FAMILY_CPU);
    ij_status status = ij_launch(l->device, l->backward, "layernorm_backward", grid, args, argc);
    if (status)
        return status;
    grid.x = (size_t)ij_ceil_div(n->dim, ij_tuning_columns(tuning));
    grid.bytes = 8.0 * items * n->dim;
    grid.what = (ij_operation){0};
    return IJ_LAUNCH(l->device, l->reduce, "layernorm_reduce", grid, IJ_ARG(l->partial), IJ_ARG(n->gain_grad),
                     IJ_ARG(n->bias_grad), IJ_ARG(items), IJ_ARG(n->dim));
}
