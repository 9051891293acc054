/* What an implementation of attention is, for one direction. attention.h is what others call. */
#ifndef IJ_OPS_ATTENTION_ROW_H
#define IJ_OPS_ATTENTION_ROW_H

#include "engine/launch.h"
#include "engine/ops/attention.h"

/* What a direction reads and writes; dout and dqkv going back only. */
typedef struct ij_attention_memory {
    ij_sequences s;
    cl_mem qkv, out, stat, dout, dqkv;
} ij_attention_memory;

typedef struct ij_attention_row {
    ij_implementation kernels; /* first: the table lists it */
    const char *source;
    const char *names[IJ_ATTENTION_KERNELS]; /* its kernels, built with DH, the head width; NULL after the last */
    ij_status (*run)(const ij_attention *a, const cl_kernel *kernels, const ij_attention_memory *m);
} ij_attention_row;

/* A launch of x by y work-groups of `local` items that counts as `products` products [length, head_dim] x
 * [head_dim, length] of every head and sequence: forward has two, q k^T and p v; going back there are five, the first
 * again, dp, dq, dk and dv. */
ij_grid ij_attention_grid(const ij_attention *a, ij_sequences s, ij_form form, int y, int local, double products);
enum { IJ_ATTENTION_FORWARD = 2, IJ_ATTENTION_BACKWARD = 5 };

/* 1 / sqrt(head_dim) */
float ij_attention_scale(const ij_attention *a);

#endif
