/* The arithmetic of one training step, counted from the model's shape and a batch's tokens. */
#ifndef IJ_FLOPS_H
#define IJ_FLOPS_H

#include "engine/base/batch.h"
#include "engine/model_config.h"
#include "engine/objective.h"

/* Floating-point operations (a multiply-add is two) of the matrix products and of attention in one step on `batch`:
 * target encoder forward, where features are predicted; context encoder and predictor forward and backward.
 * Recomputation is not counted. */
double ij_step_flops(const ij_model_config *model, const ij_batch *batch, const ij_objective *objective);

#endif
