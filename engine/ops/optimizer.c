#include "engine/ops/optimizer.h"

#include "engine/launch.h"
#include "engine/program.h"

#include <math.h>
#include <string.h>

ij_status ij_optimizer_create(ij_optimizer *o, ij_device *device)
{
    memset(o, 0, sizeof *o);
    o->device = device;
    return ij_kernel_create(device, "optimizer", (ij_kernel_tuning){.group = IJ_GROUP_ROWS}, "adamw", &o->adamw);
}

void ij_optimizer_destroy(ij_optimizer *o)
{
    if (o->adamw)
        clReleaseKernel(o->adamw);
    memset(o, 0, sizeof *o);
}

static cl_float2 with_rest(double x)
{
    return (cl_float2){{(cl_float)x, (cl_float)(1.0 - x)}};
}

ij_status ij_optimizer_step(ij_optimizer *o, const ij_segment *s, const ij_adamw *a)
{
    cl_int with_target = s->target != NULL, count = (cl_int)s->floats, decayed = (cl_int)s->decayed;
    int items = ij_tuning_row_items(&o->device->tuning);
    cl_int each = items == 1 ? 8192 : 16 * items; /* GPU: four rounds of a float4 for each work-item */
    cl_float lr = (cl_float)a->lr, keep = (cl_float)(1.0 - a->lr * a->wd), eps = (cl_float)a->eps;
    cl_float c1 = (cl_float)(1.0 / (1.0 - pow(a->beta1, (double)a->step)));
    cl_float c2 = (cl_float)(1.0 / (1.0 - pow(a->beta2, (double)a->step)));
    cl_float2 beta1 = with_rest(a->beta1), beta2 = with_rest(a->beta2), ema = with_rest(a->ema);
    cl_mem target = with_target ? s->target : s->weight;
    ij_grid grid = {.x = (size_t)ij_ceil_div(count, each), .y = 1, .local = (size_t)items};
    grid.bytes = 4.0 * count * (with_target ? 9.0 : 7.0);
    grid.what.kind = IJ_OPERATION_ADAMW;
    return IJ_LAUNCH(o->device, o->adamw, "adamw", grid, IJ_ARG(s->weight), IJ_ARG(s->gradient), IJ_ARG(s->moment1),
                     IJ_ARG(s->moment2), IJ_ARG(target), IJ_ARG(with_target), IJ_ARG(count), IJ_ARG(decayed),
                     IJ_ARG(each), IJ_ARG(lr), IJ_ARG(keep), IJ_ARG(beta1), IJ_ARG(beta2), IJ_ARG(eps), IJ_ARG(c1),
                     IJ_ARG(c2), IJ_ARG(ema));
}
