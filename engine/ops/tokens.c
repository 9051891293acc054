#include "engine/ops/tokens.h"

#include "engine/ops/rows.h"

#include <string.h>

ij_status ij_tokens_create(ij_tokens *t, ij_device *device)
{
    memset(t, 0, sizeof *t);
    t->device = device;
    struct {
        const char *name;
        cl_kernel *kernel;
    } all[] = {{"patchify", &t->patchify},       {"pixel_targets", &t->pixel_targets},
               {"assemble", &t->assemble},       {"disassemble", &t->disassemble},
               {"gather_rows", &t->gather_rows}, {"scatter_rows", &t->scatter_rows},
               {"sum_rows", &t->sum_rows},       {"mean_pool", &t->mean_pool}};
    ij_status status = IJ_OK;
    for (size_t i = 0; i < sizeof all / sizeof *all && !status; i++)
        status = ij_kernel_create(device, "tokens", ij_rows_tuning(device), all[i].name, all[i].kernel);
    return status;
}

void ij_tokens_destroy(ij_tokens *t)
{
    cl_kernel kernels[] = {t->patchify,    t->pixel_targets, t->assemble, t->disassemble,
                           t->gather_rows, t->scatter_rows,  t->sum_rows, t->mean_pool};
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        if (kernels[i])
            clReleaseKernel(kernels[i]);
    memset(t, 0, sizeof *t);
}

static int most_items(const ij_device *device)
{
    return 8 * (int)device->info.compute_units;
}

size_t ij_tokens_partial(const ij_device *device, int dim)
{
    return (size_t)most_items(device) * (size_t)dim;
}

/* (x/255 - mean)/std = x scale + shift, with ImageNet's mean and std. */
static void pixel_scale(cl_float4 *scale, cl_float4 *shift)
{
    static const double mean[3] = {0.485, 0.456, 0.406}, std[3] = {0.229, 0.224, 0.225};
    *scale = *shift = (cl_float4){{0}};
    for (int c = 0; c < 3; c++) {
        scale->s[c] = (cl_float)(1.0 / (255.0 * std[c]));
        shift->s[c] = (cl_float)(-mean[c] / std[c]);
    }
}

ij_status ij_patchify(ij_tokens *t, cl_mem pixels, int first, cl_mem image, cl_mem patch, cl_mem out, int count,
                      int crop, int patch_size)
{
    cl_float4 scale, shift;
    pixel_scale(&scale, &shift);
    return IJ_LAUNCH(t->device, t->patchify, "patchify", ij_rows_grid(t->device, count, 1), IJ_ARG(pixels),
                     IJ_ARG(image), IJ_ARG(patch), IJ_ARG(out), IJ_ARG(crop), IJ_ARG(patch_size), IJ_ARG(scale),
                     IJ_ARG(shift), IJ_ARG(first));
}

ij_status ij_pixel_targets(ij_tokens *t, cl_mem pixels, int first, cl_mem rows, cl_mem out, int count, int crop,
                           int patch_size, float eps)
{
    cl_float4 scale, shift;
    pixel_scale(&scale, &shift);
    return IJ_LAUNCH(t->device, t->pixel_targets, "pixel_targets", ij_rows_grid(t->device, count, 1), IJ_ARG(pixels),
                     IJ_ARG(rows), IJ_ARG(out), IJ_ARG(crop), IJ_ARG(patch_size), IJ_ARG(scale), IJ_ARG(shift),
                     IJ_ARG(eps), IJ_ARG(first));
}

ij_status ij_assemble(ij_tokens *t, cl_mem context, cl_mem mask_token, cl_mem position, cl_mem source, cl_mem out,
                      int count, int dim)
{
    return IJ_LAUNCH(t->device, t->assemble, "assemble", ij_rows_grid(t->device, count, 1), IJ_ARG(context),
                     IJ_ARG(mask_token), IJ_ARG(position), IJ_ARG(source), IJ_ARG(out), IJ_ARG(dim));
}

ij_status ij_disassemble(ij_tokens *t, cl_mem d, cl_mem place, cl_mem dcontext, int tokens, int blocks, int stride,
                         int dim)
{
    return IJ_LAUNCH(t->device, t->disassemble, "disassemble", ij_rows_grid(t->device, tokens, 1), IJ_ARG(d),
                     IJ_ARG(place), IJ_ARG(dcontext), IJ_ARG(blocks), IJ_ARG(stride), IJ_ARG(dim));
}

ij_status ij_gather_rows(ij_tokens *t, cl_mem x, cl_mem rows, cl_mem out, int count, int dim)
{
    return IJ_LAUNCH(t->device, t->gather_rows, "gather_rows", ij_rows_grid(t->device, count, 1), IJ_ARG(x),
                     IJ_ARG(rows), IJ_ARG(out), IJ_ARG(dim));
}

ij_status ij_scatter_rows(ij_tokens *t, cl_mem x, cl_mem rows, cl_mem out, int count, int dim, bool add)
{
    cl_int adds = add;
    return IJ_LAUNCH(t->device, t->scatter_rows, "scatter_rows", ij_rows_grid(t->device, count, 1), IJ_ARG(x),
                     IJ_ARG(rows), IJ_ARG(out), IJ_ARG(dim), IJ_ARG(adds));
}

ij_status ij_sum_rows(ij_tokens *t, cl_mem d, cl_mem rows, cl_mem sum, int count, int dim, bool add)
{
    cl_int each = ij_ceil_div(count, most_items(t->device)), items = ij_ceil_div(count, each), one = 1, no = 0,
           adds = add;
    ij_status status = IJ_LAUNCH(
        t->device, t->sum_rows, "sum_rows", ij_rows_grid(t->device, items, ij_rows_column_groups(t->device, dim)),
        IJ_ARG(d), IJ_ARG(rows), IJ_ARG(one), IJ_ARG(t->partial), IJ_ARG(count), IJ_ARG(dim), IJ_ARG(each), IJ_ARG(no));
    if (status)
        return status;
    return IJ_LAUNCH(t->device, t->sum_rows, "sum_rows",
                     ij_rows_grid(t->device, 1, ij_rows_column_groups(t->device, dim)), IJ_ARG(t->partial),
                     IJ_ARG(rows), IJ_ARG(no), IJ_ARG(sum), IJ_ARG(items), IJ_ARG(dim), IJ_ARG(items), IJ_ARG(adds));
}

ij_status ij_mean_pool(ij_tokens *t, cl_mem x, cl_mem features, int first, int images, int side, int cells, int dim)
{
    return IJ_LAUNCH(t->device, t->mean_pool, "mean_pool",
                     ij_rows_grid(t->device, images * cells * cells, ij_rows_column_groups(t->device, dim)), IJ_ARG(x),
                     IJ_ARG(features), IJ_ARG(side), IJ_ARG(cells), IJ_ARG(dim), IJ_ARG(first));
}
