/* AdamW and the target encoder's EMA in one pass over a segment (cl/optimizer.cl). */
#ifndef IJ_OPS_OPTIMIZER_H
#define IJ_OPS_OPTIMIZER_H

#include "engine/opencl.h"

#include <stdint.h>

typedef struct ij_optimizer {
    ij_device *device;
    cl_kernel adamw;
} ij_optimizer;

/* What one update uses; step counts from 1. */
typedef struct ij_adamw {
    double lr, wd, ema, beta1, beta2, eps;
    int64_t step;
} ij_adamw;

/* Parallel arrays of `floats` floats, a multiple of 16; the first `decayed`, also one, get weight decay.
 * target NULL: no EMA. */
typedef struct ij_segment {
    cl_mem weight, gradient, moment1, moment2, target;
    size_t floats, decayed;
} ij_segment;

ij_status ij_optimizer_create(ij_optimizer *o, ij_device *device);
void ij_optimizer_destroy(ij_optimizer *o);
ij_status ij_optimizer_step(ij_optimizer *o, const ij_segment *s, const ij_adamw *a);

#endif
