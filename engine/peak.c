#include "engine/peak.h"

#include "engine/base/try.h"
#include "engine/launch.h"
#include "engine/ops/implementations.h"
#include "engine/profile.h"
#include "engine/program.h"

#include <stdlib.h>

/* Best time in seconds of `runs` launches already enqueued under a profile. */
static ij_status best_time(ij_device *device, double *seconds)
{
    ij_profile_entry *entries;
    int count;
    TRY(ij_profile_stop(device, &entries, &count));
    *seconds = 1e30;
    for (int i = 0; i < count; i++) {
        double t = 1e-9 * (double)(entries[i].end - entries[i].start);
        if (i > 0 && t < *seconds) /* the first run may compile */
            *seconds = t;
    }
    free(entries);
    return IJ_OK;
}

static ij_status run_several(ij_device *device, cl_kernel kernel, const char *name, ij_grid grid, const ij_arg *args,
                             int count, double *seconds)
{
    TRY(ij_profile_start(device, 9));
    ij_status status = IJ_OK;
    for (int i = 0; i < 9 && !status; i++)
        status = ij_launch(device, kernel, name, grid, args, count);
    ij_status stopped = best_time(device, seconds);
    return status ? status : stopped;
}

/* What the device's products have in common, and the work-items of a group of its kernels of peak.cl. */
static const ij_implementation *common_of(const ij_device *device)
{
    return device->tuning.row[IJ_GROUP_DEVICE];
}

static size_t items_of(const ij_implementation *common)
{
    return common == &ij_common_item ? 1 : 64;
}

ij_status ij_measure_fma_peak(ij_device *device, double *gflops)
{
    cl_kernel kernel;
    const ij_implementation *common = common_of(device);
    TRY(ij_kernel_create(device, "peak", (ij_kernel_tuning){.of = common}, "fma_peak", &kernel));
    bool alone = items_of(common) == 1; /* elsewhere threads hide latencies, and a thread does less */
    cl_int code, rounds = alone ? 200000 : 20000;
    size_t local = items_of(common), groups = (alone ? 8 : 64) * (size_t)device->info.compute_units,
           items = groups * local;
    cl_mem out = clCreateBuffer(device->context, CL_MEM_READ_WRITE, items * 16 * sizeof(float), NULL, &code);
    ij_status status = ij_cl_check(code, "making a buffer");
    double seconds = 1.0;
    ij_grid grid = {.x = groups, .y = 1, .local = local};
    if (!status)
        status =
            run_several(device, kernel, "fma_peak", grid, (const ij_arg[]){IJ_ARG(out), IJ_ARG(rounds)}, 2, &seconds);
    *gflops =
        1e-9 * (double)items * rounds * 12.0 * ij_param_value(&device->tuning, common, "VW", 0, 0) * 2.0 / seconds;
    if (out)
        clReleaseMemObject(out);
    clReleaseKernel(kernel);
    return status;
}

ij_status ij_measure_copy_bandwidth(ij_device *device, size_t bytes, double *gbps)
{
    cl_kernel kernel;
    const ij_implementation *common = common_of(device);
    TRY(ij_kernel_create(device, "peak", (ij_kernel_tuning){.of = common}, "copy", &kernel));
    cl_int code, code2, each = 8192, floats = (cl_int)(bytes / sizeof(float) / 8192 * 8192);
    cl_mem from = clCreateBuffer(device->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    cl_mem to = clCreateBuffer(device->context, CL_MEM_READ_WRITE, bytes, NULL, &code2);
    ij_status status = ij_cl_check(code ? code : code2, "making a buffer");
    double seconds = 1.0;
    ij_grid grid = {.x = (size_t)(floats / each), .y = 1, .local = items_of(common)};
    cl_int zero = 0;
    if (!status)
        status = ij_cl_check(clEnqueueFillBuffer(device->compute, from, &zero, 4, 0, bytes, 0, NULL, NULL), "a fill");
    if (!status)
        status = run_several(device, kernel, "copy", grid, (const ij_arg[]){IJ_ARG(from), IJ_ARG(to), IJ_ARG(each)}, 3,
                             &seconds);
    *gbps = 2e-9 * (double)floats * sizeof(float) / seconds;
    if (from)
        clReleaseMemObject(from);
    if (to)
        clReleaseMemObject(to);
    clReleaseKernel(kernel);
    return status;
}
