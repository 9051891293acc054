/* Tunes a job within a time budget. */
#ifndef IJ_AUTOTUNE_TUNE_H
#define IJ_AUTOTUNE_TUNE_H

#include "tools/autotune/job.h"
#include "tools/autotune/state.h"
#include "tools/autotune/table.h"

typedef struct tuner {
    ij_device *device;
    const char *database;
    double deadline; /* as ij_now counts */
    double watchdog; /* seconds a candidate may take */
    bool clblast;    /* CLBlast's products are tried too */
    int most;        /* candidates a job; 0: as many as the time allows */
    const volatile int *interrupted;
    tune_state state;
    tune_table table;
    tune_job jobs[MOST_JOBS];
    int job_count;
    int number; /* candidates so far */
    int outcomes[OUTCOMES];
    char last_failure[512];
} tuner;

/* One measurement must beat another by this before it is believed: clocks, neighbours and heat are noise. */
#define TUNE_LEAST_GAIN 1.01
/* So often in a row, side by side. */
enum { TUNE_DUELS = 3 };

/* Runs one candidate of a job in its process; its rate in flops, or bytes, a second. Counts what becomes of it. */
tune_outcome tune_try(tuner *t, int job, const char *choice, double *rate);
/* Runs two choices in turn, TUNE_DUELS times: whether the second one wins each time. best: the highest rate of each. */
bool tune_duel(tuner *t, int job, const char *const choice[2], double best[2]);
/* Whether the time is over or the person wants to end. */
bool tune_over(const tuner *t);

/* A job of ours: until its time is over or nothing is left. What is found is in the database as soon as it is known.
 * Fails only where nothing can be kept. */
ij_status tune_kernels(tuner *t, int job, double deadline);

#endif
