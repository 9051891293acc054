/* Attention within the sequences of a packed batch, computed by one of several implementations (attention_row.h). */
#ifndef IJ_OPS_ATTENTION_H
#define IJ_OPS_ATTENTION_H

#include "engine/opencl.h"

enum { IJ_ATTENTION_KERNELS = 2 };

typedef struct ij_attention {
    ij_device *device;
    int heads, head_dim;
    const struct ij_attention_row *forward_row, *backward_row;               /* what computes */
    ij_choice forward_choice, backward_choice;                               /* and the parameters of its kernels */
    cl_kernel forward[IJ_ATTENTION_KERNELS], backward[IJ_ATTENTION_KERNELS]; /* as many as their implementation has */
} ij_attention;

ij_status ij_attention_create(ij_attention *a, ij_device *device, int heads, int head_dim);
void ij_attention_destroy(ij_attention *a);

/* Sequences of a packed batch: offset, int [sequences + 1] on the device, in tokens. */
typedef struct ij_sequences {
    cl_mem offset;
    int sequences, tokens;
} ij_sequences;

/* out [tokens, heads, head_dim] from qkv [tokens, 3, heads, head_dim]; stat: float [2][tokens][heads], for backward. */
ij_status ij_attention_forward(ij_attention *a, ij_sequences s, cl_mem qkv, cl_mem out, cl_mem stat);

/* dqkv [tokens, 3, heads, head_dim] from dout; qkv, out and stat as forward left them (stat is used up). */
ij_status ij_attention_backward(ij_attention *a, ij_sequences s, cl_mem qkv, cl_mem out, cl_mem stat, cl_mem dout,
                                cl_mem dqkv);

#endif
