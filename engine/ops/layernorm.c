#include "engine/ops/layernorm.h"

#include "engine/ops/rows.h"

#include <string.h>

ij_status ij_layernorm_create(ij_layernorm *l, ij_device *device)
{
    memset(l, 0, sizeof *l);
    l->device = device;
    ij_status status = ij_kernel_create(device, "layernorm", ij_rows_tuning(device), "layernorm", &l->forward);
    if (!status)
        status = ij_kernel_create(device, "layernorm", ij_rows_tuning(device), "layernorm_backward", &l->backward);
    return status ? status
                  : ij_kernel_create(device, "layernorm", ij_rows_tuning(device), "layernorm_reduce", &l->reduce);
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

static ij_status forward(ij_layernorm *l, const ij_norm *n, cl_mem x, cl_mem rows, cl_mem y, int count, cl_int add)
{
    cl_int use_rows = rows != NULL, affine = n->gain != NULL, each = ij_rows_each(l->device, 8);
    cl_mem gain = affine ? n->gain : x, bias = affine ? n->bias : x;
    rows = use_rows ? rows : x;
    ij_grid grid = ij_rows_grid(l->device, ij_ceil_div(count, each), 1);
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
                                int count, int accumulate, bool add)
{
    cl_int use_rows = rows != NULL, each = ij_ceil_div(count, most_items(l->device));
    each = each < 4 ? 4 : each;
    cl_int items = ij_ceil_div(count, each);
    rows = use_rows ? rows : x;
    ij_grid grid = ij_rows_grid(l->device, items, 1);
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
                           {2 * (size_t)n->dim * sizeof(float), NULL}}; /* local memory */
    ij_status status =
        ij_launch(l->device, l->backward, "layernorm_backward", grid, args, (int)(sizeof args / sizeof *args));
    if (status)
        return status;
    grid.x = (size_t)ij_ceil_div(n->dim, ij_rows_columns(l->device));
    grid.bytes = 8.0 * items * n->dim;
    cl_int adds = add;
    grid.what = (ij_operation){0};
    return IJ_LAUNCH(l->device, l->reduce, "layernorm_reduce", grid, IJ_ARG(l->partial), IJ_ARG(n->gain_grad),
                     IJ_ARG(n->bias_grad), IJ_ARG(items), IJ_ARG(n->dim), IJ_ARG(adds));
}
