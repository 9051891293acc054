/* AdamW and the target encoder's EMA in one pass over a segment, and before it, where wanted, the clipping of the
 * gradient by the norm of all segments together (cl/optimizer.cl). */
#ifndef IJ_OPS_OPTIMIZER_H
#define IJ_OPS_OPTIMIZER_H

#include "engine/base/dtype.h"
#include "engine/opencl.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct ij_optimizer {
    ij_device *device;
    cl_kernel adamw, squares, factor;
    cl_mem sums; /* ij_optimizer_sums floats, planned by the caller who clips */
    cl_mem clip; /* 1 float, likewise: what the gradient is multiplied by */
} ij_optimizer;

/* What one update uses; step counts from 1. */
typedef struct ij_adamw {
    double lr, wd, ema, beta1, beta2, eps;
    int64_t step;
    bool clipped; /* by the last ij_optimizer_clip */
} ij_adamw;

/* Parallel arrays of `count` elements, a multiple of 16; the first `decayed`, also one, get weight decay. What is
 * padding among them has a gradient of 0. target NULL: no EMA. */
typedef struct ij_segment {
    cl_mem weight, gradient, moment1, moment2, target;
    ij_dtype type; /* IJ_F32 */
    size_t count, decayed;
} ij_segment;

/* Of one of the arrays. */
static inline size_t ij_segment_bytes(const ij_segment *s)
{
    return ij_dtype_size(s->type, s->count);
}

ij_status ij_optimizer_create(ij_optimizer *o, ij_device *device);
void ij_optimizer_destroy(ij_optimizer *o);

/* Floats of `sums` that a segment takes. */
int ij_optimizer_sums(const ij_optimizer *o, const ij_segment *s);
/* Sums the squares of a segment's gradient, behind the *sums of those before it (0 at first); *sums counts on. */
ij_status ij_optimizer_square(ij_optimizer *o, const ij_segment *s, int *sums);
/* The factor that no norm is above `limit` with, from those sums: min(1, limit / (norm + 1e-6)), in `clip`. */
ij_status ij_optimizer_clip(ij_optimizer *o, int sums, double limit);

ij_status ij_optimizer_step(ij_optimizer *o, const ij_segment *s, const ij_adamw *a);

#endif
