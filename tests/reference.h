/* Every operation of the model as plain C with double accumulation: what the kernels are held against. Written from
 * docs/method.md, not from the kernels; slow and obvious. Inputs are floats as the device has them, results are
 * doubles. Shapes are those of the headers in engine/ops/. */
#ifndef IJ_TESTS_REFERENCE_H
#define IJ_TESTS_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

double reference_gelu(double x);
double reference_gelu_slope(double x);

/* What follows y = x W^T; NULL or false: not. */
typedef struct reference_tail {
    const float *bias;   /* [out] */
    const float *add;    /* [*, out] */
    const int32_t *rows; /* [rows]: the row of `add` for each row; NULL: the same */
    bool gelu;
} reference_tail;

/* x [rows, in], w [out, in] -> y [rows, out]; pre [rows, out] is what the GELU saw (may be NULL). */
void reference_linear_forward(const float *x, const float *w, reference_tail tail, int rows, int out, int in,
                              double *pre, double *y);
/* dx [rows, in] = dy W, times GELU'(pre) where pre [rows, in] is given. */
void reference_linear_backward_input(const float *dy, const float *w, const float *pre, int rows, int out, int in,
                                     double *dx);
/* dw [out, in] = dy^T x, db [out] = column sums of dy. */
void reference_linear_backward_weight(const float *x, const float *dy, int rows, int out, int in, double *dw,
                                      double *db);

/* One LayerNorm over [*, dim]; gain and bias NULL: the plain one. rows [count] picks rows of x; NULL: in order. */
typedef struct reference_norm {
    const float *gain, *bias;
    const int32_t *rows;
    int count, dim;
    double eps;
} reference_norm;

void reference_norm_forward(reference_norm n, const float *x, double *y);
/* dx [*, dim] is added to, at the rows that forward read. */
void reference_norm_backward(reference_norm n, const float *x, const float *dy, double *dx, double *dgain,
                             double *dbias);

/* Sequences of a packed batch. */
typedef struct reference_attention {
    const int32_t *offset; /* [sequences + 1] */
    int sequences, heads, head_dim;
} reference_attention;

/* qkv [tokens, 3, heads, head_dim] -> out [tokens, heads, head_dim]; lse [tokens, heads], the log of the softmax's
 * denominator (of the scaled scores). */
void reference_attention_forward(reference_attention a, const float *qkv, double *out, double *lse);
/* dqkv like qkv, from dout like out. */
void reference_attention_backward(reference_attention a, const float *qkv, const float *dout, double *dqkv);

/* out [count, 3 P P] = patches (image[i], patch[i]) of pixels [*, S, S, 3], normalised by ImageNet's mean and std. */
void reference_patchify(const uint8_t *pixels, const int32_t *image, const int32_t *patch, int count, int crop,
                        int patch_size, double *out);
/* out [count, 3 P P] = the patches rows[i] = image N + patch, as above, each less its mean, over sqrt(its variance +
 * eps). */
void reference_pixel_targets(const uint8_t *pixels, const int32_t *rows, int count, int crop, int patch_size,
                             double eps, double *out);
void reference_assemble(const float *context, const float *mask_token, const float *position, const int32_t *source,
                        int count, int dim, double *out);
void reference_disassemble(const float *d, const int32_t *place, int tokens, int blocks, int stride, int dim,
                           double *dcontext);
void reference_sum_rows(const float *d, const int32_t *rows, int count, int dim, double *sum);
void reference_mean_pool(const float *x, int images, int side, int cells, int dim, double *features);

/* z [blocks, contexts, rows_per_block, dim] against h [blocks, rows_per_block, dim]: returns the mean loss, dz its
 * gradient. */
double reference_loss(const float *z, const float *h, int blocks, int contexts, int rows_per_block, int dim,
                      bool smooth_l1, double *dz);
/* std [dim] over the batch (divided by batch, not batch - 1). */
void reference_batch_std(const float *features, int batch, int dim, double *std);

/* One AdamW step and EMA on parallel arrays. step counts from 1. */
typedef struct reference_adamw {
    double lr, wd, ema, beta1, beta2, eps;
    int64_t step;
} reference_adamw;

/* w, m, v and target [count] are replaced; the first `decayed` get weight decay; target NULL: no EMA. */
void reference_adamw_step(reference_adamw a, const float *gradient, int count, int decayed, double *w, double *m,
                          double *v, double *target);

/* d [rows, members, classes] = softmax of the logits minus one-hot of label [rows]. */
void reference_softmax_gradient(const float *logits, const int32_t *label, int rows, int members, int classes,
                                double *d);

/* The k nearest of n by similarity, the lower index first among equals; index -1 where there are fewer than k. */
void reference_nearest(const float *similarity, int n, int k, float *value, int32_t *index);

#endif
