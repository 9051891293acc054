#include "engine/ops/softmax_probe.h"

#include "engine/base/try.h"
#include "engine/ops/rows.h"

#include <string.h>

ij_status ij_softmax_probe_create(ij_softmax_probe *p, ij_device *device)
{
    const ij_kernel_tuning tuning = ij_rows_tuning(device);
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

ij_status ij_softmax_gradient(ij_softmax_probe *p, cl_mem d, cl_mem label, int rows, int members, int classes)
{
    cl_int pairs = rows * members, each = ij_rows_each(p->device, 64);
    return IJ_LAUNCH(p->device, p->gradient, "softmax_gradient", ij_rows_grid(p->device, ij_ceil_div(pairs, each), 1),
                     IJ_ARG(d), IJ_ARG(label), IJ_ARG(pairs), IJ_ARG(members), IJ_ARG(classes), IJ_ARG(each));
}

ij_status ij_probe_add(ij_softmax_probe *p, cl_mem sum, cl_mem part, int count)
{
    cl_int each = 4096;
    return IJ_LAUNCH(p->device, p->add, "probe_add", ij_rows_grid(p->device, ij_ceil_div(count, each), 1), IJ_ARG(sum),
                     IJ_ARG(part), IJ_ARG(count), IJ_ARG(each));
}
