#include "engine/ops/optimizer.h"

#include "engine/base/try.h"
#include "engine/ops/rows.h"

#include <math.h>
#include <string.h>

ij_status ij_optimizer_create(ij_optimizer *o, ij_device *device)
{
    memset(o, 0, sizeof *o);
    o->device = device;
    ij_kernel_tuning tuning = ij_rows_tuning(device);
    TRY(ij_kernel_create(device, "optimizer", tuning, "adamw", &o->adamw));
    TRY(ij_kernel_create(device, "optimizer", tuning, "square_sums", &o->squares));
    return ij_kernel_create(device, "optimizer", tuning, "clip_factor", &o->factor);
}

void ij_optimizer_destroy(ij_optimizer *o)
{
    cl_kernel kernels[] = {o->adamw, o->squares, o->factor};
    for (int i = 0; i < 3; i++)
        if (kernels[i])
            clReleaseKernel(kernels[i]);
    memset(o, 0, sizeof *o);
}

static ij_grid grid_of(const ij_optimizer *o, int count, int each)
{
    return (ij_grid){.x = (size_t)ij_ceil_div(count, each), .y = 1, .local = (size_t)ij_rows_items(o->device)};
}

/* ---- Clipping ---------------------------------------------------------------------------------------------------- */

/* Floats whose squares are one sum. */
static int floats_a_sum(const ij_optimizer *o)
{
    int items = ij_rows_items(o->device);
    return items == 1 ? 8192 : 64 * items;
}

int ij_optimizer_sums(const ij_optimizer *o, const ij_segment *s)
{
    return ij_ceil_div((int64_t)s->count, floats_a_sum(o));
}

ij_status ij_optimizer_square(ij_optimizer *o, const ij_segment *s, int *sums)
{
    cl_int at = *sums, count = (cl_int)s->count, each = floats_a_sum(o);
    ij_grid grid = grid_of(o, count, each);
    grid.bytes = 4.0 * count;
    *sums += ij_optimizer_sums(o, s);
    return IJ_LAUNCH(o->device, o->squares, "square_sums", grid, IJ_ARG(s->gradient), IJ_ARG(o->sums), IJ_ARG(at),
                     IJ_ARG(count), IJ_ARG(each));
}

ij_status ij_optimizer_clip(ij_optimizer *o, int sums, double limit)
{
    cl_float most = (cl_float)limit;
    return IJ_LAUNCH(o->device, o->factor, "clip_factor", grid_of(o, 1, 1), IJ_ARG(o->sums), IJ_ARG(o->clip),
                     IJ_ARG(sums), IJ_ARG(most));
}

/* ---- AdamW ------------------------------------------------------------------------------------------------------- */

static cl_float2 with_rest(double x)
{
    return (cl_float2){{(cl_float)x, (cl_float)(1.0 - x)}};
}

ij_status ij_optimizer_step(ij_optimizer *o, const ij_segment *s, const ij_adamw *a)
{
    cl_int with_target = s->target != NULL, count = (cl_int)s->count, decayed = (cl_int)s->decayed;
    int items = ij_rows_items(o->device);
    cl_int each = items == 1 ? 8192 : 16 * items; /* GPU: four rounds of a float4 for each work-item */
    cl_float lr = (cl_float)a->lr, keep = (cl_float)(1.0 - a->lr * a->wd), eps = (cl_float)a->eps;
    cl_float c1 = (cl_float)(1.0 / (1.0 - pow(a->beta1, (double)a->step)));
    cl_float c2 = (cl_float)(1.0 / (1.0 - pow(a->beta2, (double)a->step)));
    cl_float2 beta1 = with_rest(a->beta1), beta2 = with_rest(a->beta2), ema = with_rest(a->ema);
    cl_mem target = with_target ? s->target : s->weight;
    cl_int clipped = a->clipped;
    cl_mem clip = a->clipped ? o->clip : s->gradient;
    ij_grid grid = grid_of(o, count, each);
    grid.bytes = 4.0 * count * (with_target ? 9.0 : 7.0);
    grid.what.kind = IJ_OPERATION_ADAMW;
    return IJ_LAUNCH(o->device, o->adamw, "adamw", grid, IJ_ARG(s->weight), IJ_ARG(s->gradient), IJ_ARG(s->moment1),
                     IJ_ARG(s->moment2), IJ_ARG(target), IJ_ARG(with_target), IJ_ARG(count), IJ_ARG(decayed),
                     IJ_ARG(each), IJ_ARG(lr), IJ_ARG(keep), IJ_ARG(beta1), IJ_ARG(beta2), IJ_ARG(eps), IJ_ARG(c1),
                     IJ_ARG(c2), IJ_ARG(ema), IJ_ARG(clip), IJ_ARG(clipped));
}
