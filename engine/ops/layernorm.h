/* LayerNorm, forward and backward (cl/layernorm.cl). */
#ifndef IJ_OPS_LAYERNORM_H
#define IJ_OPS_LAYERNORM_H

#include "engine/opencl.h"

#include <stdbool.h>

typedef struct ij_layernorm {
    ij_device *device;
    cl_kernel forward, backward, reduce;
    cl_mem partial; /* ij_layernorm_partial floats, planned by the caller */
} ij_layernorm;

/* A LayerNorm's memory: gain, bias [dim] and their gradients; gain NULL: the plain one. */
typedef struct ij_norm {
    int dim;
    float eps;
    cl_mem gain, bias, gain_grad, bias_grad;
} ij_norm;

ij_status ij_layernorm_create(ij_layernorm *l, ij_device *device);
void ij_layernorm_destroy(ij_layernorm *l);
/* Floats of `partial` for features of width dim. */
size_t ij_layernorm_partial(const ij_device *device, int dim);

/* y [count, dim]: row i is the norm of row rows[i] (or i where rows is NULL) of x. */
ij_status ij_layernorm_forward(ij_layernorm *l, const ij_norm *n, cl_mem x, cl_mem rows, cl_mem y, int count);
/* The same, added to what y holds. */
ij_status ij_layernorm_add(ij_layernorm *l, const ij_norm *n, cl_mem x, cl_mem rows, cl_mem y, int count);

/* Gradients of gain and bias, set or, where `add`, added to what is there; dx gets the gradient at the rows of x that
 * forward read: added where `accumulate`, else set. dy [count, dim]. */
ij_status ij_layernorm_backward(ij_layernorm *l, const ij_norm *n, cl_mem x, cl_mem rows, cl_mem dy, cl_mem dx,
                                int count, int accumulate, bool add);

#endif
