/* Moving tokens about: patchify, the predictor's sequences, sums over rows (cl/tokens.cl). Row lists are int buffers.
 */
#ifndef IJ_OPS_TOKENS_H
#define IJ_OPS_TOKENS_H

#include "engine/opencl.h"

#include <stdbool.h>

typedef struct ij_tokens {
    ij_device *device;
    cl_kernel patchify, pixel_targets, assemble, disassemble, gather_rows, scatter_rows, sum_rows, mean_pool;
    cl_mem partial; /* ij_tokens_partial floats, planned by the caller */
} ij_tokens;

ij_status ij_tokens_create(ij_tokens *t, ij_device *device);
void ij_tokens_destroy(ij_tokens *t);
size_t ij_tokens_partial(const ij_device *device, int dim);

/* out [count, 3 P P] = the normalised patches (first + image[i], patch[i]) of pixels [*, S, S, 3]. */
ij_status ij_patchify(ij_tokens *t, cl_mem pixels, int first, cl_mem image, cl_mem patch, cl_mem out, int count,
                      int crop, int patch_size);
/* out [count, 3 P P] = the patches rows[i] = (image - first) N + patch as ij_patchify gives them, each less its mean
 * and divided by sqrt(its variance + eps). */
ij_status ij_pixel_targets(ij_tokens *t, cl_mem pixels, int first, cl_mem rows, cl_mem out, int count, int crop,
                           int patch_size, float eps);
/* out [count, dim]: row i is context[source[i]], or mask_token + position[-1 - source[i]] where that is negative. */
ij_status ij_assemble(ij_tokens *t, cl_mem context, cl_mem mask_token, cl_mem position, cl_mem source, cl_mem out,
                      int count, int dim);
/* dcontext [tokens, dim] = sum over blocks b of d[b * stride + place[i]]. */
ij_status ij_disassemble(ij_tokens *t, cl_mem d, cl_mem place, cl_mem dcontext, int tokens, int blocks, int stride,
                         int dim);
/* out [count, dim]: row i is row rows[i] of x. */
ij_status ij_gather_rows(ij_tokens *t, cl_mem x, cl_mem rows, cl_mem out, int count, int dim);
/* Row rows[i] of out becomes, or where `add` is increased by, row i of x [count, dim]; rows are distinct. */
ij_status ij_scatter_rows(ij_tokens *t, cl_mem x, cl_mem rows, cl_mem out, int count, int dim, bool add);
/* sum [dim] = sum of the rows rows[0..count) of d, or += where `add`. */
ij_status ij_sum_rows(ij_tokens *t, cl_mem d, cl_mem rows, cl_mem sum, int count, int dim, bool add);
/* features [images, cells cells, dim], image `first` and those behind it, = means over the cells of a cells x cells
 * grid laid over the patches of x [images, side side, dim], as PyTorch's adaptive_avg_pool2d: cells of a side that they
 * do not divide overlap. */
ij_status ij_mean_pool(ij_tokens *t, cl_mem x, cl_mem features, int first, int images, int side, int cells, int dim);

#endif
