#include "engine/transformer.h"

#include "engine/base/try.h"

/* x + proj(attention(LN1(x))), then that + fc2(GELU(fc1(LN2(.)))); `pre` NULL keeps nothing of GELU's input. */
static ij_status forward(const ij_stack_ops *ops, const ij_block *b, ij_sequences s, const ij_block_memory *m,
                         const ij_scratch *scratch, cl_mem pre, cl_mem y)
{
    int n = s.tokens;
    TRY(ij_layernorm_forward(ops->layernorm, &b->norm1, m->input, NULL, scratch->norm, n));
    TRY(ij_gemm_forward(ops->gemm, &b->qkv, scratch->norm, m->qkv, n, &(ij_tail){0}));
    TRY(ij_attention_forward(ops->attention, s, m->qkv, m->attn, m->stat));
    TRY(ij_gemm_forward(ops->gemm, &b->proj, m->attn, m->middle, n, &(ij_tail){.add = m->input}));

    TRY(ij_layernorm_forward(ops->layernorm, &b->norm2, m->middle, NULL, scratch->norm, n));
    TRY(ij_gemm_forward(ops->gemm, &b->fc1, scratch->norm, scratch->wide, n, &(ij_tail){.gelu = true, .pre = pre}));
    return ij_gemm_forward(ops->gemm, &b->fc2, scratch->wide, y, n, &(ij_tail){.add = m->middle});
}

ij_status ij_block_forward(const ij_stack_ops *ops, const ij_block *block, ij_sequences s,
                           const ij_block_memory *memory, const ij_scratch *scratch, cl_mem y)
{
    return forward(ops, block, s, memory, scratch, memory->pre, y);
}

ij_status ij_block_infer(const ij_stack_ops *ops, const ij_block *block, ij_sequences s, const ij_block_memory *memory,
                         const ij_scratch *scratch)
{
    return forward(ops, block, s, memory, scratch, NULL, memory->input);
}

/* dx = dy W, after the panels of W^T were made: here rather than for all weights at once, so that one buffer serves
 * all. */
static ij_status input_gradient(const ij_stack_ops *ops, const ij_linear *l, cl_mem dy, cl_mem dx, int n, cl_mem pre)
{
    TRY(ij_gemm_transpose_weight(ops->gemm, l));
    return ij_gemm_backward_input(ops->gemm, l, dy, dx, n, pre);
}

ij_status ij_block_backward(const ij_stack_ops *ops, const ij_block *b, ij_sequences s, const ij_block_memory *m,
                            const ij_scratch *scratch, cl_mem d)
{
    int n = s.tokens;
    /* MLP. The input gradient of fc2 turns m->pre into GELU's result, which is fc2's input. */
    TRY(input_gradient(ops, &b->fc2, d, scratch->wide, n, m->pre));
    TRY(ij_gemm_backward_weight(ops->gemm, &b->fc2, m->pre, d, n));
    TRY(input_gradient(ops, &b->fc1, scratch->wide, scratch->other, n, NULL));
    TRY(ij_layernorm_forward(ops->layernorm, &b->norm2, m->middle, NULL, scratch->norm, n));
    TRY(ij_gemm_backward_weight(ops->gemm, &b->fc1, scratch->norm, scratch->wide, n));
    TRY(ij_layernorm_backward(ops->layernorm, &b->norm2, m->middle, NULL, scratch->other, d, n, 1));

    /* Attention. */
    TRY(input_gradient(ops, &b->proj, d, scratch->other, n, NULL));
    TRY(ij_gemm_backward_weight(ops->gemm, &b->proj, m->attn, d, n));
    TRY(ij_attention_backward(ops->attention, s, m->qkv, m->attn, m->stat, scratch->other, scratch->wide));
    TRY(input_gradient(ops, &b->qkv, scratch->wide, scratch->other, n, NULL));
    TRY(ij_layernorm_forward(ops->layernorm, &b->norm1, m->input, NULL, scratch->norm, n));
    TRY(ij_gemm_backward_weight(ops->gemm, &b->qkv, scratch->norm, scratch->wide, n));
    return ij_layernorm_backward(ops->layernorm, &b->norm1, m->input, NULL, scratch->other, d, n, 1);
}
