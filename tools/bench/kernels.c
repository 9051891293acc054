/* bench kernels: every kernel at the shapes of a step. */
#include "engine/base/try.h"
#include "engine/peak.h"
#include "tools/bench/bench.h"
#include "tools/bench/shapes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_kernel(const ij_kernel_time *t, double total, double peak, double bandwidth)
{
    char shape[48] = "";
    const int *s = t->what.shape;
    if (t->what.kind == IJ_OPERATION_ATTENTION)
        snprintf(shape, sizeof shape, "%d in %d, %d wide", s[1], s[0], s[2]);
    else if (s[2])
        snprintf(shape, sizeof shape, "%d x %d x %d", s[0], s[1], s[2]);
    else if (s[0])
        snprintf(shape, sizeof shape, "%d x %d", s[0], s[1]);
    printf("%-22s %-22s %5d %9.2f %6.1f%%", t->kernel, shape, t->calls, 1e3 * t->seconds, 100.0 * t->seconds / total);
    if (t->flops > 0)
        printf(" %8.1f GFLOP/s %5.1f%% of peak", 1e-9 * t->flops / t->seconds, 1e-7 * t->flops / t->seconds / peak);
    else if (t->bytes > 0)
        printf(" %8.1f GB/s    %5.1f%% of bandwidth", 1e-9 * t->bytes / t->seconds,
               1e-7 * t->bytes / t->seconds / bandwidth);
    puts("");
}

/* All kernels of one kind together. */
static void print_group(ij_operation_kind kind, const char *title, const ij_kernel_time *times, int count, double total,
                        double peak)
{
    double seconds = 0.0, flops = 0.0;
    int calls = 0;
    for (int i = 0; i < count; i++)
        if (times[i].what.kind == kind) {
            seconds += times[i].seconds;
            flops += times[i].flops;
            calls += times[i].calls;
        }
    if (seconds > 0.0)
        printf("%-45s %5d %9.2f %6.1f%% %8.1f GFLOP/s %5.1f%% of peak\n", title, calls, 1e3 * seconds,
               100.0 * seconds / total, 1e-9 * flops / seconds, 1e-7 * flops / seconds / peak);
}

/* Keeps the shorter time of each kernel; the same step launches the same ones. */
static void keep_best(ij_kernel_time *best, int count, const ij_kernel_time *times)
{
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++)
            if (ij_operation_same(&best[i].what, &times[j].what) && !strcmp(best[i].kernel, times[j].kernel) &&
                times[j].seconds < best[i].seconds)
                best[i].seconds = times[j].seconds;
}

static int by_time(const void *a, const void *b)
{
    double x = ((const ij_kernel_time *)a)->seconds, y = ((const ij_kernel_time *)b)->seconds;
    return (x < y) - (x > y);
}

ij_status bench_print_kernels(ij_workload *w, int64_t k, int steps)
{
    ij_kernel_time *best = NULL;
    double peak, bandwidth, least = 0.0, total = 0.0;
    int count = 0, launches = 0;
    TRY(ij_measure_fma_peak(w->device, &peak));
    TRY(ij_measure_copy_bandwidth(w->device, (size_t)256 << 20, &bandwidth));
    for (int i = 0; i < steps; i++) {
        ij_kernel_time *times;
        double seconds;
        int found;
        ij_status status = ij_shapes_of_step(w, k, &times, &found, &seconds);
        if (status) {
            free(best);
            return status;
        }
        least = i && least < seconds ? least : seconds;
        if (best) {
            keep_best(best, count < found ? count : found, times);
            free(times);
        } else {
            best = times;
            count = found;
        }
    }
    for (int i = 0; i < count; i++) {
        total += best[i].seconds;
        launches += best[i].calls;
    }
    qsort(best, (size_t)count, sizeof *best, by_time);
    printf("%-22s %-22s %5s %9s %7s   (fp32 peak %.1f GFLOP/s, copy %.1f GB/s)\n", "kernel", "M x N x K", "calls", "ms",
           "share", peak, bandwidth);
    for (int i = 0; i < count; i++)
        print_kernel(&best[i], total, peak, bandwidth);
    print_group(IJ_OPERATION_PRODUCT, "all matrix products", best, count, total, peak);
    print_group(IJ_OPERATION_ATTENTION, "all of attention", best, count, total, peak);
    printf("%-45s %5d %9.2f of a step's %.2f ms\n", "all", launches, 1e3 * total, 1e3 * least);
    free(best);
    return IJ_OK;
}

static ij_status run(ij_workload *w, const ij_workload_options *o, int steps)
{
    double seconds, flops;
    TRY(ij_workload_read(w, o));
    TRY(ij_workload_open(w, o));
    for (int k = 0; k < 2; k++)
        TRY(ij_workload_step(w, k, &seconds, &flops));
    return bench_print_kernels(w, 2, steps);
}

int bench_kernels(int argc, char **argv)
{
    static ij_workload w;
    ij_workload_options o = {0};
    int steps = 3;
    bool good = true;
    for (int i = 0; i < argc && good; i++)
        if (strcmp(argv[i], "--steps") == 0 && i + 1 < argc)
            good = (steps = atoi(argv[++i])) > 0;
        else
            good = ij_workload_option(&o, argc, argv, &i);
    if (!good || !o.config) {
        fprintf(stderr, "ijepa-bench: usage: ijepa-bench kernels CONFIG.ini [--steps N] [--device D] [--set "
                        "section.key=value]...\n");
        return 2;
    }
    ij_status status = run(&w, &o, steps);
    if (status)
        fprintf(stderr, "ijepa-bench: %s\n", ij_error());
    ij_workload_close(&w);
    return status ? 1 : 0;
}
