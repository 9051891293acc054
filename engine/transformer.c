#include "engine/transformer.h"

#include "engine/base/try.h"

ij_status ij_scratch_plan(ij_plan *plan, ij_scratch *s)
{
    TRY(ij_plan_add(plan, "scratch", IJ_F32, 0, &s->norm));
    TRY(ij_plan_add(plan, "scratch", IJ_F32, 0, &s->other));
    return ij_plan_add(plan, "scratch", IJ_F32, 0, &s->wide);
}

ij_status ij_scratch_need(ij_plan *plan, const ij_scratch *s, int64_t tokens, int dim, int hidden)
{
    TRY(ij_plan_need(plan, &s->norm, IJ_F32, tokens * dim));
    TRY(ij_plan_need(plan, &s->other, IJ_F32, tokens * dim));
    return ij_plan_need(plan, &s->wide, IJ_F32, tokens * (3 * dim > hidden ? 3 * dim : hidden));
}

ij_status ij_infer_plan(ij_plan *plan, ij_scratch *s, const cl_mem *x, int64_t tokens, int dim, int hidden, int heads,
                        ij_block_memory *m)
{
    TRY(ij_scratch_need(plan, s, tokens, dim, hidden));
    TRY(ij_plan_alias(plan, x, IJ_F32, tokens * dim, &m->input));
    TRY(ij_plan_alias(plan, &s->wide, IJ_F32, tokens * 3 * dim, &m->qkv));
    TRY(ij_plan_alias(plan, &s->norm, IJ_F32, tokens * dim, &m->attn));
    TRY(ij_plan_alias(plan, &s->other, IJ_F32, tokens * dim, &m->middle));
    return ij_plan_add(plan, "scratch", IJ_F32, tokens * 2 * heads, &m->stat);
}

/* *rows: the wanted rows of x [tokens, dim], gathered in `room`, or x itself. */
static ij_status wanted_rows(const ij_stack_ops *ops, ij_wanted wanted, cl_mem x, cl_mem room, int dim, cl_mem *rows)
{
    *rows = wanted.rows ? room : x;
    return wanted.rows ? ij_gather_rows(ops->tokens, x, wanted.rows, room, wanted.count, dim) : IJ_OK;
}

ij_status ij_block_queries(const ij_stack_ops *ops, const ij_block *b, ij_sequences s, const ij_block_memory *m,
                           const ij_scratch *scratch)
{
    TRY(ij_layernorm_forward(ops->layernorm, &b->norm1, m->input, NULL, scratch->norm, s.tokens));
    return ij_gemm_forward(ops->gemm, &b->qkv, scratch->norm, m->qkv, s.tokens, &(ij_tail){0});
}

/* All that a block keeps: middle = x + proj(attention(LN1(x))) and what comes before it, pre = fc1(LN2(middle)), or
 * nothing of it where it is NULL; GELU(pre) stays in scratch->wide. */
static ij_status keep(const ij_stack_ops *ops, const ij_block *b, ij_sequences s, ij_wanted wanted,
                      const ij_block_memory *m, const ij_scratch *scratch, cl_mem pre)
{
    int n = s.tokens;
    cl_mem attn;
    TRY(ij_block_queries(ops, b, s, m, scratch));
    TRY(ij_attention_forward(ops->attention, s, m->qkv, m->attn, m->stat));

    n = wanted.rows ? wanted.count : n;
    TRY(wanted_rows(ops, wanted, m->attn, scratch->norm, b->proj.in, &attn));
    TRY(ij_gemm_forward(ops->gemm, &b->proj, attn, m->middle, n, &(ij_tail){.add = m->input, .rows = wanted.rows}));
    TRY(ij_layernorm_forward(ops->layernorm, &b->norm2, m->middle, NULL, scratch->norm, n));
    return ij_gemm_forward(ops->gemm, &b->fc1, scratch->norm, scratch->wide, n, &(ij_tail){.gelu = true, .pre = pre});
}

/* y = middle + fc2(GELU(pre)). */
static ij_status forward(const ij_stack_ops *ops, const ij_block *b, ij_sequences s, ij_wanted wanted,
                         const ij_block_memory *m, const ij_scratch *scratch, cl_mem pre, cl_mem y)
{
    int n = wanted.rows ? wanted.count : s.tokens;
    TRY(keep(ops, b, s, wanted, m, scratch, pre));
    return ij_gemm_forward(ops->gemm, &b->fc2, scratch->wide, y, n, &(ij_tail){.add = m->middle});
}

