#include "engine/ops/regularise.h"

#include "engine/base/random.h"
#include "engine/base/try.h"
#include "engine/ops/loss.h"
#include "engine/ops/rows.h"

#include <string.h>

ij_status ij_regularise_create(ij_regularise *r, ij_device *device, int n, int dim)
{
    const ij_kernel_tuning tuning = ij_rows_tuning(device);
    memset(r, 0, sizeof *r);
    r->device = device;
    r->n = n;
    r->dim = dim;
    const struct {
        const char *name;
        cl_kernel *kernel;
    } kernels[] = {{"pool_sequences", &r->pool},    {"spread_over_sequences", &r->spread},
                   {"variance", &r->variance},      {"covariance", &r->covariance},
                   {"row_product", &r->product},    {"draw_directions", &r->directions},
                   {"epps_pulley", &r->epps_pulley}};
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        TRY(ij_kernel_create(device, "regularise", tuning, kernels[i].name, kernels[i].kernel));
    return IJ_OK;
}

ij_status ij_regularise_plan(ij_regularise *r, ij_plan *plan)
{
    size_t rows = (size_t)r->n, width = (size_t)r->dim;
    const struct {
        size_t floats;
        cl_mem *memory;
    } all[] = {{rows * width, &r->z},
               {rows * width, &r->dz},
               {rows * width, &r->centred},
               {width * width, &r->square},
               {IJ_DIRECTIONS * width, &r->direction},
               {IJ_DIRECTIONS * width, &r->across},
               {rows * IJ_DIRECTIONS, &r->projected},
               {rows * IJ_DIRECTIONS, &r->slope}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        TRY(ij_plan_add(plan, "scratch", IJ_F32, (int64_t)all[i].floats, all[i].memory));
    return IJ_OK;
}

void ij_regularise_destroy(ij_regularise *r)
{
    cl_kernel kernels[] = {r->pool, r->spread, r->variance, r->covariance, r->product, r->directions, r->epps_pulley};
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        if (kernels[i])
            clReleaseKernel(kernels[i]);
    memset(r, 0, sizeof *r);
}

static ij_grid groups(const ij_regularise *r, int count)
{
    return ij_rows_grid(r->device, count, 1);
}

ij_status ij_regularise_pool(ij_regularise *r, cl_mem x, cl_mem offset)
{
    return IJ_LAUNCH(r->device, r->pool, "pool_sequences", groups(r, r->n), IJ_ARG(x), IJ_ARG(offset), IJ_ARG(r->z),
                     IJ_ARG(r->dim));
}

ij_status ij_regularise_spread(ij_regularise *r, cl_mem offset, cl_mem d)
{
    return IJ_LAUNCH(r->device, r->spread, "spread_over_sequences", groups(r, r->n), IJ_ARG(r->dz), IJ_ARG(offset),
                     IJ_ARG(d), IJ_ARG(r->dim));
}

/* `whole` things are summed `each` at a time, so that there are IJ_LOSS_PARTIALS sums at most. */
static int sums_of(int whole, cl_int *each)
{
    *each = ij_ceil_div(whole, IJ_LOSS_PARTIALS);
    return ij_ceil_div(whole, *each);
}

/* Times that a work-group's columns go into `width`. */
static int column_groups(const ij_regularise *r, int width)
{
    return ij_ceil_div(width, ij_rows_columns(r->device));
}

ij_status ij_regularise_variance(ij_regularise *r, cl_mem partial, double weight, int *partials)
{
    cl_int each;
    cl_float scale = (cl_float)(weight / r->dim);
    *partials = sums_of(column_groups(r, r->dim), &each);
    return IJ_LAUNCH(r->device, r->variance, "variance", groups(r, *partials), IJ_ARG(r->z), IJ_ARG(r->centred),
                     IJ_ARG(r->dz), IJ_ARG(partial), IJ_ARG(r->n), IJ_ARG(r->dim), IJ_ARG(scale), IJ_ARG(each));
}

/* out [n, width] = scale a [n, inner] b [inner, width], or += where `add`. */
static ij_status product(ij_regularise *r, cl_mem a, cl_mem b, cl_mem out, int width, int inner, cl_float scale,
                         cl_int add)
{
    ij_grid grid = groups(r, r->n);
    grid.flops = 2.0 * r->n * width * inner;
    return IJ_LAUNCH(r->device, r->product, "row_product", grid, IJ_ARG(a), IJ_ARG(b), IJ_ARG(out), IJ_ARG(width),
                     IJ_ARG(inner), IJ_ARG(scale), IJ_ARG(add));
}

ij_status ij_regularise_covariance(ij_regularise *r, cl_mem partial, double weight, int *partials)
{
    cl_int each;
    if (!(weight > 0))
        return IJ_OK;
    *partials = sums_of(r->dim, &each);
    ij_grid grid = groups(r, *partials);
    grid.flops = 2.0 * r->n * r->dim * r->dim;
    TRY(IJ_LAUNCH(r->device, r->covariance, "covariance", grid, IJ_ARG(r->centred), IJ_ARG(r->square), IJ_ARG(partial),
                  IJ_ARG(r->n), IJ_ARG(r->dim), IJ_ARG(each)));
    return product(r, r->centred, r->square, r->dz, r->dim, r->dim,
                   (cl_float)(4 * weight / ((double)r->dim * (r->n - 1))), 1);
}

ij_status ij_regularise_sigreg(ij_regularise *r, uint64_t seed, int64_t step, cl_mem partial, double weight,
                               int *partials)
{
    cl_int each, count = IJ_DIRECTIONS;
    cl_float scale = (cl_float)(weight / IJ_DIRECTIONS);
    ij_random stream;
    if (!(weight > 0))
        return IJ_OK;
    ij_random_start(&stream, seed, IJ_STREAM_DIRECTIONS, (uint64_t)step, 0);
    cl_uint2 key = {{stream.key[0], stream.key[1]}};
    cl_uint4 counter = {{stream.counter[0], stream.counter[1], stream.counter[2], stream.counter[3]}};
    TRY(IJ_LAUNCH(r->device, r->directions, "draw_directions", groups(r, IJ_DIRECTIONS), IJ_ARG(r->direction),
                  IJ_ARG(r->across), IJ_ARG(count), IJ_ARG(r->dim), IJ_ARG(key), IJ_ARG(counter)));
    TRY(product(r, r->z, r->across, r->projected, IJ_DIRECTIONS, r->dim, 1, 0));
    *partials = sums_of(column_groups(r, IJ_DIRECTIONS), &each);
    TRY(IJ_LAUNCH(r->device, r->epps_pulley, "epps_pulley", groups(r, *partials), IJ_ARG(r->projected),
                  IJ_ARG(r->slope), IJ_ARG(partial), IJ_ARG(r->n), IJ_ARG(count), IJ_ARG(scale), IJ_ARG(each)));
    return product(r, r->slope, r->direction, r->dz, r->dim, IJ_DIRECTIONS, 1, 1);
}
