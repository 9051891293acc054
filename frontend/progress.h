/* How far a run is: one line rewritten in place on a terminal, as wide as that is; a plain line every ten seconds
 * elsewhere, every minute within a step; nothing where the log level says so. */
#ifndef IJ_FRONTEND_PROGRESS_H
#define IJ_FRONTEND_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ij_progress {
    int64_t steps, steps_an_epoch; /* of the whole run */
    int epochs, batch;
    bool terminal, colour, quiet;
    double peak;           /* the device's, measured, in floating-point operations a second; 0: not known */
    double flops;          /* of the step that was told of last */
    double knn;            /* the newest accuracy of the nearest neighbours, 0 .. 1; NaN: none is known */
    double started, shown; /* ij_clock */
    double step_began;     /* ij_clock: the end of the step before */
    double loss, seconds;  /* smoothed: of one step */
    int64_t seen;          /* steps that were told of */
} ij_progress;

/* Whether stdout is a terminal that a line can be rewritten on, and the run's progress is to be shown there. */
bool ij_progress_on_terminal(void);

/* `peak` as in the struct. Colours are left out where NO_COLOR is set, or TERM is dumb. */
void ij_progress_start(ij_progress *p, int64_t steps, int64_t steps_an_epoch, int epochs, int batch, double peak);

/* Step k (from 0) is done, `seconds` after the one before, with this loss. Prints when it is time to. */
void ij_progress_step(ij_progress *p, int64_t k, double loss, double seconds);

/* `done` of the `images` of step k are computed, soon. Prints where a step takes long, when it is time to. */
void ij_progress_part(ij_progress *p, int64_t k, int done, int images);

/* Removes the line from a terminal, so that something else can be printed. */
void ij_progress_clear(ij_progress *p);

#endif
