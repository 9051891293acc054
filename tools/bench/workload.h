/* A configuration as something to run steps of: the device, the trainer, and batches of random images, or of the
 * configured ones through the loader. What bench and autotune measure. */
#ifndef IJ_BENCH_WORKLOAD_H
#define IJ_BENCH_WORKLOAD_H

#include "data/loader.h"
#include "engine/ranks/ranks.h"
#include "engine/trainer.h"
#include "ini/config.h"

#include <stdbool.h>

enum { IJ_MOST_SETS = 32 };

/* The arguments that all subcommands share: CONFIG.ini [--set section.key=value]... [--device D] [--tuning FILE]. */
typedef struct ij_workload_options {
    const char *config, *device, *sets[IJ_MOST_SETS];
    int n_sets;
} ij_workload_options;

/* Takes argument *i if it is one of these, with what belongs to it. */
bool ij_workload_option(ij_workload_options *options, int argc, char **argv, int *i);

typedef struct ij_workload {
    ij_config config;
    ij_trainer_config trained; /* what the configuration means to the engine */
    ij_mask_config masks;
    ij_device *device;
    ij_trainer *trainer;
    double created;      /* seconds that the trainer took */
    ij_dataset *dataset; /* NULL: random images */
    ij_loader *loader;
    ij_ranks *ranks;       /* who compute equal shares of each batch; set before it is opened; NULL: nobody else */
    ij_snapshot *snapshot; /* of what a checkpoint is made of; NULL: none is taken */
} ij_workload;

/* Reads the configuration. */
ij_status ij_workload_read(ij_workload *w, const ij_workload_options *options);
/* Opens device and trainer; prints the device's notes. */
ij_status ij_workload_open(ij_workload *w, const ij_workload_options *options);
/* The configured data set; `loader`: what ij_config_loader gives, changed by the caller. */
ij_status ij_workload_open_dataset(ij_workload *w);
void ij_workload_close(ij_workload *w);

/* A step in three parts, so that they overlap as in a training run: batch k begins to be filled (random pixels at
 * once, the loader's in the background), is ready, is enqueued. */
ij_status ij_workload_begin(ij_workload *w, int64_t k);
ij_status ij_workload_ready(ij_workload *w);
ij_status ij_workload_enqueue(ij_workload *w, int64_t k);

/* ij_step_flops of a step on `batch`. */
double ij_workload_flops(const ij_workload *w, const ij_batch *batch);
/* Step k alone, from the filled batch to the idle device; `flops`: ij_step_flops. */
ij_status ij_workload_step(ij_workload *w, int64_t k, double *seconds, double *flops);

/* Seconds since some moment (CLOCK_MONOTONIC). */
double ij_now(void);

#endif
