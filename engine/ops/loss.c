#include "engine/ops/loss.h"

#include "engine/ops/rows.h"

#include <string.h>

ij_status ij_loss_create(ij_loss_op *l, ij_device *device, int width)
{
    ij_kernel_tuning tuning = ij_rows_tuning_for(device, width);
    memset(l, 0, sizeof *l);
    l->device = device;
    ij_status status = ij_kernel_create(device, "loss", tuning, "loss", &l->loss);
    return status ? status : ij_kernel_create(device, "loss", tuning, "batch_std", &l->batch_std);
}

void ij_loss_destroy(ij_loss_op *l)
{
    if (l->loss)
        clReleaseKernel(l->loss);
    if (l->batch_std)
        clReleaseKernel(l->batch_std);
    memset(l, 0, sizeof *l);
}

ij_status ij_loss_run(ij_loss_op *l, cl_mem z, cl_mem h, cl_mem dz, cl_mem partial, int rows, int dim, int contexts,
                      int rows_per_block, int smooth_l1, double weight, bool add, int *partials)
{
    cl_int each = ij_ceil_div(rows, IJ_LOSS_PARTIALS);
    cl_float scale = (cl_float)(weight / ((double)rows * dim));
    cl_int adds = add;
    *partials = ij_ceil_div(rows, each);
    ij_grid grid = ij_rows_grid(l->device, *partials, 1);
    return IJ_LAUNCH(l->device, l->loss, "loss", grid, IJ_ARG(z), IJ_ARG(h), IJ_ARG(dz), IJ_ARG(partial), IJ_ARG(rows),
                     IJ_ARG(dim), IJ_ARG(contexts), IJ_ARG(rows_per_block), IJ_ARG(smooth_l1), IJ_ARG(scale),
                     IJ_ARG(each), IJ_ARG(adds));
}

ij_status ij_batch_std(ij_loss_op *l, cl_mem features, cl_mem std, int batch, int dim)
{
    ij_grid grid = ij_rows_grid(l->device, ij_ceil_div(dim, ij_rows_columns(l->device)), 1);
    return IJ_LAUNCH(l->device, l->batch_std, "batch_std", grid, IJ_ARG(features), IJ_ARG(std), IJ_ARG(batch),
                     IJ_ARG(dim));
}
