#include "tools/bench/waits.h"

#include <math.h>

double ij_clock_difference(const ij_profile_entry *entries, int count)
{
    double least = 0.0;
    for (int i = 0; i < count; i++) {
        double d = (double)entries[i].queued - (double)entries[i].host;
        least = i == 0 || d < least ? d : least;
    }
    return least;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

void ij_step_gaps(const ij_step_mark *marks, int steps, const ij_profile_entry *entries, int count, ij_step_gap *gaps)
{
    double difference = ij_clock_difference(entries, count), end = 0.0; /* of the kernels so far */
    for (int k = 0, i = 0; k < steps; k++) {
        double first = INFINITY, before = end;
        for (; i < count && 1e-9 * (double)entries[i].host <= marks[k].enqueued; i++) {
            if (entries[i].queue != IJ_QUEUE_COMPUTE)
                continue;
            first = fmin(first, 1e-9 * ((double)entries[i].start - difference));
            end = larger(end, 1e-9 * ((double)entries[i].end - difference));
        }
        gaps[k] = (ij_step_gap){0};
        if (k > 0 && isfinite(first))
            gaps[k] = (ij_step_gap){before, first, larger(before, marks[k].asked), fmin(first, marks[k].there)};
    }
}

ij_gap_sum ij_step_gaps_sum(const ij_step_gap *gaps, int first, int steps, const ij_profile_entry *entries, int count)
{
    ij_gap_sum sum = {0};
    double difference = ij_clock_difference(entries, count), end = 0.0;
    for (int i = 0; i < count; i++)
        if (entries[i].queue == IJ_QUEUE_COMPUTE)
            end = larger(end, 1e-9 * ((double)entries[i].end - difference));
    for (int k = first; k < steps; k++) {
        sum.idle += larger(0.0, gaps[k].to - gaps[k].from);
        sum.images += larger(0.0, gaps[k].images_to - gaps[k].images_from);
    }
    sum.of = end - gaps[first].from;
    return sum;
}
