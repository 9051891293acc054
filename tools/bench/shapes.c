#include "tools/bench/shapes.h"

#include "engine/base/try.h"

#include <stdlib.h>
#include <string.h>

double ij_attention_flops(const ij_workload *w, const int shape[3])
{
    double sequences = shape[0], tokens = shape[1], width = (double)shape[2] * w->trained.model.heads;
    /* With sequences of nearly one length the square of the mean is the mean of the squares. */
    return sequences > 0 ? 4.0 * tokens * tokens / sequences * width : 0.0;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static double flops_of(const ij_workload *w, const ij_profile_entry *e)
{
    if (e->flops > 0 || !begins(e->kernel, "attention"))
        return e->flops;
    /* Backward there are five products where forward there are two; the GPU family shares them out between kernels of
     * three and four, for it computes two of them twice. */
    double forward = ij_attention_flops(w, e->shape);
    if (strcmp(e->kernel, "attention_backward_q") == 0)
        return forward * 2.5 * 3 / 7;
    if (strcmp(e->kernel, "attention_backward_kv") == 0)
        return forward * 2.5 * 4 / 7;
    return forward * (begins(e->kernel, "attention_backward") ? 2.5 : 1.0);
}

static ij_kernel_time *place_of(ij_kernel_time *times, int *n, const ij_profile_entry *e)
{
    for (int i = 0; i < *n; i++)
        if (strcmp(times[i].kernel, e->kernel) == 0 && memcmp(times[i].shape, e->shape, sizeof e->shape) == 0)
            return &times[i];
    ij_kernel_time *t = &times[(*n)++];
    *t = (ij_kernel_time){.kernel = e->kernel};
    memcpy(t->shape, e->shape, sizeof e->shape);
    return t;
}

static int by_time(const void *a, const void *b)
{
    double x = ((const ij_kernel_time *)a)->seconds, y = ((const ij_kernel_time *)b)->seconds;
    return (x < y) - (x > y);
}

ij_status ij_shapes_of_step(ij_workload *w, int64_t k, ij_kernel_time **times, int *count, double *seconds)
{
    double flops;
    ij_profile_entry *entries;
    int launches;
    *times = NULL;
    *count = 0;
    TRY(ij_profile_start(w->device, 1 << 16));
    ij_status status = ij_workload_step(w, k, seconds, &flops);
    ij_status stopped = ij_profile_stop(w->device, &entries, &launches);
    if (status || stopped) {
        free(entries);
        return status ? status : stopped;
    }
    *times = calloc((size_t)launches + 1, sizeof **times);
    for (int i = 0; i < launches && *times; i++) {
        if (entries[i].queue != IJ_QUEUE_COMPUTE)
            continue;
        ij_kernel_time *t = place_of(*times, count, &entries[i]);
        t->seconds += 1e-9 * (double)(entries[i].end - entries[i].start);
        t->flops += flops_of(w, &entries[i]);
        t->bytes += entries[i].bytes;
        t->calls++;
    }
    free(entries);
    if (!*times)
        return ij_fail(IJ_ENOMEM, "out of memory for a profile");
    qsort(*times, (size_t)*count, sizeof **times, by_time);
    return IJ_OK;
}
