/* The linear layer: products with a weight W [out, in] and what is fused to their ends, computed by one of several
 * implementations (product.h). x [rows, in], y [rows, out], row-major. */
#ifndef IJ_OPS_GEMM_H
#define IJ_OPS_GEMM_H

#include "engine/opencl.h"

#include <stdbool.h>

typedef struct ij_gemm {
    ij_device *device;
    ij_gemm_backend backend;
    struct ij_gemm_kernel *kernels; /* own; made at their first use */
    int kernel_count;
    cl_mem scratch; /* ij_gemm_scratch bytes, planned by the caller; without it nothing is split */
} ij_gemm;

/* A linear layer's memory. weight_t: the panels of W^T, where the layout is PANELS and backward_input is wanted. */
typedef struct ij_linear {
    int in, out;
    cl_mem weight, bias, weight_t, weight_grad, bias_grad;
} ij_linear;

/* What follows the product and the bias; zero everything for nothing. Either add or gelu. */
typedef struct ij_tail {
    cl_mem add;  /* [*, out] added: the residual (with CLBlast not the result itself), or rows of positions */
    cl_mem rows; /* int [rows]: which row of `add` goes to each row; NULL: the same */
    bool gelu;   /* GELU at the end; its input goes to `pre` where that is given */
    cl_mem pre;  /* [rows, out] */
} ij_tail;

ij_status ij_gemm_create(ij_gemm *gemm, ij_device *device, ij_gemm_backend backend);
void ij_gemm_destroy(ij_gemm *gemm);

/* Bytes of temporary memory for a product of these sizes or fewer rows, all three forms. */
size_t ij_gemm_scratch(const ij_gemm *gemm, int rows, int out, int in);

/* y = tail(x W^T + bias) */
ij_status ij_gemm_forward(ij_gemm *gemm, const ij_linear *l, cl_mem x, cl_mem y, int rows, const ij_tail *tail);

/* dx = dy W. With pre [rows, in], which holds the input of the GELU whose output was x: dx *= GELU'(pre), and pre
 * becomes GELU(pre), which backward_weight then takes as its x. */
ij_status ij_gemm_backward_input(ij_gemm *gemm, const ij_linear *l, cl_mem dy, cl_mem dx, int rows, cl_mem pre);

/* dx = dy W + add [rows, in]; add is not dx. */
ij_status ij_gemm_backward_input_added(ij_gemm *gemm, const ij_linear *l, cl_mem dy, cl_mem dx, int rows, cl_mem add);

/* weight_grad = dy^T x, bias_grad = column sums of dy; or += where `add`. */
ij_status ij_gemm_backward_weight(ij_gemm *gemm, const ij_linear *l, cl_mem x, cl_mem dy, int rows, bool add);

/* Makes weight_t from weight, before backward_input; nothing to do where weight_t is NULL. */
ij_status ij_gemm_transpose_weight(ij_gemm *gemm, const ij_linear *l);

/* ---- How weights lie (weight_layout.c) ---- */

ij_layout ij_gemm_layout(const ij_gemm *gemm);
/* Floats that W [out, in] takes in this layout, and where its element (o, i) lies. */
size_t ij_gemm_weight_floats(const ij_gemm *gemm, int out, int in);
size_t ij_gemm_weight_at(const ij_gemm *gemm, int in, int o, int i);
/* Rows first .. first+rows-1 of W [out, in] between the official order, `official` [rows, in], and this layout,
 * `packed` the whole W; padding is left as it is. first is a multiple of ij_gemm_rows_together, the rows that lie
 * together in the layout; rows too, or they are the last ones. */
void ij_gemm_pack_rows(const ij_gemm *gemm, int out, int in, int first, int rows, const float *official, float *packed);
void ij_gemm_unpack_rows(const ij_gemm *gemm, int out, int in, int first, int rows, const float *packed,
                         float *official);
int ij_gemm_rows_together(const ij_gemm *gemm);

#endif
