#include "tools/bench/workload.h"

#include "engine/base/random.h"
#include "engine/base/try.h"
#include "engine/flops.h"
#include "ini/convert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double ij_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool ij_workload_option(ij_workload_options *o, int argc, char **argv, int *i)
{
    const char *name = argv[*i];
    bool more = *i + 1 < argc;
    if (name[0] != '-' && !o->config)
        o->config = name;
    else if (strcmp(name, "--device") == 0 && more)
        o->device = argv[++*i];
    else if (strcmp(name, "--set") == 0 && more && o->n_sets < IJ_MOST_SETS)
        o->sets[o->n_sets++] = argv[++*i];
    else if (strcmp(name, "--tuning") == 0 && more)
        setenv("IJEPA_TUNING", argv[++*i], 1); /* where the engine looks */
    else
        return false;
    return true;
}

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

ij_status ij_workload_read(ij_workload *w, const ij_workload_options *o)
{
    memset(w, 0, sizeof *w);
    TRY(ij_config_read(&w->config, o->config, o->sets, o->n_sets));
    w->trained = ij_config_trainer(&w->config);
    w->masks = ij_config_masks(&w->config);
    return IJ_OK;
}

ij_status ij_workload_open(ij_workload *w, const ij_workload_options *o)
{
    TRY(ij_device_open(&w->device, o->device ? o->device : w->config.run.device));
    if (*ij_device_notes(w->device))
        fprintf(stderr, "note: %s\n", ij_device_notes(w->device));
    double start = ij_now();
    int ranks = ij_ranks_count(w->ranks), own = ij_ranks_own(w->ranks), batch = w->trained.batch;
    int first = batch * own / ranks, share = batch * (own + 1) / ranks - first;
    w->trained.ranks = w->ranks;
    w->trained.share = w->ranks ? share : 0;
    TRY(ij_trainer_create(&w->trainer, w->device, &w->trained));
    TRY(ij_trainer_set_share(w->trainer, first, share));
    w->created = ij_now() - start;
    return IJ_OK;
}

ij_status ij_workload_open_dataset(ij_workload *w)
{
    const ij_config_data *d = &w->config.data;
    char path[2 * IJ_CONFIG_TEXT + 2];
    if (!*d->root_path)
        return ij_fail(IJ_EINVAL, "[data] root_path is not set: give the folder of images with --set "
                                  "data.root_path=FOLDER");
    snprintf(path, sizeof path, "%s%s%s", d->root_path, *d->image_folder ? "/" : "", d->image_folder);
    return ij_dataset_open(&w->dataset, path);
}

void ij_workload_close(ij_workload *w)
{
    ij_loader_close(w->loader); /* before the trainer, whose memory it fills */
    ij_snapshot_destroy(w->snapshot);
    ij_trainer_destroy(w->trainer);
    ij_device_close(w->device);
    ij_dataset_close(w->dataset);
    memset(w, 0, sizeof *w);
}

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

/* Random pixels and the masks of batch k. */
static ij_status fill(const ij_workload *w, ij_batch *batch, int64_t k)
{
    ij_random r;
    ij_random_start(&r, 1, IJ_STREAM_TEST, 0, 0);
    size_t bytes = (size_t)ij_batch_own(batch) * (size_t)batch->crop * (size_t)batch->crop * 3;
    for (size_t i = 0; i < bytes; i++)
        batch->pixels[i] = (uint8_t)(ij_random_u32(&r) >> 24);
    return ij_mask_sample(&w->masks, 1, k, batch);
}

ij_status ij_workload_begin(ij_workload *w, int64_t k)
{
    ij_batch *batch;
    TRY(ij_trainer_slot(w->trainer, (int)(k % 2), &batch));
    return w->loader ? ij_loader_begin(w->loader, k, batch) : fill(w, batch, k);
}

ij_status ij_workload_ready(ij_workload *w)
{
    return w->loader ? ij_loader_finish(w->loader) : IJ_OK;
}

/* Of every run the part that predicts features. */
static const ij_hyper hyper = {.lr = 1e-3, .wd = 0.04, .ema = 0.996};

double ij_workload_flops(const ij_workload *w, const ij_batch *batch)
{
    ij_objective objective = ij_trainer_objective(w->trainer, 0, &hyper);
    return ij_step_flops(&w->trained.model, batch, &objective);
}

ij_status ij_workload_enqueue(ij_workload *w, int64_t k)
{
    return ij_trainer_step(w->trainer, (int)(k % 2), &hyper);
}

ij_status ij_workload_step(ij_workload *w, int64_t k, double *seconds, double *flops)
{
    ij_batch *batch;
    TRY(ij_workload_begin(w, k));
    TRY(ij_workload_ready(w));
    TRY(ij_trainer_slot(w->trainer, (int)(k % 2), &batch));
    *flops = ij_workload_flops(w, batch);
    double start = ij_now();
    TRY(ij_workload_enqueue(w, k));
    TRY(ij_trainer_finish(w->trainer));
    *seconds = ij_now() - start;
    return IJ_OK;
}
