/* The run's CSV file: a line for each step, the official code's columns first, ours after them. */
#ifndef IJ_FRONTEND_STEP_LOG_H
#define IJ_FRONTEND_STEP_LOG_H

#include "engine/base/error.h"
#include "engine/schedule.h"
#include "engine/trainer.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct ij_step_log {
    FILE *file;
    const char *path; /* the caller's; lives as long as the log */
} ij_step_log;

/* One step, as it is logged. */
typedef struct ij_step_record {
    int64_t epoch;         /* from 1 */
    int64_t iteration;     /* within the epoch, from 0 */
    double context_length; /* "mask-A": patches of a context; the mean where they differ */
    int target_length;     /* "mask-B" */
    double seconds;        /* since the step before was done */
    double images_per_second;
    ij_hyper hyper;
    ij_step_result result;
    double rank, knn, ridge; /* "effective_rank" of the batch's target features, and what [eval] measured after the
                                step; NaN where it was not looked: the field is empty */
} ij_step_record;

/* Makes the file anew and writes its header. */
ij_status ij_step_log_open(ij_step_log *log, const char *path);

/* Goes on with the file of a run of which `steps` steps are to stay: what was logged after them is cut off. Where the
 * file is missing, has other columns or a gap, *lacking says so ("" where nothing is): the log is then made anew, what
 * was there renamed, or goes on behind the gap. */
ij_status ij_step_log_resume(ij_step_log *log, const char *path, int64_t steps, int64_t steps_an_epoch, char *lacking,
                             size_t size);

/* Writes one line at once, so that a run can be followed and nothing is lost when it dies. */
ij_status ij_step_log_write(ij_step_log *log, const ij_step_record *record);
void ij_step_log_close(ij_step_log *log);

#endif
