#include "engine/ops/softmax_probe.h"

#include "engine/base/try.h"
#include "engine/launch.h"
#include "engine/program.h"

#include <string.h>

ij_status ij_softmax_probe_create(ij_softmax_probe *p, ij_device *device)
{
    const ij_kernel_tuning tuning = {.group = IJ_GROUP_ROWS};
    memset(p, 0, sizeof *p);
    p->device = device;
    TRY(ij_kernel_create(device, "softmax_probe", tuning, "softmax_gradient", &p->gradient));
    return ij_kernel_create(device, "softmax_probe", tuning, "probe_add", &p->add);
}

void ij_softmax_probe_destroy(ij_softmax_probe *p)
{
    cl_kernel kernels[] = {p->gradient, p->add};
    for (int i = 0; i < 2; i++)
        if (kernels[i])
            clReleaseKernel(kernels[i]);
    memset(p, 0, sizeof *p);
}

static bool on_gpu(const ij_softmax_probe *p)
{
    return p->device->tuning.family == IJ_FAMILY_GPU;
}

static ij_grid grid_of(const ij_softmax_probe *p, int groups)
{
    return (ij_grid){.x = (size_t)groups, .y = 1, .local = (size_t)ij_tuning_row_items(&p->device->tuning)};
}

ij_status ij_softmax_gradient(ij_softmax_probe *p, cl_mem d, cl_mem label, int rows, int members, int classes)
{
    const ij_tuning *t = &p->device->tuning;
    cl_int pairs = rows * members;
    cl_int each = on_gpu(p) ? ij_tuning_row_items(t) / ij_param_value(t, IJ_GROUP_ROWS, "LANES", 0, 0) : 64;
    return IJ_LAUNCH(p->device, p->gradient, "softmax_gradient", grid_of(p, ij_ceil_div(pairs, each)), IJ_ARG(d),
                     IJ_ARG(label), IJ_ARG(pairs), IJ_ARG(members), IJ_ARG(classes), IJ_ARG(each));
}

ij_status ij_probe_add(ij_softmax_probe *p, cl_mem sum, cl_mem part, int count)
{
    cl_int each = 4096;
    return IJ_LAUNCH(p->device, p->add, "probe_add", grid_of(p, ij_ceil_div(count, each)), IJ_ARG(sum), IJ_ARG(part),
                     IJ_ARG(count), IJ_ARG(each));
}
