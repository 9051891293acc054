/* What a launch computes, as data: for profiles, the autotuner, and whoever asks which launches belong together. A
 * kernel's name is for people only. */
#ifndef IJ_OPERATION_H
#define IJ_OPERATION_H

#include <stdbool.h>
#include <string.h>

typedef enum ij_operation_kind {
    IJ_OPERATION_OTHER,     /* told from others by its kernel's name; no shape */
    IJ_OPERATION_PRODUCT,   /* of a linear layer; shape M, N, K */
    IJ_OPERATION_ATTENTION, /* shape: sequences, tokens, head width */
    IJ_OPERATION_LAYERNORM, /* shape: rows, width */
    IJ_OPERATION_ADAMW,     /* no shape */
    IJ_OPERATIONS
} ij_operation_kind;

/* A product goes back in two forms; attention's two kernels going back, where it has two, are one. */
typedef enum ij_form { IJ_FORWARD, IJ_BACKWARD, IJ_BACKWARD_INPUT, IJ_BACKWARD_WEIGHT, IJ_FORMS } ij_form;

/* What is fused to a product's end: bits, as in cl/tail.cl. */
enum {
    IJ_TAIL_BIAS = 1,
    IJ_TAIL_ADD = 2,      /* a residual */
    IJ_TAIL_ADD_ROWS = 4, /* rows by number: positions */
    IJ_TAIL_GELU = 8,
    IJ_TAIL_KEEP = 16, /* of what the GELU sees */
    IJ_TAIL_GELU_BACKWARD = 32
};

/* Which implementations of products may compute: those that the device's tuning chooses, of them only our own, or only
 * CLBlast's. */
typedef enum ij_gemm_backend { IJ_GEMM_AUTO, IJ_GEMM_OWN, IJ_GEMM_CLBLAST } ij_gemm_backend;

typedef struct ij_operation {
    ij_operation_kind kind;
    ij_form form;
    int tail, shape[3];
} ij_operation;

/* Whether two are of one kind, form, tail and shape. */
static inline bool ij_operation_same(const ij_operation *a, const ij_operation *b)
{
    return a->kind == b->kind && a->form == b->form && a->tail == b->tail &&
           memcmp(a->shape, b->shape, sizeof a->shape) == 0;
}

#endif
