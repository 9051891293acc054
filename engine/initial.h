/* The weights a network starts with (docs/method.md "Initial weights"). Knows no OpenCL. */
#ifndef IJ_INITIAL_H
#define IJ_INITIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The n values of the tensor `name` ("encoder.blocks.0.attn.qkv.weight"), the network's `number`th in the official
 * order, which names its stream of random numbers. `drawn`: a weight; else a bias, 0, or a LayerNorm's gain, 1. */
void ij_initial_weights(const char *name, int number, bool drawn, uint64_t seed, bool rescale_residual, float *values,
                        size_t n);

#endif
