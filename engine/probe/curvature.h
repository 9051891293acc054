/* An approximate inverse of a softmax regression's curvature, for descending faster (lbfgs.h). The mean cross-entropy
 * of features with covariance S curves by about a S, a = 1/4, and a weight decay l adds to that: (a S + l)^-1, as far
 * as S is known along the features' axes (axes.h), which are the first coordinates; in the others S counts as its mean.
 */
#ifndef IJ_PROBE_CURVATURE_H
#define IJ_PROBE_CURVATURE_H

#include "engine/probe/axes.h"

typedef struct ij_curvature {
    int classes, width, rank;
    float *inverse; /* [rank, rank] */
    float *room;    /* [rank] */
    double beyond;  /* the inverse in the other coordinates */
} ij_curvature;

ij_status ij_curvature_create(ij_curvature *c, const ij_axes *axes, int classes, double decay);
void ij_curvature_destroy(ij_curvature *c); /* of {0} too */

/* weights [classes, width] and then biases [classes]: becomes its product with the inverse. An ij_lbfgs_precondition.
 */
void ij_curvature_divide(const void *curvature, float *weights);

#endif
