/* Standardising: every feature less its mean, in units of its deviation, both those of the training set. */
#ifndef IJ_PROBE_STANDARD_H
#define IJ_PROBE_STANDARD_H

#include "engine/base/error.h"

#include <stdint.h>

typedef struct ij_standard {
    int width;
    double *mean, *scale; /* [width]; scale 0 where a feature never varies */
} ij_standard;

/* Measures features [n, width], in double. */
ij_status ij_standard_create(ij_standard *standard, const float *features, int64_t n, int width);
void ij_standard_destroy(ij_standard *standard); /* of {0} too */

static inline double ij_standard_of(const ij_standard *s, const float *features, int j)
{
    return ((double)features[j] - s->mean[j]) * s->scale[j];
}

#endif
