/* How long the device had nothing to do between two steps, and how much of that because a batch was not there. */
#ifndef IJ_BENCH_WAITS_H
#define IJ_BENCH_WAITS_H

#include "engine/profile.h"

/* When the training loop asked for a step's batch, had it, and had enqueued the step; seconds as ij_now counts. */
typedef struct ij_step_mark {
    double asked, there, enqueued;
} ij_step_mark;

/* The time between two steps in which no kernel ran: from the end of the last one of a step's to the start of the next
 * one's first; seconds as ij_now counts, end <= start where there is none. The part of it that passed while the loop
 * was blocked for the batch is the device's wait for images: had the batch been there, the step would have been too. */
typedef struct ij_step_gap {
    double from, to;               /* no kernel runs */
    double images_from, images_to; /* nor is the batch there */
} ij_step_gap;

/* gaps[k], k = 1 .. steps - 1: before step k; gaps[0] is empty, since nothing comes before it. `entries`: the commands
 * of these steps. */
void ij_step_gaps(const ij_step_mark *marks, int steps, const ij_profile_entry *entries, int count, ij_step_gap *gaps);

/* The gaps before steps first .. steps - 1, in seconds, and of how long: from the end of the step before `first` to the
 * last kernel's end. */
typedef struct ij_gap_sum {
    double idle, images, of;
} ij_gap_sum;

ij_gap_sum ij_step_gaps_sum(const ij_step_gap *gaps, int first, int steps, const ij_profile_entry *entries, int count);

/* The device's clock minus the host's CLOCK_MONOTONIC, in nanoseconds: a command is queued just after it was enqueued,
 * so the smallest difference is the best estimate. */
double ij_clock_difference(const ij_profile_entry *entries, int count);

#endif
