#include "engine/profile.h"

#include "engine/base/try.h"
#include "engine/opencl.h"

#include <stdlib.h>
#include <time.h>

ij_status ij_profile_start(ij_device *d, int capacity)
{
    d->records = calloc((size_t)capacity, sizeof *d->records);
    if (!d->records)
        return ij_fail(IJ_ENOMEM, "out of memory for a profile");
    d->record_capacity = capacity;
    d->record_count = 0;
    return IJ_OK;
}

static uint64_t host_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

ij_launch_record *ij_profile_record(ij_device *d, const char *name)
{
    if (!d->records || d->record_count == d->record_capacity)
        return NULL;
    ij_launch_record *r = &d->records[d->record_count++];
    *r = (ij_launch_record){.kernel = name, .host = host_time()};
    return r;
}

cl_event *ij_profile_transfer(ij_device *d, const char *name, size_t bytes)
{
    ij_launch_record *r = ij_profile_record(d, name);
    if (!r)
        return NULL;
    r->transfer = true;
    r->bytes = (double)bytes;
    return &r->event;
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
    TRY(ij_cl_check(clFinish(d->transfer), "waiting for the profiled transfers"));
    TRY(ij_cl_check(clFinish(d->compute), "waiting for the profiled kernels"));
    *entries = calloc((size_t)*count + 1, sizeof **entries);
    for (int i = 0; i < *count; i++) {
        cl_event e = d->records[i].event;
        if (*entries && e)
            (*entries)[i] = (ij_profile_entry){.kernel = d->records[i].kernel,
                                               .queue = d->records[i].transfer ? IJ_QUEUE_TRANSFER : IJ_QUEUE_COMPUTE,
                                               .host = d->records[i].host,
                                               .queued = time_of(e, CL_PROFILING_COMMAND_QUEUED),
                                               .start = time_of(e, CL_PROFILING_COMMAND_START),
                                               .end = time_of(e, CL_PROFILING_COMMAND_END),
                                               .flops = d->records[i].flops,
                                               .bytes = d->records[i].bytes,
                                               .what = d->records[i].what};
        if (e) /* none where the command was refused */
            clReleaseEvent(e);
    }
    free(d->records);
    d->records = NULL;
    d->record_count = d->record_capacity = 0;
    return *entries ? IJ_OK : ij_fail(IJ_ENOMEM, "out of memory for a profile");
}
