/* Learning rate, weight decay and EMA momentum per iteration (docs/method.md "Backward, optimiser, EMA"): pure
 * functions. */
#ifndef IJ_SCHEDULE_H
#define IJ_SCHEDULE_H

#include <stdint.h>

typedef struct ij_schedule {
    double lr_start, lr_ref, lr_final;
    double wd_start, wd_final;
    double ema_start, ema_final;
    double warmup;    /* epochs */
    double ipe_scale; /* stretches the schedules beyond the run */
    int epochs;
    int64_t ipe;        /* iterations an epoch */
    int64_t steps;      /* of the run; 0: as many as the epochs hold */
    double pixel_start; /* share of the run's steps, at its start, in which only pixels are predicted */
    double ema_horizon; /* what the target encoder remembers, as a share of the run's steps; 0: as ema_* say */
} ij_schedule;

typedef struct ij_hyper {
    double lr, wd, ema;
    int64_t features_from; /* the step from which on features are predicted; before it ema is 0 */
} ij_hyper;

/* Steps of the whole run. */
int64_t ij_schedule_length(const ij_schedule *s);

/* The values that iteration i = 0, 1, ... of the run trains with. */
ij_hyper ij_schedule_at(const ij_schedule *s, int64_t i);

#endif
