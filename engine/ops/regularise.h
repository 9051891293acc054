/* Terms of the loss that keep pooled features from collapsing (cl/regularise.cl): variance, covariance, SIGReg. */
#ifndef IJ_OPS_REGULARISE_H
#define IJ_OPS_REGULARISE_H

#include "engine/memory.h"
#include "engine/opencl.h"

#include <stdint.h>

enum { IJ_DIRECTIONS = 256 }; /* M: of SIGReg, drawn anew for every step */

typedef struct ij_regularise {
    ij_device *device;
    cl_kernel pool, spread, variance, covariance, product, directions, epps_pulley;
    int n, dim;       /* features: n rows of dim floats */
    cl_mem z, dz;     /* [n, dim] the pooled features and the loss's gradient by them */
    cl_mem centred;   /* [n, dim] */
    cl_mem square;    /* [dim, dim] covariances */
    cl_mem direction; /* [M, dim] */
    cl_mem across;    /* [dim, M] */
    cl_mem projected; /* [n, M] */
    cl_mem slope;     /* [n, M] the gradient by those */
} ij_regularise;

ij_status ij_regularise_create(ij_regularise *r, ij_device *device, int n, int dim);
/* Announces its memory. */
ij_status ij_regularise_plan(ij_regularise *r, ij_plan *plan);
void ij_regularise_destroy(ij_regularise *r); /* of {0} too */

/* z = means of the tokens x [*, dim] of n sequences, which begin at offset [n + 1]. */
ij_status ij_regularise_pool(ij_regularise *r, cl_mem x, cl_mem offset);
/* What reached dz, added to the gradient d [*, dim] of those tokens. */
ij_status ij_regularise_spread(ij_regularise *r, cl_mem offset, cl_mem d);

/* The terms, in this order. Each fills partial [IJ_LOSS_PARTIALS] with *partials sums, to be divided by `dim` or, for
 * SIGReg, by M, and adds `weight` times the term's gradient to dz, which the first one clears; with weight 0 it does
 * only that. */
ij_status ij_regularise_variance(ij_regularise *r, cl_mem partial, double weight, int *partials);
ij_status ij_regularise_covariance(ij_regularise *r, cl_mem partial, double weight, int *partials);
/* Directions are those of (seed, step). */
ij_status ij_regularise_sigreg(ij_regularise *r, uint64_t seed, int64_t step, cl_mem partial, double weight,
                               int *partials);

#endif
