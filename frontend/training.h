/* The training loop: batches, steps, results, checkpoints. What a run is made of is opened and closed by the caller. */
#ifndef IJ_FRONTEND_TRAINING_H
#define IJ_FRONTEND_TRAINING_H

#include "data/dataset.h"
#include "data/loader.h"
#include "engine/schedule.h"
#include "engine/trainer.h"
#include "frontend/collapse.h"
#include "frontend/learning_curve.h"
#include "frontend/progress.h"
#include "frontend/run_events.h"
#include "frontend/run_folder.h"
#include "frontend/saver.h"
#include "frontend/step_log.h"
#include "frontend/team.h"
#include "ini/config.h"

/* What the host remembers of a step until its result is there. */
typedef struct ij_step_kept {
    ij_hyper hyper;
    double context_length;
    int target_length;
    double flops; /* 0 where nobody asks for the share of the peak */
    double rank;  /* of the batch's target features; NaN: not looked at */
    ij_curve_point curve;
} ij_step_kept;

/* Which ranks were asked to end: how many, and the sum of their signals. */
typedef struct ij_end_vote {
    ij_rank_job job;
    double sums[2];
} ij_end_vote;

typedef struct ij_training {
    /* Set by the caller: */
    const ij_config *config;
    const ij_run_folder *folder;
    const ij_dataset *dataset;
    ij_loader *loader;
    ij_trainer *trainer;
    ij_team *team;
    ij_saver *saver;          /* of rank 0, as the log and what follows it */
    ij_learning_curve *curve; /* NULL: none */
    ij_step_log log;          /* open */
    ij_run_events events;     /* open, or zero */
    ij_schedule schedule;
    int64_t begin; /* steps taken before: those of the checkpoint that the run goes on from */
    int64_t steps; /* how many the run takes, these included */
    double peak;   /* of the device, for the progress on a terminal: ij_progress.peak */

    /* The loop's own; zero at first: */
    ij_progress progress;
    ij_step_kept kept[2];   /* of step k at k % 2 */
    int64_t taken;          /* steps enqueued */
    int64_t read;           /* steps whose result was read */
    int64_t bad_named;      /* unreadable images told of */
    double last_result;     /* ij_clock when the last result came */
    double last_checkpoint; /* ij_clock when the last checkpoint was taken */
    bool checkpoint_due;    /* and not taken yet, since the one before is still being written */
    double waited;          /* seconds for the writing of checkpoints, with the device idle */
    double looked;          /* seconds since the last result in which the features were looked at, not trained */
    double loss;            /* of the last step read */
    ij_collapse collapse;
    float *features;                              /* [B, D] of a batch, for its rank */
    ij_end_vote ends[2];                          /* of step k at k % 2 */
    int ended_by;                                 /* the signal that some rank got; 0: none yet */
    bool log_failed, events_failed, curve_failed; /* warned of */
} ij_training;

/* Trains until the steps are done, a signal asks for the end or something fails. Leaves a checkpoint wherever the
 * weights are worth one. Prints progress and warnings; on failure the message is ij_error's. */
ij_status ij_training_run(ij_training *training);

#endif
