/* How right a classifier is on a test set: counted image by image, the same for every kind of classifier. */
#ifndef IJ_PROBE_SCORE_H
#define IJ_PROBE_SCORE_H

#include "engine/base/error.h"

#include <stdint.h>

typedef struct ij_score {
    int classes;
    int64_t n, top1, top5; /* images; those whose class is the first, or among the first five */
    int64_t *confusion;    /* [classes, classes]: of class (row), taken for class (column); malloc'ed */
} ij_score;

ij_status ij_score_create(ij_score *score, int classes);
void ij_score_destroy(ij_score *score); /* of {0} too */

/* An image of class `label` got `rating` [classes]: the highest wins, of equal ones the lower class. NaNs lose. */
void ij_score_add(ij_score *score, const double *rating, int label);

static inline double ij_score_top1(const ij_score *score)
{
    return score->n ? (double)score->top1 / (double)score->n : 0;
}

#endif
