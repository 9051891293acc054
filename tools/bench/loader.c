/* bench loader: how many images a second the configured data set yields, and where the time goes: reading the file,
 * decoding what the crop needs of it, resizing (which crops and mirrors in passing), augmenting (colours and blur). */
#include "data/loader.h"

#include "engine/base/try.h"
#include "ini/convert.h"
#include "tools/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void free_batch(ij_batch *b)
{
    free(b->pixels);
    free(b->context);
    free(b->context_offset);
    free(b->target);
}

static ij_status make_batch(ij_batch *b, const ij_trainer_config *c)
{
    size_t sequences = (size_t)c->contexts * (size_t)c->batch, crop = (size_t)c->model.crop;
    *b = (ij_batch){.images = c->batch,
                    .crop = c->model.crop,
                    .contexts = c->contexts,
                    .targets = c->targets,
                    .context_capacity = c->context_capacity,
                    .target_capacity = c->target_capacity};
    b->pixels = malloc((size_t)c->batch * crop * crop * 3);
    b->context = malloc(sequences * (size_t)c->context_capacity * sizeof *b->context);
    b->context_offset = malloc((sequences + 1) * sizeof *b->context_offset);
    b->target = malloc((size_t)c->targets * (size_t)c->batch * (size_t)c->target_capacity * sizeof *b->target);
    if (b->pixels && b->context && b->context_offset && b->target)
        return IJ_OK;
    return ij_fail(IJ_ENOMEM, "out of memory for a batch");
}

/* Seconds for `batches` of them, after one that warms the file cache. */
static ij_status run_batches(ij_workload *w, ij_batch *b, int batches, bool timed, double *seconds,
                             ij_reader_times *times, int *workers)
{
    ij_loader_config c = ij_config_loader(&w->config, w->dataset);
    c.timed = timed;
    TRY(ij_loader_open(&w->loader, &c));
    double start = 0.0;
    for (int k = 0; k <= batches; k++) {
        start = k == 1 ? ij_now() : start;
        TRY(ij_loader_begin(w->loader, k, b));
        TRY(ij_loader_finish(w->loader));
    }
    *seconds = ij_now() - start;
    *times = ij_loader_times(w->loader);
    *workers = ij_loader_workers(w->loader);
    ij_loader_close(w->loader);
    w->loader = NULL;
    return IJ_OK;
}

static void print_stage(const char *name, double seconds, const ij_reader_times *t)
{
    double all = t->read + t->decode + t->resize + t->augment;
    printf("%-10s %10.1f %7.1f%% %18.1f\n", name, 1e6 * seconds / (double)t->images, 100.0 * seconds / all,
           seconds > 0 ? (double)t->images / seconds : 0.0);
}

static ij_status measure(ij_workload *w, const ij_workload_options *o, int batches, ij_batch *b)
{
    ij_reader_times times;
    double seconds, timed_seconds;
    int workers;
    TRY(ij_workload_read(w, o));
    TRY(ij_workload_open_dataset(w));
    TRY(make_batch(b, &w->trained));
    TRY(run_batches(w, b, batches, true, &timed_seconds, &times, &workers)); /* the clocks of the stages cost time */
    ij_reader_times none;
    TRY(run_batches(w, b, batches, false, &seconds, &none, &workers));
    printf("%lld images, %d threads, batches of %d images of %d pixels\n", (long long)ij_dataset_count(w->dataset),
           workers, b->images, b->crop);
    printf("%-10s %10s %8s %18s\n", "stage", "us/image", "share", "images/s a thread");
    print_stage("read", times.read, &times);
    print_stage("decode", times.decode, &times);
    print_stage("resize", times.resize, &times); /* crops and flips in passing */
    print_stage("augment", times.augment, &times);
    print_stage("all", times.read + times.decode + times.resize + times.augment, &times);
    printf("images_per_second %.1f\n", (double)batches * b->images / seconds);
    return IJ_OK;
}

int bench_loader(int argc, char **argv)
{
    static ij_workload w;
    ij_workload_options o = {0};
    ij_batch batch = {0};
    int batches = 10;
    bool good = true;
    for (int i = 0; i < argc && good; i++)
        if (strcmp(argv[i], "--steps") == 0 && i + 1 < argc)
            good = (batches = atoi(argv[++i])) > 0;
        else
            good = ij_workload_option(&o, argc, argv, &i);
    if (!good || !o.config) {
        fprintf(stderr, "ijepa-bench: usage: ijepa-bench loader CONFIG.ini [--steps N] [--set section.key=value]...\n");
        return 2;
    }
    ij_status status = measure(&w, &o, batches, &batch);
    if (status)
        fprintf(stderr, "ijepa-bench: %s\n", ij_error());
    ij_workload_close(&w);
    free_batch(&batch);
    return status ? 1 : 0;
}
