/* bench step: the median training step of a configuration, on random images and the configuration's own masks, or on
 * its data set. */
#include "engine/base/try.h"
#include "engine/flops.h"
#include "engine/peak.h"
#include "ini/convert.h"
#include "tools/bench/bench.h"
#include "tools/bench/trace.h"
#include "tools/bench/waits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Commands of a step are some hundreds to some thousands. */
enum { WARM_UP = 2, TRACED = 3, MOST_COMMANDS = 1 << 14 };

typedef struct options {
    ij_workload_options workload;
    int steps;
    bool kernels, data;
    const char *profile;
} options;

static bool read_options(options *o, int argc, char **argv)
{
    *o = (options){.steps = 10};
    for (int i = 0; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--kernels") == 0)
            o->kernels = true;
        else if (strcmp(argv[i], "--data") == 0)
            o->data = true;
        else if (strcmp(argv[i], "--profile") == 0 && more)
            o->profile = argv[++i];
        else if (strcmp(argv[i], "--steps") == 0 && more)
            o->steps = atoi(argv[++i]);
        else if (!ij_workload_option(&o->workload, argc, argv, &i))
            return false;
    }
    return o->workload.config && o->steps > 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---- One step at a time ------------------------------------------------------------------------------------------ */

/* Batches are prepared before the clock starts, as the peer's benchmark does. */
static ij_status separate_steps(ij_workload *w, int steps, double *times, double *flops)
{
    for (int k = 0; k < steps + WARM_UP; k++) {
        double f, seconds;
        TRY(ij_workload_step(w, k, &seconds, &f));
        if (k == 0)
            printf("start %.2f s, first step %.2f s\n", w->created, seconds);
        if (k >= WARM_UP) {
            times[k - WARM_UP] = seconds;
            *flops += f / steps;
        }
    }
    return IJ_OK;
}

/* ---- As a training run does it ----------------------------------------------------------------------------------- */

/* Step k of a loop in which batch k + 1 is prepared while the device computes batch k. `last`: there is no next. */
static ij_status overlapped_step(ij_workload *w, int64_t k, bool first, bool last, double *flops, ij_step_mark *mark,
                                 ij_trace *trace, bool copy)
{
    ij_batch *batch;
    ij_step_result result;
    double t[5];
    if (first)
        TRY(ij_workload_begin(w, k));
    t[0] = ij_now();
    TRY(ij_workload_ready(w));
    t[1] = ij_now();
    TRY(ij_trainer_slot(w->trainer, (int)(k % 2), &batch));
    *flops = ij_workload_flops(w, batch);
    TRY(ij_workload_enqueue(w, k));
    if (copy)
        TRY(ij_trainer_take_snapshot(w->trainer, w->snapshot));
    t[2] = ij_now();
    *mark = (ij_step_mark){t[0], t[1], t[2]};
    if (!last)
        TRY(ij_workload_begin(w, k + 1));
    t[3] = ij_now();
    if (!first)
        TRY(ij_trainer_result(w->trainer, k - 1, &result));
    t[4] = ij_now();
    static const char *const parts[] = {"wait for batch", "enqueue step", "begin batch", "wait for result"};
    const int64_t numbers[] = {k, k, k + 1, k - 1};
    for (int i = 0; trace && i < 4; i++)
        ij_trace_add(trace, 0, t[i], t[i + 1], "%s %lld", parts[i], (long long)numbers[i]);
    return IJ_OK;
}

static ij_status overlapped_steps(ij_workload *w, int64_t from, int steps, double *times, double *flops,
                                  ij_step_mark *marks, ij_trace *trace)
{
    double before = ij_now();
    for (int i = 0; i < steps; i++) {
        double f;
        bool copy = w->snapshot && i == steps / 2; /* as where a checkpoint is due */
        TRY(overlapped_step(w, from + i, i == 0, i == steps - 1, &f, &marks[i], trace, copy));
        double now = ij_now();
        if (times && i >= WARM_UP) {
            times[i - WARM_UP] = now - before;
            *flops += f / (steps - WARM_UP);
        }
        before = now;
    }
    return ij_trainer_finish(w->trainer);
}

/* ---- With the device's own times -------------------------------------------------------------------------------- */

/* Steps as a training run does them, with the events of all commands kept: what of the time from step `settled` on the
 * device had nothing to do, and what of that because the images were not there. */
typedef struct watched {
    int steps, settled;
    ij_step_mark *marks;
    ij_step_gap *gaps;
    ij_profile_entry *entries;
    int count;
    ij_gap_sum sum;
} watched;

static void free_watched(watched *o)
{
    free(o->marks);
    free(o->gaps);
    free(o->entries);
}

static ij_status watch_steps(watched *o, ij_workload *w, int64_t from, double *times, double *flops, ij_trace *trace)
{
    o->marks = calloc((size_t)o->steps, sizeof *o->marks);
    o->gaps = calloc((size_t)o->steps, sizeof *o->gaps);
    if (!o->marks || !o->gaps)
        return ij_fail(IJ_ENOMEM, "out of memory");
    TRY(ij_profile_start(w->device, o->steps * MOST_COMMANDS));
    ij_status status = overlapped_steps(w, from, o->steps, times, flops, o->marks, trace);
    ij_status stopped = ij_profile_stop(w->device, &o->entries, &o->count);
    if (status || (status = stopped))
        return status;
    if (o->count == o->steps * MOST_COMMANDS)
        return ij_fail(IJ_EINVAL, "a step is of more than the %d commands that can be recorded", (int)MOST_COMMANDS);
    ij_step_gaps(o->marks, o->steps, o->entries, o->count, o->gaps);
    o->sum = ij_step_gaps_sum(o->gaps, o->settled, o->steps, o->entries, o->count);
    return IJ_OK;
}

/* Where the images come from a data set. */
static void print_waits(const watched *o)
{
    int steps = o->steps - o->settled;
    printf(
        "device idle between steps %.3f ms a step, %.3f %% of the time; of that for want of images %.3f ms, %.3f %%\n",
        1e3 * o->sum.idle / steps, 100.0 * o->sum.idle / o->sum.of, 1e3 * o->sum.images / steps,
        100.0 * o->sum.images / o->sum.of);
}

static ij_status open_loader(ij_workload *w, ij_trace *trace)
{
    TRY(ij_workload_open_dataset(w));
    ij_loader_config c = ij_config_loader(&w->config, w->dataset);
    c.watch = trace ? ij_trace_loader : NULL;
    c.watcher = trace;
    return ij_loader_open(&w->loader, &c);
}

static ij_status data_steps(ij_workload *w, int steps, double *times, double *flops)
{
    watched o = {.steps = steps, .settled = WARM_UP};
    ij_status status = watch_steps(&o, w, 0, times, flops, NULL);
    if (!status)
        print_waits(&o);
    free_watched(&o);
    return status;
}

/* The first of these steps begins with an idle device and no batch: what comes after it counts. */
static ij_status write_trace(ij_workload *w, int64_t k, ij_trace *trace, const char *path)
{
    watched o = {.steps = TRACED, .settled = 1};
    trace->count = 0; /* what the loader did before */
    ij_status status = ij_trainer_make_snapshot(w->trainer, &w->snapshot);
    if (!status)
        status = watch_steps(&o, w, k, NULL, NULL, trace);
    if (!status)
        status = ij_snapshot_wait(w->snapshot);
    if (!status)
        printf("a checkpoint's copy of the state, %.1f MiB, held the device up for %.1f ms\n",
               (double)ij_snapshot_bytes(w->snapshot) / 0x1p20, 1e3 * ij_snapshot_seconds(w->snapshot));
    if (!status)
        status = ij_trace_write(
            trace, &(ij_trace_device){w->device->info.name, o.entries, o.count, o.gaps, k, o.steps, o.sum}, path);
    if (!status)
        printf("%d steps traced in %s\n", TRACED, path);
    if (!status && w->loader)
        print_waits(&o);
    free_watched(&o);
    return status;
}

/* ---- All of it --------------------------------------------------------------------------------------------------- */

static ij_status measure(ij_workload *w, const options *o, double *times, ij_trace *trace)
{
    double peak = 0.0, flops = 0.0;
    int64_t next = o->steps + WARM_UP;
    TRY(ij_workload_read(w, &o->workload));
    TRY(ij_ranks_open(&w->ranks, NULL));
    if (ij_ranks_own(w->ranks) && !freopen("/dev/null", "w", stdout)) /* rank 0 tells */
        return ij_fail(IJ_EIO, "/dev/null cannot be opened");
    TRY(ij_workload_open(w, &o->workload));
    TRY(ij_measure_fma_peak(w->device, &peak));
    if (o->data) {
        TRY(open_loader(w, o->profile ? trace : NULL));
        TRY(data_steps(w, (int)next, times, &flops));
    } else {
        TRY(separate_steps(w, o->steps, times, &flops));
    }
    int kernels = ij_trainer_kernels(w->trainer);
    if (o->profile) {
        TRY(write_trace(w, next, trace, ij_ranks_own(w->ranks) ? "/dev/null" : o->profile));
        next += TRACED;
    }
    if (o->kernels)
        TRY(bench_print_kernels(w, next, 1));
    qsort(times, (size_t)o->steps, sizeof *times, by_value);
    double median = times[o->steps / 2];
    printf("%d steps: fastest %.1f ms, slowest %.1f ms\n", o->steps, 1e3 * times[0], 1e3 * times[o->steps - 1]);
    if (w->ranks) {
        ij_exchange_times t = ij_trainer_exchange(w->trainer);
        flops /= ij_ranks_count(w->ranks);
        printf("%d ranks: %.1f MiB of gradients a step, of which the device waited %.1f ms a step for the sums\n",
               ij_ranks_count(w->ranks), (double)t.bytes / 0x1p20, t.steps ? 1e3 * t.exposed / (double)t.steps : 0);
    }
    printf("images_per_second %.1f step_ms %.1f gflops %.1f peak_fraction %.3f kernels %d device_bytes %llu\n",
           w->trained.batch / median, 1e3 * median, 1e-9 * flops / median, 1e-9 * flops / median / peak, kernels,
           (unsigned long long)ij_trainer_device_bytes(w->trainer));
    return IJ_OK;
}

int bench_step(int argc, char **argv)
{
    static ij_workload w;
    options o;
    if (!read_options(&o, argc, argv)) {
        fprintf(stderr,
                "ijepa-bench: usage: ijepa-bench step CONFIG.ini [--set section.key=value]... [--device D] [--steps N] "
                "[--data] [--profile FILE] [--kernels]\n");
        return 2;
    }
    ij_trace trace;
    ij_trace_start(&trace);
    double *times = calloc((size_t)o.steps, sizeof *times);
    ij_status status = times ? measure(&w, &o, times, &trace) : ij_fail(IJ_ENOMEM, "out of memory");
    if (status)
        fprintf(stderr, "ijepa-bench: %s\n", ij_error());
    free(times);
    ij_ranks *ranks = w.ranks;
    if (status && ranks) /* the others wait for this one */
        ij_ranks_abort(ranks, 1);
    ij_workload_close(&w);
    ij_ranks_close(ranks);
    ij_trace_free(&trace);
    return status ? 1 : 0;
}
