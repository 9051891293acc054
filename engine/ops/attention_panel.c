/* Attention by items: a work-item takes a head of a sequence, KB keys at a time. cl/attention.cl. */
#include "engine/ops/common.h"
#include "engine/ops/implementations.h"

#define PARAMS                                                                                                         \
    {                                                                                                                  \
        {"TM", "queries of a register tile", {4, 6, 8, 10, 12}},                                                       \
            {"KB", "keys held at a time, a multiple of TN", {32, 64, 128, 256}},                                       \
    }

/* Fewer rows than products have, for sequences are short; the first of as many that fits. */
static const ij_choice blocks[] = {{{8, 128}}, {{8, 64}}, {{8, 32}}, {{4, 128}}, {{4, 64}}, {{4, 32}}};
enum { BLOCKS = sizeof blocks / sizeof *blocks };

static int rows_of(const ij_choice *choice)
{
    return ij_choice_value(&ij_attention_panel.kernels, choice, "TM"); /* backward has the same parameters */
}

static int keys_of(const ij_choice *choice)
{
    return ij_choice_value(&ij_attention_panel.kernels, choice, "KB");
}

static ij_choice start(const ij_tuning *t)
{
    return blocks[ij_tuning_vw(t) == 16 ? 0 : 3];
}

static const char *illegal(const ij_tuning *t, const ij_choice *choice)
{
    const char *spills = ij_tile_spills(t, rows_of(choice));
    return !spills && keys_of(choice) % ij_tuning_tn(t) ? "KB is a multiple of TN" : spills;
}

/* DP of cl/attention.cl. */
static int padded(const ij_tuning *t, int dh)
{
    return ij_ceil_div(dh, ij_tuning_tn(t)) * ij_tuning_tn(t);
}

/* As in cl/attention.cl: kt, vb, p. */
static size_t local_bytes(const ij_tuning *t, const ij_choice *choice, int dh)
{
    return (size_t)(keys_of(choice) * (dh + padded(t, dh) + rows_of(choice))) * sizeof(float);
}

/* kt, vt; kb, dk, dv; p, ds; qb, gb. */
static size_t local_bytes_backward(const ij_tuning *t, const ij_choice *choice, int dh)
{
    int keys = keys_of(choice), queries = 6 * rows_of(choice), dp = padded(t, dh);
    return (size_t)(keys * (2 * dh + 3 * dp + 2 * queries) + 2 * queries * dp) * sizeof(float);
}

/* Both kernels are in one program, and some devices count the local memory of all that a program has. */
static bool fits(const ij_tuning *t, const ij_choice *choice, int dh)
{
    return local_bytes(t, choice, dh) + local_bytes_backward(t, choice, dh) <= t->device->local_bytes;
}

/* `best` where it fits, else the first of the list that does: with as many rows, or with any. */
static const ij_choice *fit(const ij_tuning *t, const ij_choice *best, int dh)
{
    if (fits(t, best, dh))
        return best;
    for (int any = 0; any < 2; any++)
        for (int i = 0; i < BLOCKS; i++)
            if ((any || rows_of(&blocks[i]) == rows_of(best)) && !illegal(t, &blocks[i]) && fits(t, &blocks[i], dh))
                return &blocks[i];
    return best;
}

static ij_status run(const ij_attention *a, const cl_kernel *kernels, const ij_attention_memory *m)
{
    cl_float scale = ij_attention_scale(a);
    ij_grid grid = ij_attention_grid(a, m->s, IJ_FORWARD, m->s.sequences, 1, IJ_ATTENTION_FORWARD);
    return IJ_LAUNCH(a->device, kernels[0], "attention", grid, IJ_ARG(m->qkv), IJ_ARG(m->s.offset), IJ_ARG(m->out),
                     IJ_ARG(m->stat), IJ_ARG(a->heads), IJ_ARG(m->s.tokens), IJ_ARG(scale));
}

static ij_status run_backward(const ij_attention *a, const cl_kernel *kernels, const ij_attention_memory *m)
{
    cl_float scale = ij_attention_scale(a);
    ij_grid grid = ij_attention_grid(a, m->s, IJ_BACKWARD, m->s.sequences, 1, IJ_ATTENTION_BACKWARD);
    return IJ_LAUNCH(a->device, kernels[0], "attention_backward", grid, IJ_ARG(m->qkv), IJ_ARG(m->s.offset),
                     IJ_ARG(m->out), IJ_ARG(m->stat), IJ_ARG(m->dout), IJ_ARG(m->dqkv), IJ_ARG(a->heads),
                     IJ_ARG(m->s.tokens), IJ_ARG(scale));
}

const ij_attention_row ij_attention_panel = {
    .kernels = {.name = "panel",
                .group = IJ_GROUP_ATTENTION,
                .common = &ij_common_item,
                .sources = {"attention"},
                .params = PARAMS,
                .count = 2,
                .offers = ij_offers_items,
                .start = start,
                .fit = fit,
                .illegal = illegal,
                .local_bytes = local_bytes},
    .source = "attention",
    .names = {"attention"},
    .run = run,
};

const ij_attention_row ij_attention_panel_backward = {
    .kernels = {.name = "panel",
                .group = IJ_GROUP_ATTENTION_BACKWARD,
                .common = &ij_common_item,
                .sources = {"attention"},
                .params = PARAMS,
                .count = 2,
                .offers = ij_offers_items,
                .start = start,
                .fit = fit,
                .illegal = illegal,
                .local_bytes = local_bytes_backward},
    .source = "attention",
    .names = {"attention_backward"},
    .run = run_backward,
};
