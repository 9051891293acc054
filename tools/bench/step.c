/* bench step: the median training step of a configuration, on random images and the configuration's own masks. */
#include "data/masks.h"
#include "engine/base/random.h"
#include "engine/base/try.h"
#include "engine/profile.h"
#include "engine/trainer.h"
#include "ini/config.h"
#include "ini/convert.h"
#include "tools/bench/bench.h"
#include "tools/bench/flops.h"
#include "tools/bench/peak.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WARM_UP = 2, MOST_SETS = 32, MOST_KERNELS = 128 };

typedef struct options {
    const char *config, *device, *sets[MOST_SETS];
    int n_sets, steps;
    bool kernels;
} options;

typedef struct bench {
    options options;
    ij_config config;
    ij_mask_config masks;
    ij_model_config model;
    ij_device *device;
    ij_trainer *trainer;
} bench;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool read_options(options *o, int argc, char **argv)
{
    o->steps = 10;
    for (int i = 0; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--kernels") == 0)
            o->kernels = true;
        else if (strcmp(argv[i], "--device") == 0 && more)
            o->device = argv[++i];
        else if (strcmp(argv[i], "--steps") == 0 && more)
            o->steps = atoi(argv[++i]);
        else if (strcmp(argv[i], "--set") == 0 && more && o->n_sets < MOST_SETS)
            o->sets[o->n_sets++] = argv[++i];
        else if (argv[i][0] != '-' && !o->config)
            o->config = argv[i];
        else
            return false;
    }
    return o->config && o->steps > 0;
}

/* Random pixels and the masks of batch k. */
static ij_status fill(const bench *b, ij_batch *batch, int64_t k)
{
    ij_random r;
    ij_random_start(&r, 1, IJ_STREAM_TEST, 0, 0);
    size_t bytes = (size_t)batch->images * (size_t)batch->crop * (size_t)batch->crop * 3;
    for (size_t i = 0; i < bytes; i++)
        batch->pixels[i] = (uint8_t)(ij_random_u32(&r) >> 24);
    return ij_mask_sample(&b->masks, 1, k, batch);
}

