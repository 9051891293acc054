/* What probes learn from: feature vectors with their classes, as plain numbers. */
#ifndef IJ_PROBE_LABELLED_H
#define IJ_PROBE_LABELLED_H

#include "engine/base/error.h"

#include <stdint.h>

typedef struct ij_labelled {
    const float *features; /* [n, width] */
    const int *labels;     /* [n], 0 .. classes-1 */
    int64_t n;
    int width;
    int classes;
} ij_labelled;

/* IJ_EINVAL where there is nothing to learn (fewer than two classes in `train`, no images to test), where the two do
 * not fit each other, or where a feature is no finite number. */
ij_status ij_labelled_check(const ij_labelled *train, const ij_labelled *test);

#endif
