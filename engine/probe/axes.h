/* The leading principal axes of standardised features, and a rotation that makes them the first coordinates: there a
 * regression's curvature is nearly known (curvature.h). */
#ifndef IJ_PROBE_AXES_H
#define IJ_PROBE_AXES_H

#include "engine/base/error.h"

typedef struct ij_axes {
    int width, rank;    /* rank < width, or there is no rotation: the axes are the features themselves */
    double *covariance; /* [rank, rank] of the first coordinates */
    double rest;        /* mean variance of one of the others */
    /* The rotation Q = H(0) H(1) .. H(rank-1), H(k) = 1 - weight[k] v v', v = reflector k, zero before element k: */
    double *reflector; /* [rank, width] */
    double *weight;    /* [rank] */
} ij_axes;

/* product [rank, width] = basis [rank, width] times the features' covariance S [width, width]. */
typedef ij_status ij_axes_multiply(void *with, const float *basis, float *product);

/* Finds so many axes, by subspace iteration with four products. total: the variance of all features, S's trace. Errors
 * of `multiply`, IJ_ENOMEM. */
ij_status ij_axes_create(ij_axes *axes, int width, int rank, double total, ij_axes_multiply *multiply, void *with);
void ij_axes_destroy(ij_axes *axes); /* of {0} too */

/* Rows x Q = x + (x down') up', as two products: down [rank, width], up [width, rank]. Only where rank < width.
 * IJ_ENOMEM. */
ij_status ij_axes_rotation(const ij_axes *axes, float *down, float *up);

/* Weights [width] of rotated features become those of the features themselves, in place; room [width]. */
void ij_axes_turn_back(const ij_axes *axes, float *weights, double *room);

#endif
