/* Attention by work-groups of 8 x 8 items: BR rows of a head of a sequence, BC columns at a time. cl/gpu_attention.cl.
 */
#include "engine/base/try.h"
#include "engine/ops/common.h"
#include "engine/ops/implementations.h"

#define PARAMS                                                                                                         \
    {                                                                                                                  \
        {"BR", "rows of a work-group", {8, 16, 32, 64}}, {"BC", "columns held at a time", {8, 16, 32, 64}},            \
    }

/* The first that fits registers and local memory, which hangs on the head width. */
static const ij_choice blocks[] = {{{32, 16}}, {{16, 16}}, {{16, 8}}, {{8, 16}}, {{8, 8}}};
enum { BLOCKS = sizeof blocks / sizeof *blocks, ITEMS = 64, ACCUMULATORS = 48 /* of a work-item; 64 spill on some */ };

static int rows_of(const ij_choice *choice)
{
    return ij_choice_value(&ij_attention_tile.kernels, choice, "BR"); /* backward has the same parameters */
}

static int columns_of(const ij_choice *choice)
{
    return ij_choice_value(&ij_attention_tile.kernels, choice, "BC");
}

static ij_choice start(const ij_tuning *t)
{
    (void)t;
    return blocks[0];
}

/* As in cl/gpu_attention.cl; sides: rows of how many matrices are held, room: for the softmax's weights and sums. */
static size_t bytes_of(const ij_choice *choice, int dh, int sides, int room)
{
    int lr = rows_of(choice) + 4, bc = columns_of(choice), weights = bc * lr;
    return (size_t)(sides * dh * lr + 2 * bc * (dh + 1) + weights + room) * sizeof(float);
}

static size_t local_bytes(const ij_tuning *t, const ij_choice *choice, int dh)
{
    (void)t;
    return bytes_of(choice, dh, 1, 8 * rows_of(choice));
}

/* Of the two kernels one holds the weights and a room for sums, the other the weights and their gradients. */
static size_t local_bytes_backward(const ij_tuning *t, const ij_choice *choice, int dh)
{
    int sums = 8 * rows_of(choice), gradients = columns_of(choice) * (rows_of(choice) + 4);
    (void)t;
    return bytes_of(choice, dh, 2, sums > gradients ? sums : gradients);
}

static const char too_large[] = "BR and BC do not fit the local memory";
enum { LEAST_WIDTH = 8 }; /* the head width is not known where legality is asked */

static const char *illegal(const ij_tuning *t, const ij_choice *choice)
{
    return local_bytes(t, choice, LEAST_WIDTH) > t->device->local_bytes ? too_large : NULL;
}

static const char *illegal_backward(const ij_tuning *t, const ij_choice *choice)
{
    return local_bytes_backward(t, choice, LEAST_WIDTH) > t->device->local_bytes ? too_large : NULL;
}

/* pair: matrices of accumulators. */
static const ij_choice *first_that_fits(const ij_tuning *t, const ij_choice *best, int dh, int pair,
                                        size_t (*bytes)(const ij_tuning *, const ij_choice *, int))
{
    size_t most = ij_local_bytes_to_begin(t->device);
    for (int i = 0; i < BLOCKS; i++) {
        if (pair * (rows_of(best) / 8) * (dh / 8) <= ACCUMULATORS && bytes(t, best, dh) <= most)
            break;
        best = &blocks[i];
    }
    return best;
}

static const ij_choice *fit(const ij_tuning *t, const ij_choice *best, int dh)
{
    return first_that_fits(t, best, dh, 1, local_bytes);
}

static const ij_choice *fit_backward(const ij_tuning *t, const ij_choice *best, int dh)
{
    return first_that_fits(t, best, dh, 2, local_bytes_backward);
}

/* heads x blocks of rows, see find_rows in cl/gpu_attention.cl. */
static ij_grid grid_of(const ij_attention *a, const ij_choice *choice, ij_sequences s, ij_form form, double products)
{
    return ij_attention_grid(a, s, form, s.tokens / rows_of(choice) + s.sequences, ITEMS, products);
}

static ij_status run(const ij_attention *a, const cl_kernel *kernels, const ij_attention_memory *m)
{
    cl_float scale = ij_attention_scale(a);
    ij_grid grid = grid_of(a, &a->forward_choice, m->s, IJ_FORWARD, IJ_ATTENTION_FORWARD);
    return IJ_LAUNCH(a->device, kernels[0], "attention", grid, IJ_ARG(m->qkv), IJ_ARG(m->s.offset), IJ_ARG(m->out),
                     IJ_ARG(m->stat), IJ_ARG(a->heads), IJ_ARG(m->s.tokens), IJ_ARG(scale));
}

/* dq, then dk and dv. The two kernels compute two of five products twice: their rates say how fast the five are. */
static ij_status run_backward(const ij_attention *a, const cl_kernel *kernels, const ij_attention_memory *m)
{
    cl_float scale = ij_attention_scale(a);
    ij_grid grid = grid_of(a, &a->backward_choice, m->s, IJ_BACKWARD, IJ_ATTENTION_BACKWARD * 3.0 / 7.0);
    TRY(IJ_LAUNCH(a->device, kernels[0], "attention_backward_q", grid, IJ_ARG(m->qkv), IJ_ARG(m->s.offset),
                  IJ_ARG(m->out), IJ_ARG(m->stat), IJ_ARG(m->dout), IJ_ARG(m->dqkv), IJ_ARG(a->heads),
                  IJ_ARG(m->s.tokens), IJ_ARG(scale)));
    grid = grid_of(a, &a->backward_choice, m->s, IJ_BACKWARD, IJ_ATTENTION_BACKWARD * 4.0 / 7.0);
    return IJ_LAUNCH(a->device, kernels[1], "attention_backward_kv", grid, IJ_ARG(m->qkv), IJ_ARG(m->s.offset),
                     IJ_ARG(m->stat), IJ_ARG(m->dout), IJ_ARG(m->dqkv), IJ_ARG(a->heads), IJ_ARG(m->s.tokens),
                     IJ_ARG(scale));
}

const ij_attention_row ij_attention_tile = {
    .kernels = {.name = "tile",
                .group = IJ_GROUP_ATTENTION,
                .common = &ij_common_group,
                .sources = {"gpu_attention"},
                .params = PARAMS,
                .count = 2,
                .offers = ij_offers_groups,
                .start = start,
                .fit = fit,
                .smaller = blocks,
                .smaller_count = BLOCKS,
                .illegal = illegal,
                .local_bytes = local_bytes},
    .source = "gpu_attention",
    .names = {"attention"},
    .run = run,
};

const ij_attention_row ij_attention_tile_backward = {
    .kernels = {.name = "tile",
                .group = IJ_GROUP_ATTENTION_BACKWARD,
                .common = &ij_common_group,
                .sources = {"gpu_attention"},
                .params = PARAMS,
                .count = 2,
                .offers = ij_offers_groups,
                .start = start,
                .fit = fit_backward,
                .smaller = blocks,
                .smaller_count = BLOCKS,
                .illegal = illegal_backward,
                .local_bytes = local_bytes_backward},
    .source = "gpu_attention",
    .names = {"attention_backward_q", "attention_backward_kv"},
    .run = run_backward,
};
