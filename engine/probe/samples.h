/* Features with their classes on the device, and what regressions on them take: products with a matrix of weights, and
 * sums over the images of the gradients of their cross-entropy. Several regressions stand side by side, their weights
 * the rows of one matrix. */
#ifndef IJ_PROBE_SAMPLES_H
#define IJ_PROBE_SAMPLES_H

#include "engine/device.h"
#include "engine/ops/softmax_probe.h"
#include "engine/probe/axes.h"
#include "engine/probe/labelled.h"
#include "engine/probe/standard.h"
#include "engine/probe/tiles.h"

#include <stdbool.h>

typedef struct ij_samples {
    ij_device *device;
    const ij_labelled *data;
    const int64_t *order; /* [n] which image each row is */
    const ij_standard *standard;
    int most, outputs; /* rows of the weight matrix: that there is room for; that are used now */
    float *weights;    /* [outputs, width] and */
    float *bias;       /* [outputs]: what ij_samples_put takes, and where ij_samples_sum leaves gradients */
    float *logits;     /* [rows of a tile, outputs] */
    ij_tiles x;
    /* Own: */
    ij_plan *plan;
    ij_gemm gemm;
    ij_softmax_probe op;
    cl_mem *label; /* a tile's */
    ij_linear l, part, up;
    cl_mem d, spare;
    float *packed;
} ij_samples;

/* Uploads the images, standardised, in this order. `most` as above, rank as of the axes that they will be turned to.
 * What is passed is the caller's and stays. IJ_ENOMEM; ij_samples_destroy after failure too. */
ij_status ij_samples_create(ij_samples *s, ij_device *device, const ij_labelled *data, const int64_t *order,
                            const ij_standard *standard, int most, int rank);
void ij_samples_destroy(ij_samples *s); /* of {0} too */

/* From now on the weight matrix has so many rows. */
void ij_samples_use(ij_samples *s, int outputs);

/* The device's weights become `weights` and `bias`. */
ij_status ij_samples_put(ij_samples *s);

/* `weights` and `bias` become the sums over the first `rows` images of d' x, where d are the products with the device's
 * weights or, with `members` regressions, the gradients of the cross-entropy by these. */
ij_status ij_samples_sum(ij_samples *s, int64_t rows, int members);

/* Turns all images, so that the axes are the first coordinates. Only where rank < width. */
ij_status ij_samples_turn(ij_samples *s, const ij_axes *axes);

/* `logits` become those of a tile. */
ij_status ij_samples_logits(ij_samples *s, int tile);

/* `logits` become those of images first .. first + rows - 1 of `data`, standardised, never turned; rows of a tile at
 * most. They take the place of the first tile. */
ij_status ij_samples_logits_of(ij_samples *s, const ij_labelled *data, int64_t first, int rows);

#endif
