#include "engine/ops/nearest.h"

#include "engine/ops/rows.h"

#include <string.h>

ij_status ij_nearest_create(ij_nearest *n, ij_device *device)
{
    memset(n, 0, sizeof *n);
    n->device = device;
    return ij_kernel_create(device, "nearest", ij_rows_tuning(device), "nearest", &n->nearest);
}

void ij_nearest_destroy(ij_nearest *n)
{
    if (n->nearest)
        clReleaseKernel(n->nearest);
    memset(n, 0, sizeof *n);
}

ij_status ij_nearest_merge(ij_nearest *n, cl_mem similarity, cl_mem value, cl_mem index, int queries, int stride,
                           int count, int base, int k)
{
    if (k < 1 || k > IJ_NEAREST_MOST)
        return ij_fail(IJ_EINVAL, "%d nearest neighbours were asked for: 1 to %d can be found", k, IJ_NEAREST_MOST);
    cl_int each = ij_rows_items(n->device) == 1 ? 4 : 1;
    ij_grid grid = ij_rows_grid(n->device, ij_ceil_div(queries, each), 1);
    return IJ_LAUNCH(n->device, n->nearest, "nearest", grid, IJ_ARG(similarity), IJ_ARG(value), IJ_ARG(index),
                     IJ_ARG(queries), IJ_ARG(stride), IJ_ARG(count), IJ_ARG(base), IJ_ARG(k), IJ_ARG(each));
}
