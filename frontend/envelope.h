/* A long curve as a short one: equal stretches of steps, each with the mean, the least and the most of its values. */
#ifndef IJ_FRONTEND_ENVELOPE_H
#define IJ_FRONTEND_ENVELOPE_H

#include <stdint.h>

typedef struct ij_envelope_point {
    double at; /* the mean place of the values */
    double mean, least, most;
    int64_t values; /* at least one */
} ij_envelope_point;

/* Gathers y[0..n), at the places 0 .. n-1, into at most `most` points; those that are not finite are left out, and so
 * are stretches without any. Returns how many points there are. */
int ij_envelope(const double *y, int64_t n, ij_envelope_point *points, int most);

#endif
