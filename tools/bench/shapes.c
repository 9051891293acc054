#include "tools/bench/shapes.h"

#include "engine/base/try.h"

#include <stdlib.h>
#include <string.h>

/* Kernels of one operation go by their names, such as the two in which attention by groups goes back. */
static ij_kernel_time *place_of(ij_kernel_time *times, int *n, const ij_profile_entry *e)
{
    for (int i = 0; i < *n; i++)
        if (ij_operation_same(&times[i].what, &e->what) && strcmp(times[i].kernel, e->kernel) == 0)
            return &times[i];
    ij_kernel_time *t = &times[(*n)++];
    *t = (ij_kernel_time){.kernel = e->kernel, .what = e->what};
    return t;
}

static int by_time(const void *a, const void *b)
{
    double x = ((const ij_kernel_time *)a)->seconds, y = ((const ij_kernel_time *)b)->seconds;
    return (x < y) - (x > y);
}

enum { MOST_LAUNCHES = 1 << 16 };

ij_status ij_shapes_of_step(ij_workload *w, int64_t k, ij_kernel_time **times, int *count, double *seconds)
{
    double flops;
    ij_profile_entry *entries;
    int launches;
    *times = NULL;
    *count = 0;
    TRY(ij_profile_start(w->device, MOST_LAUNCHES));
    ij_status status = ij_workload_step(w, k, seconds, &flops);
    ij_status stopped = ij_profile_stop(w->device, &entries, &launches);
    if (status || stopped) {
        free(entries);
        return status ? status : stopped;
    }
    if (launches == MOST_LAUNCHES) {
        free(entries);
        return ij_fail(IJ_EINVAL, "a step has more than %d launches: use larger micro-batches", MOST_LAUNCHES);
    }
    *times = calloc((size_t)launches + 1, sizeof **times);
    for (int i = 0; i < launches && *times; i++) {
        if (entries[i].queue != IJ_QUEUE_COMPUTE)
            continue;
        ij_kernel_time *t = place_of(*times, count, &entries[i]);
        t->seconds += 1e-9 * (double)(entries[i].end - entries[i].start);
        t->flops += entries[i].flops;
        t->bytes += entries[i].bytes;
        t->calls++;
    }
    free(entries);
    if (!*times)
        return ij_fail(IJ_ENOMEM, "out of memory for a profile");
    qsort(*times, (size_t)*count, sizeof **times, by_time);
    return IJ_OK;
}
