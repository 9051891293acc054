/* A stack of pre-norm transformer blocks on packed sequences, forward and backward; encoder, target encoder and
 * predictor are three of these. Everything before the first and after the last block is the model's (model.h). */
#ifndef IJ_TRANSFORMER_H
#define IJ_TRANSFORMER_H

#include "engine/memory.h"
#include "engine/ops/attention.h"
#include "engine/ops/gemm.h"
#include "engine/ops/layernorm.h"
#include "engine/ops/tokens.h"

typedef struct ij_block {
    ij_norm norm1, norm2;
    ij_linear qkv, proj, fc1, fc2;
} ij_block;

/* What a block's backward pass needs of its forward pass: 10 floats a token and feature where hidden = 4 dim. LN's and
 * GELU's results are computed again. */
typedef struct ij_block_memory {
    cl_mem input;  /* [tokens, dim] */
    cl_mem qkv;    /* [tokens, 3 dim] */
    cl_mem attn;   /* [tokens, dim] heads side by side */
    cl_mem stat;   /* [2][tokens][heads] */
    cl_mem middle; /* [tokens, dim] after the attention's residual */
    cl_mem pre;    /* [tokens, hidden] input of GELU */
} ij_block_memory;

/* Memory that blocks hand on to one another, and between blocks to others. */
typedef struct ij_scratch {
    cl_mem norm;  /* [tokens, dim] a LayerNorm's result; attention's wanted rows; the gradient of attention's result */
    cl_mem other; /* [tokens, dim] the gradient of a layer's input */
    cl_mem wide;  /* [tokens, max(3 dim, hidden)] GELU's result; its gradient, then that of queries, keys and values */
} ij_scratch;

/* Announces scratch. */
ij_status ij_scratch_plan(ij_plan *plan, ij_scratch *scratch);
/* It has room for so many tokens of blocks of this shape, beside what was asked for before. */
ij_status ij_scratch_need(ij_plan *plan, const ij_scratch *scratch, int64_t tokens, int dim, int hidden);

/* Announces memory for ij_block_infer, where x, which was announced, hands on the residual stream: nothing is kept, and
 * each buffer of scratch is free again when the next but one operation needs it. */
ij_status ij_infer_plan(ij_plan *plan, ij_scratch *scratch, const cl_mem *x, int64_t tokens, int dim, int hidden,
                        int heads, ij_block_memory *memory);

/* The operations that a stack runs with. */
typedef struct ij_stack_ops {
    ij_gemm *gemm;
    ij_attention *attention;
    ij_layernorm *layernorm;
    ij_tokens *tokens;
    bool add_gradients; /* weights' gradients are added to what is there, not set */
} ij_stack_ops;

/* The rows of a block's result that somebody reads, `count` of them; rows NULL: all. What follows attention is computed
 * for these alone, and lies compact: middle, pre and the result have `count` rows. */
typedef struct ij_wanted {
    cl_mem rows;
    int count;
} ij_wanted;

/* y [wanted, dim] = block(memory->input). Fills memory. */
ij_status ij_block_forward(const ij_stack_ops *ops, const ij_block *block, ij_sequences s, ij_wanted wanted,
                           const ij_block_memory *memory, const ij_scratch *scratch, cl_mem y);

/* What ij_block_forward left in memory where all rows were wanted, from memory->input alone and without the result: bit
 * for bit. */
ij_status ij_block_again(const ij_stack_ops *ops, const ij_block *block, ij_sequences s, const ij_block_memory *memory,
                         const ij_scratch *scratch);

/* x = block(x), nothing kept: qkv, attn, middle and hidden results live in `memory`, shared by all blocks; its `pre` is
 * not used, `input` is x. */
ij_status ij_block_infer(const ij_stack_ops *ops, const ij_block *block, ij_sequences s, const ij_block_memory *memory,
                         const ij_scratch *scratch);

/* The first part of ij_block_infer alone: memory->qkv of memory->input. */
ij_status ij_block_queries(const ij_stack_ops *ops, const ij_block *block, ij_sequences s,
                           const ij_block_memory *memory, const ij_scratch *scratch);

/* dy [wanted, dim], the gradient of the block's result, is used up; d [tokens, dim] becomes that of its input: the same
 * buffer where all rows are wanted, another where some are. Weights' gradients are set or added to. Uses up memory->pre
 * and memory->stat. */
ij_status ij_block_backward(const ij_stack_ops *ops, const ij_block *block, ij_sequences s, ij_wanted wanted,
                            const ij_block_memory *memory, const ij_scratch *scratch, cl_mem dy, cl_mem d);

#endif
