/* The weights a network starts with (docs/method.md "Initial weights"). Knows no OpenCL. */
#ifndef IJ_INITIAL_H
#define IJ_INITIAL_H

#include "engine/layers.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum ij_init {
    IJ_INIT_OFFICIAL, /* weights are normals of std 0.02 */
    IJ_INIT_XAVIER    /* matrices are uniform, within a bound that follows from their sizes */
} ij_init;

/* How a network's weights are drawn: with this a run's start can be made again. */
typedef struct ij_drawing {
    uint64_t seed;
    bool rescale_residual; /* divide proj and fc2 of block l by sqrt(2l), as the paper says and the code undoes */
    ij_init init;
} ij_drawing;

/* The values of tensor `which` of a layer, which is the `number`th among all that are trained, the encoder's first:
 * that names its stream of random numbers. A bias begins with 0, a LayerNorm's gain with 1; tables are not drawn. */
void ij_initial_weights(const ij_layer *layer, int which, int number, const ij_drawing *how, float *values);

#endif
