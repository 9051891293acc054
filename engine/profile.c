#include "engine/profile.h"

#include "engine/base/try.h"
#include "engine/opencl.h"

#include <stdlib.h>
#include <string.h>

ij_status ij_profile_start(ij_device *d, int capacity)
{
    d->records = calloc((size_t)capacity, sizeof *d->records);
    if (!d->records)
        return ij_fail(IJ_ENOMEM, "out of memory for a profile");
    d->record_capacity = capacity;
    d->record_count = 0;
    return IJ_OK;
}

static uint64_t time_of(cl_event event, cl_profiling_info what)
{
    cl_ulong t = 0;
    clGetEventProfilingInfo(event, what, sizeof t, &t, NULL);
    return t;
}

ij_status ij_profile_stop(ij_device *d, ij_profile_entry **entries, int *count)
{
    *entries = NULL;
    *count = d->record_count;
    TRY(ij_cl_check(clFinish(d->compute), "waiting for the profiled kernels"));
    *entries = calloc((size_t)*count + 1, sizeof **entries);
    for (int i = 0; i < *count; i++) {
        cl_event e = d->records[i].event;
        if (*entries) {
            (*entries)[i] = (ij_profile_entry){.kernel = d->records[i].kernel,
                                               .queued = time_of(e, CL_PROFILING_COMMAND_QUEUED),
                                               .start = time_of(e, CL_PROFILING_COMMAND_START),
                                               .end = time_of(e, CL_PROFILING_COMMAND_END),
                                               .flops = d->records[i].flops,
                                               .bytes = d->records[i].bytes};
            memcpy((*entries)[i].shape, d->records[i].shape, sizeof d->records[i].shape);
        }
        clReleaseEvent(e);
    }
    free(d->records);
    d->records = NULL;
    d->record_count = d->record_capacity = 0;
    return *entries ? IJ_OK : ij_fail(IJ_ENOMEM, "out of memory for a profile");
}
