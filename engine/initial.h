/* The weights a network starts with (docs/method.md "Initial weights"). Knows no OpenCL. */
#ifndef IJ_INITIAL_H
#define IJ_INITIAL_H

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

/* The values [rows, columns] of the tensor `name` ("encoder.blocks.0.attn.qkv.weight"), the network's `number`th in the
 * official order, which names its stream of random numbers. `drawn`: a weight; else a bias, 0, or a LayerNorm's gain,
 * 1. Of a convolution [D, 3, P, P] the columns are 3 P P. */
void ij_initial_weights(const char *name, int number, int rows, int columns, bool drawn, const ij_drawing *how,
                        float *values);

#endif
