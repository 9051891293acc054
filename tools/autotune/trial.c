#include "tools/autotune/trial.h"

#include "engine/base/try.h"
#include "engine/profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

float *trial_normals(trial *t, size_t n)
{
    float *x = malloc((n ? n : 1) * sizeof *x);
    for (size_t i = 0; x && i < n; i++)
        x[i] = ij_random_normal(&t->random);
    return x;
}

ij_status trial_buffer(trial *t, const float *values, size_t n, cl_mem *memory)
{
    static const cl_float nan_pattern = NAN;
    cl_int code;
    cl_command_queue queue = t->device->compute;
    *memory = clCreateBuffer(t->device->context, CL_MEM_READ_WRITE, n * sizeof *values, NULL, &code);
    TRY(ij_cl_check(code, "making a buffer"));
    if (values)
        code = clEnqueueWriteBuffer(queue, *memory, CL_TRUE, 0, n * sizeof *values, values, 0, NULL, NULL);
    else
        code =
            clEnqueueFillBuffer(queue, *memory, &nan_pattern, sizeof nan_pattern, 0, n * sizeof *values, 0, NULL, NULL);
    return ij_cl_check(code, "filling a buffer");
}

ij_status trial_filled(trial *t, size_t n, cl_mem *memory)
{
    static const cl_float pattern[4] = {0.11f, -0.13f, 0.07f, 0.017f};
    cl_int code;
    n = (n + 3) / 4 * 4;
    *memory = clCreateBuffer(t->device->context, CL_MEM_READ_WRITE, n * sizeof *pattern, NULL, &code);
    TRY(ij_cl_check(code, "making a buffer"));
    return ij_cl_check(clEnqueueFillBuffer(t->device->compute, *memory, pattern, sizeof pattern, 0, n * sizeof *pattern,
                                           0, NULL, NULL),
                       "filling a buffer");
}

ij_status trial_read(trial *t, cl_mem memory, size_t n, float **values)
{
    *values = malloc((n ? n : 1) * sizeof **values);
    if (!*values)
        return ij_fail(IJ_ENOMEM, "out of memory for a check");
    return ij_cl_check(
        clEnqueueReadBuffer(t->device->compute, memory, CL_TRUE, 0, n * sizeof **values, *values, 0, NULL, NULL),
        "reading a result");
}

void trial_compare(trial *t, float *got, const double *want, size_t n)
{
    if (t->spoil)
        got[n / 2] += 1.0f + fabsf(got[n / 2]);
    double difference = 0.0, norm = 0.0;
    for (size_t i = 0; i < n; i++) {
        difference += (got[i] - want[i]) * (got[i] - want[i]);
        norm += want[i] * want[i];
    }
    double error = sqrt(difference / norm);
    if (!(error <= t->error)) /* so that a NaN is kept */
        t->error = error;
}

ij_status trial_compare_memory(trial *t, cl_mem memory, const double *want, size_t n)
{
    float *got;
    ij_status status = trial_read(t, memory, n, &got);
    if (!status)
        trial_compare(t, got, want, n);
    free(got);
    return status;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* CLBlast's kernels leave no event with us: its calls are timed from outside, each from an idle device to the next. */
static ij_status library_once(trial *t, trial_launch *launch, void *context, double *seconds)
{
    double start = ij_now();
    TRY(launch(context));
    TRY(ij_cl_check(clFinish(t->device->compute), "waiting for a product"));
    *seconds = ij_now() - start;
    return IJ_OK;
}

ij_status trial_once(trial *t, trial_launch *launch, void *context, const ij_operation *what, double *seconds)
{
    *seconds = 0.0;
    if (t->clblast)
        return library_once(t, launch, context, seconds);
    ij_profile_entry *entries;
    int count;
    bool found = false;
    TRY(ij_profile_start(t->device, 8));
    ij_status status = launch(context);
    ij_status stopped = ij_profile_stop(t->device, &entries, &count);
    for (int i = 0; !status && !stopped && i < count; i++) {
        *seconds += 1e-9 * (double)(entries[i].end - entries[i].start);
        found = found || ij_operation_same(&entries[i].what, what);
    }
    if (!status && !stopped && !found)
        status =
            ij_fail(IJ_EINVAL, "the trial launched %s, which is not the step's operation (tail %d, %d x %d x %d)",
                    count ? entries[0].kernel : "nothing", what->tail, what->shape[0], what->shape[1], what->shape[2]);
    free(entries);
    return status ? status : stopped;
}

ij_status trial_median(trial *t, trial_launch *launch, void *context, const ij_operation *what, double *seconds)
{
    enum { LEAST = 3, ENOUGH = 7, MOST = 61 };
    double times[MOST], first, start = ij_now();
    int n = 0;
    TRY(trial_once(t, launch, context, what, &first)); /* it may compile */
    while (n < LEAST || (n < ENOUGH && ij_now() - start < 3.0) || (n < MOST && ij_now() - start < 0.4))
        TRY(trial_once(t, launch, context, what, &times[n++]));
    qsort(times, (size_t)n, sizeof *times, by_value);
    *seconds = times[n / 2];
    return IJ_OK;
}
