/* A run of `ijepa train`: all that it opens, told as it is opened. */
#ifndef IJ_FRONTEND_RUN_H
#define IJ_FRONTEND_RUN_H

#include "frontend/resume.h"
#include "frontend/team.h"
#include "frontend/training.h"

/* In the order in which it is opened; closed in the reverse one. The caller sets the first three; the rest is zero. */
typedef struct ij_run {
    bool resume;      /* asked for; later: a checkpoint is gone on from */
    const char *init; /* NULL: none */
    ij_config config;
    char official[IJ_PATH_MAX]; /* `init` where [meta] read_checkpoint names a file in the run's folder */
    ij_team team;
    ij_dataset *dataset;
    ij_run_identity identity;
    ij_run_folder folder;
    ij_resume checkpoint; /* that the run goes on from; without a file it starts */
    ij_device *device;
    ij_trainer *trainer;
    ij_loader *loader;
    ij_training training; /* its begin and steps, and what rank 0 sees and writes */
} ij_run;

/* What a run computes with: ranks, images, the folder, the device, the model with the weights to begin with, the loader
 * and the images of [eval]. */
ij_status ij_run_open_inputs(ij_run *run);

/* What rank 0 writes: the log, events for TensorBoard, checkpoints. */
ij_status ij_run_open_outputs(ij_run *run);

void ij_run_close(ij_run *run);

#endif
