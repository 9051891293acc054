/* What was tried before, beside the database (FILE.tried): a line a candidate, so that --resume does not try it
 * again. A line holds for the device, driver and kernel sources that it names by a hash. */
#ifndef IJ_AUTOTUNE_STATE_H
#define IJ_AUTOTUNE_STATE_H

#include "tools/autotune/job.h"
#include "tools/autotune/outcome.h"

typedef struct tune_state {
    char path[4160];
    char **lines; /* those of before; own */
    int count;
} tune_state;

/* Reads the file where `resume`, else starts a new one. IJ_EIO, IJ_ENOMEM. */
ij_status state_open(tune_state *state, const char *database, bool resume);
void state_close(tune_state *state);

/* Whether the choice was tried; *rate is in flops a second, where the outcome is OUTCOME_FAST. */
bool state_find(const tune_state *state, const ij_device *device, const tune_job *job, const char *choice,
                tune_outcome *outcome, double *rate);
/* Appends a line, which is on disk before this returns. */
ij_status state_add(const tune_state *state, const ij_device *device, const tune_job *job, const char *choice,
                    tune_outcome outcome, double rate);

#endif