ij_status ij_block_again(const ij_stack_ops *ops, const ij_block *block, ij_sequences s, const ij_block_memory *memory,
                         const ij_scratch *scratch)
{
    return keep(ops, block, s, (ij_wanted){0}, memory, scratch, memory->pre);
}

ij_status ij_block_forward(const ij_stack_ops *ops, const ij_block *block, ij_sequences s, ij_wanted wanted,
                           const ij_block_memory *memory, const ij_scratch *scratch, cl_mem y)
{
    return forward(ops, block, s, wanted, memory, scratch, memory->pre, y);
}

ij_status ij_block_infer(const ij_stack_ops *ops, const ij_block *block, ij_sequences s, const ij_block_memory *memory,
                         const ij_scratch *scratch)
{
    return forward(ops, block, s, (ij_wanted){0}, memory, scratch, NULL, memory->input);
}

/* dx = dy W, after the panels of W^T were made: here rather than for all weights at once, so that one buffer serves
 * all. */
static ij_status input_gradient(const ij_stack_ops *ops, const ij_linear *l, cl_mem dy, cl_mem dx, int n, cl_mem pre)
{
    TRY(ij_gemm_transpose_weight(ops->gemm, l));
    return ij_gemm_backward_input(ops->gemm, l, dy, dx, n, pre);
}

/* The gradient of attention's result [tokens, dim] from that of its wanted rows in scratch->other: *full. */
static ij_status all_rows(const ij_stack_ops *ops, ij_sequences s, ij_wanted wanted, const ij_scratch *scratch, int dim,
                          cl_mem *full)
{
    *full = scratch->other;
    if (!wanted.rows)
        return IJ_OK;
    *full = scratch->norm;
    cl_int zero = 0;
    size_t bytes = (size_t)s.tokens * (size_t)dim * sizeof(float);
    TRY(ij_cl_check(
        clEnqueueFillBuffer(ops->tokens->device->compute, *full, &zero, sizeof zero, 0, bytes, 0, NULL, NULL),
        "clearing a gradient"));
    return ij_scatter_rows(ops->tokens, scratch->other, wanted.rows, *full, wanted.count, dim, false);
}

ij_status ij_block_backward(const ij_stack_ops *ops, const ij_block *b, ij_sequences s, ij_wanted wanted,
                            const ij_block_memory *m, const ij_scratch *scratch, cl_mem dy, cl_mem d)
{
    int n = wanted.rows ? wanted.count : s.tokens, dim = b->proj.in;
    bool add = ops->add_gradients;
    cl_mem attn, dattn;
    /* MLP. The input gradient of fc2 turns m->pre into GELU's result, which is fc2's input. */
    TRY(input_gradient(ops, &b->fc2, dy, scratch->wide, n, m->pre));
    TRY(ij_gemm_backward_weight(ops->gemm, &b->fc2, m->pre, dy, n, add));
    TRY(input_gradient(ops, &b->fc1, scratch->wide, scratch->other, n, NULL));
    TRY(ij_layernorm_forward(ops->layernorm, &b->norm2, m->middle, NULL, scratch->norm, n));
    TRY(ij_gemm_backward_weight(ops->gemm, &b->fc1, scratch->norm, scratch->wide, n, add));
    TRY(ij_layernorm_backward(ops->layernorm, &b->norm2, m->middle, NULL, scratch->other, dy, n, 1, add));

    /* Attention. */
    TRY(input_gradient(ops, &b->proj, dy, scratch->other, n, NULL));
    TRY(wanted_rows(ops, wanted, m->attn, scratch->norm, dim, &attn));
    TRY(ij_gemm_backward_weight(ops->gemm, &b->proj, attn, dy, n, add));
    TRY(all_rows(ops, s, wanted, scratch, dim, &dattn));
    TRY(ij_attention_backward(ops->attention, s, m->qkv, m->attn, m->stat, dattn, scratch->wide));
    n = s.tokens;
    TRY(input_gradient(ops, &b->qkv, scratch->wide, scratch->other, n, NULL));
    TRY(ij_layernorm_forward(ops->layernorm, &b->norm1, m->input, NULL, scratch->norm, n));
    TRY(ij_gemm_backward_weight(ops->gemm, &b->qkv, scratch->norm, scratch->wide, n, add));
    TRY(ij_layernorm_backward(ops->layernorm, &b->norm1, m->input, NULL, scratch->other, d, n, !wanted.rows, add));
    return wanted.rows ? ij_scatter_rows(ops->tokens, dy, wanted.rows, d, wanted.count, dim, true) : IJ_OK;
}
