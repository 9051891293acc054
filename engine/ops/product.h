/* A product of a linear layer as data, and what an implementation of products is. gemm.h is what others call. */
#ifndef IJ_OPS_PRODUCT_H
#define IJ_OPS_PRODUCT_H

#include "engine/launch.h"
#include "engine/ops/gemm.h"

/* With W [out, in], x [rows, in], y [rows, out]:
 *   forward         c = tail(a W^T + bias)      a = x, b = W, c = y
 *   backward_input  c = tail(a W)               a = dy, b = W or its transposed panels, c = dx
 *   backward_weight c = a^T b, bias = sums of a a = dy, b = x, c = dW */
typedef struct ij_product {
    ij_form form;
    int rows, out, in;
    cl_mem a, b, c, bias;
    int tail; /* IJ_TAIL_... */
    cl_mem add, add_rows, pre;
    bool accumulate; /* a weight's gradient is added to what is there */
} ij_product;

/* M, N, K, the result's rows and columns and the length of the sum: rows x out x in, rows x in x out, out x in x rows.
 */
void ij_product_shape(const ij_product *p, int shape[3]);

/* An implementation with what runs it. */
typedef struct ij_product_row {
    ij_implementation kernels; /* first: the table lists it */
    /* Bytes of temporary memory for a product of `rows` or fewer rows, all forms that it computes; NULL: none. */
    size_t (*scratch)(const ij_gemm *gemm, int rows, int out, int in);
    ij_status (*run)(ij_gemm *gemm, const ij_product *p);
} ij_product_row;

/* ---- What implementations are made of ---- */

/* Which kernel of which source, built as `of` says for a shape. The name is a literal. */
typedef struct ij_product_kernel {
    const ij_implementation *of;
    const char *source, *name;
    int shape[2];
    bool any_width; /* rows start anywhere, whatever the shape */
} ij_product_kernel;
/* Made at its first use; the ij_gemm releases it. Its parameters are those that ij_choice_for gives afterwards: the
 * driver may allow smaller ones only. */
ij_status ij_product_kernel_get(ij_gemm *gemm, ij_product_kernel what, cl_kernel *kernel);

/* What the kernel for the form and tail is called in every source of products ("gemm_bias"). IJ_EINVAL where there is
 * none. */
ij_status ij_product_name(const ij_product *p, const char **name);

/* Sizes, work and record of a launch for it: x by y work-groups of `local` items. */
ij_grid ij_product_grid(const ij_product *p, int x, int y, int local);

/* Launches a kernel of that name with the arguments that all of them take. */
ij_status ij_product_launch(ij_gemm *gemm, cl_kernel kernel, const char *name, ij_grid grid, const ij_product *p);

#endif
