/* How far a run is: one line rewritten in place on a terminal, a plain line every ten seconds elsewhere. */
#ifndef IJ_FRONTEND_PROGRESS_H
#define IJ_FRONTEND_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ij_progress {
    int64_t steps, steps_an_epoch; /* of the whole run */
    int epochs, batch;
    bool terminal;
    double started, shown; /* ij_clock */
    double loss, seconds;  /* smoothed: of one step */
    int64_t seen;          /* steps that were told of */
} ij_progress;

void ij_progress_start(ij_progress *p, int64_t steps, int64_t steps_an_epoch, int epochs, int batch);

/* Step k (from 0) is done, `seconds` after the one before, with this loss. Prints when it is time to. */
void ij_progress_step(ij_progress *p, int64_t k, double loss, double seconds);

/* Removes the line from a terminal, so that something else can be printed. */
void ij_progress_clear(ij_progress *p);

#endif