/* One step on masks of their own, prepared before the clock starts, as the peer's benchmark does. */
static ij_status timed_step(bench *b, int64_t k, double *seconds, double *flops)
{
    ij_batch *batch;
    ij_hyper hyper = {1e-3, 0.04, 0.996};
    TRY(ij_trainer_slot(b->trainer, (int)(k % 2), &batch));
    TRY(fill(b, batch, k));
    *flops = ij_step_flops(&b->model, batch);
    double start = now();
    TRY(ij_trainer_step(b->trainer, (int)(k % 2), &hyper));
    TRY(ij_trainer_finish(b->trainer));
    *seconds = now() - start;
    return IJ_OK;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int by_time(const void *a, const void *b)
{
    return -by_value(a, b);
}

/* Launches of one kernel at one shape. */
typedef struct group {
    double seconds; /* first, for by_time */
    const ij_profile_entry *first;
    double flops, bytes;
    int calls;
} group;

static group *group_of(group *groups, int *n, const ij_profile_entry *e)
{
    for (int j = 0; j < *n; j++) {
        const ij_profile_entry *f = groups[j].first;
        if (strcmp(f->kernel, e->kernel) == 0 && memcmp(f->shape, e->shape, sizeof e->shape) == 0)
            return &groups[j];
    }
    if (*n == MOST_KERNELS)
        return NULL;
    groups[*n] = (group){.first = e};
    return &groups[(*n)++];
}

static void print_group(const group *g, double total, double peak)
{
    char shape[48] = "";
    const int *s = g->first->shape;
    if (s[0])
        snprintf(shape, sizeof shape, "%d x %d x %d", s[0], s[1], s[2]);
    printf("%-20s %-20s %5d %9.2f %6.1f%%", g->first->kernel, shape, g->calls, 1e3 * g->seconds,
           100.0 * g->seconds / total);
    if (g->flops > 0)
        printf(" %8.1f GFLOP/s %5.1f%% of peak", 1e-9 * g->flops / g->seconds, 1e-7 * g->flops / g->seconds / peak);
    else if (g->bytes > 0)
        printf(" %8.1f GB/s", 1e-9 * g->bytes / g->seconds);
    puts("");
}

static ij_status print_kernels(bench *b, int64_t k)
{
    group groups[MOST_KERNELS];
    double seconds, flops, total = 0.0, peak = 0.0;
    int n = 0, count;
    ij_profile_entry *entries;
    TRY(ij_measure_fma_peak(b->device, &peak));
    TRY(ij_profile_start(b->device, 1 << 16));
    ij_status status = timed_step(b, k, &seconds, &flops);
    TRY(ij_profile_stop(b->device, &entries, &count));
    for (int i = 0; i < count; i++) {
        group *g = group_of(groups, &n, &entries[i]);
        double t = 1e-9 * (double)(entries[i].end - entries[i].start);
        total += t;
        if (!g)
            continue;
        g->seconds += t;
        g->flops += entries[i].flops;
        g->bytes += entries[i].bytes;
        g->calls++;
    }
    qsort(groups, (size_t)n, sizeof *groups, by_time);
    printf("%-20s %-20s %5s %9s %7s\n", "kernel", "M x N x K", "calls", "ms", "share");
    for (int j = 0; j < n; j++)
        print_group(&groups[j], total, peak);
    printf("%-41s %5d %9.2f of %.2f ms\n", "all", count, 1e3 * total, 1e3 * seconds);
    free(entries);
    return status;
}

static ij_status run(bench *b)
{
    const options *o = &b->options;
    TRY(ij_config_read(&b->config, o->config, o->sets, o->n_sets));
    TRY(ij_device_open(&b->device, o->device ? o->device : b->config.run.device));
    double peak = 0.0;
    TRY(ij_measure_fma_peak(b->device, &peak));
    ij_trainer_config config = ij_config_trainer(&b->config);
    b->model = config.model;
    b->masks = ij_config_masks(&b->config);
    double start = now();
    TRY(ij_trainer_create(&b->trainer, b->device, &config));
    double created = now() - start, *times = calloc((size_t)o->steps, sizeof *times), flops = 0.0, seconds = 0.0;
    if (!times)
        return ij_fail(IJ_ENOMEM, "out of memory");
    ij_status status = IJ_OK;
    for (int k = 0; k < o->steps + WARM_UP && !status; k++) {
        double f;
        status = timed_step(b, k, &seconds, &f);
        if (k == 0)
            printf("start %.2f s, first step %.2f s\n", created, seconds);
        if (k >= WARM_UP) {
            times[k - WARM_UP] = seconds;
            flops += f / o->steps;
        }
    }
    if (!status && o->kernels)
        status = print_kernels(b, o->steps + WARM_UP);
    if (!status) {
        qsort(times, (size_t)o->steps, sizeof *times, by_value);
        double median = times[o->steps / 2];
        printf("images_per_second %.1f step_ms %.1f gflops %.1f peak_fraction %.3f kernels %d device_bytes %llu\n",
               config.batch / median, 1e3 * median, 1e-9 * flops / median, 1e-9 * flops / median / peak,
               ij_trainer_kernels(b->trainer), (unsigned long long)ij_trainer_device_bytes(b->trainer));
    }
    free(times);
    return status;
}

int bench_step(int argc, char **argv)
{
    bench *b = calloc(1, sizeof *b);
    if (!b || !read_options(&b->options, argc, argv)) {
        fprintf(stderr, "bench: usage: bench step CONFIG.ini [--set section.key=value]... [--device D] [--steps N] "
                        "[--kernels]\n");
        free(b);
        return 2;
    }
    ij_status status = run(b);
    if (status)
        fprintf(stderr, "bench: %s\n", ij_error());
    ij_trainer_destroy(b->trainer);
    ij_device_close(b->device);
    free(b);
    return status ? 1 : 0;
}
