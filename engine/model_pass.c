/* The passes of ij_model: from a batch's pixels to the loss and back to all gradients. */
#include "engine/base/try.h"
#include "engine/model.h"

/* ---- Forward ----------------------------------------------------------------------------------------------------- */

static ij_stack_ops ops_of(ij_model *m, const ij_net *net)
{
    ij_attention *attention = net == &m->predictor ? &m->predictor_attention : &m->attention;
    return (ij_stack_ops){&m->gemm, attention, &m->layernorm, &m->tokens, false};
}

static const float pixel_eps = 1e-3f; /* of a patch's variance; the patches of a sky have none */

static bool about(const ij_device_batch *b, ij_term term)
{
    return b->objective.weight[term] > 0;
}

ij_status ij_model_patchify(ij_model *m, const ij_device_batch *b)
{
    const ij_model_config *c = &m->config.model;
    TRY(ij_patchify(&m->tokens, b->pixels, b->first, b->list[IJ_LIST_CONTEXT_IMAGE], b->list[IJ_LIST_CONTEXT_PATCH],
                    m->context_patches, b->index->context_tokens, c->crop, c->patch));
    if (about(b, IJ_TERM_PIXEL))
        TRY(ij_pixel_targets(&m->tokens, b->pixels, b->first, b->list[IJ_LIST_TARGET_ROWS], m->pixel_targets,
                             b->index->target_rows, c->crop, c->patch, pixel_eps));
    if (!about(b, IJ_TERM_FEATURE))
        return IJ_OK;
    return ij_patchify(&m->tokens, b->pixels, b->first, m->full.image, m->full.patch, m->work.patches,
                       b->images * m->patches, c->crop, c->patch);
}

static ij_norm plain_norm(const ij_model *m)
{
    return (ij_norm){.dim = m->target.dim, .eps = m->config.model.target_eps};
}

/* The target encoder on work.patches: its result in work.tokens, their means in features. With `sums`, the target rows
 * of the last blocks' results, each through a plain LayerNorm, are summed in work.target_sums. */
static ij_status run_target(ij_model *m, const ij_device_batch *b, bool sums)
{
    const ij_workspace *w = &m->work;
    int first = m->target.depth - m->config.target_layers;
    ij_norm plain = plain_norm(m);
    int images = b->images;
    ij_stack_ops ops = ops_of(m, &m->target);
    ij_sequences s = {m->full.offset, images, images * m->patches};
    TRY(ij_gemm_forward(&m->gemm, &m->target.embed, w->patches, w->infer.input, s.tokens,
                        &(ij_tail){.add = m->target.position, .rows = m->full.patch}));
    for (int i = 0; i < m->target.depth; i++) {
        TRY(ij_block_infer(&ops, &m->target.blocks[i], s, &w->infer, &w->scratch));
        if (sums && i >= first)
            TRY((i == first ? ij_layernorm_forward : ij_layernorm_add)(&m->layernorm, &plain, w->infer.input,
                                                                       b->list[IJ_LIST_TARGET_ROWS], w->target_sums,
                                                                       b->index->target_rows));
    }
    TRY(ij_layernorm_forward(&m->layernorm, &m->target.norm, w->infer.input, NULL, w->tokens, s.tokens));
    return ij_mean_pool(&m->tokens, w->tokens, m->features, b->first, images, ij_model_side(&m->config.model), 1,
                        m->target.dim);
}

ij_status ij_model_target(ij_model *m, const ij_device_batch *b)
{
    if (!about(b, IJ_TERM_FEATURE))
        return IJ_OK;
    ij_norm plain = plain_norm(m);
    int layers = m->config.target_layers;
    if (layers <= 1) {
        TRY(run_target(m, b, false));
        return ij_layernorm_forward(&m->layernorm, &plain, m->work.tokens, b->list[IJ_LIST_TARGET_ROWS], m->target_rows,
                                    b->index->target_rows);
    }
    TRY(run_target(m, b, true));
    plain.eps *= (float)layers * (float)layers; /* the LayerNorm of a mean is that of the sum with this eps */
    return ij_layernorm_forward(&m->layernorm, &plain, m->work.target_sums, NULL, m->target_rows,
                                b->index->target_rows);
}

/* All blocks of a net; block i's result is block i+1's input, the last's wanted rows are the tape's output. */
static ij_status run_blocks(ij_model *m, const ij_net *net, const ij_tape *tape, ij_sequences s, ij_wanted wanted)
{
    ij_stack_ops ops = ops_of(m, net);
    for (int i = 0; i < net->depth; i++) {
        bool last = i + 1 == net->depth;
        TRY(ij_block_forward(&ops, &net->blocks[i], s, last ? wanted : (ij_wanted){0}, &tape->blocks[i],
                             &m->work.scratch, last ? tape->output : tape->blocks[i + 1].input));
    }
    return IJ_OK;
}

static ij_sequences context_sequences(const ij_model *m, const ij_device_batch *b)
{
    return (ij_sequences){b->list[IJ_LIST_CONTEXT_OFFSET], m->config.contexts * b->images, b->index->context_tokens};
}

static ij_sequences predictor_sequences(const ij_model *m, const ij_device_batch *b)
{
    return (ij_sequences){b->list[IJ_LIST_PREDICTOR_OFFSET], m->config.targets * m->config.contexts * b->images,
                          b->index->predictor_tokens};
}

/* What is read of the predictor's result. */
static ij_wanted mask_tokens(const ij_device_batch *b)
{
    return (ij_wanted){b->list[IJ_LIST_MASK_ROWS], b->index->predictions};
}

ij_status ij_model_predict(ij_model *m, const ij_device_batch *b)
{
    ij_sequences s = context_sequences(m, b);
    ij_tail at_patch = {.add = m->encoder.position, .rows = b->list[IJ_LIST_CONTEXT_PATCH]};
    TRY(ij_gemm_forward(&m->gemm, &m->encoder.embed, m->context_patches, m->encoder_tape.blocks[0].input, s.tokens,
                        &at_patch));
    TRY(run_blocks(m, &m->encoder, &m->encoder_tape, s, (ij_wanted){0}));
    TRY(ij_layernorm_forward(&m->layernorm, &m->encoder.norm, m->encoder_tape.output, NULL, m->context, s.tokens));

    at_patch.add = m->predictor.position;
    TRY(ij_gemm_forward(&m->gemm, &m->predictor.embed, m->context, m->embedded, s.tokens, &at_patch));
    s = predictor_sequences(m, b);
    TRY(ij_assemble(&m->tokens, m->embedded, m->predictor.mask_token, m->predictor.position, b->list[IJ_LIST_SOURCE],
                    m->predictor_tape.blocks[0].input, s.tokens, m->predictor.dim));
    TRY(run_blocks(m, &m->predictor, &m->predictor_tape, s, mask_tokens(b)));
    TRY(ij_layernorm_forward(&m->layernorm, &m->predictor.norm, m->predictor_tape.output, NULL, m->predictor_normed,
                             b->index->predictions));
    if (about(b, IJ_TERM_PIXEL))
        TRY(ij_gemm_forward(&m->gemm, &m->predictor.pixels, m->predictor_normed, m->pixel_prediction,
                            b->index->predictions, &(ij_tail){0}));
    if (!about(b, IJ_TERM_FEATURE))
        return IJ_OK;
    return ij_gemm_forward(&m->gemm, &m->predictor.features, m->predictor_normed, m->prediction, b->index->predictions,
                           &(ij_tail){0});
}

static bool regularised(const ij_device_batch *b)
{
    return about(b, IJ_TERM_VARIANCE) || about(b, IJ_TERM_COVARIANCE) || about(b, IJ_TERM_SIGREG);
}

/* The terms of the pooled context features; their gradient stays in m->regularise until ij_model_backward. */
static ij_status run_regularisers(ij_model *m, const ij_device_batch *b, int *partials)
{
    ij_regularise *r = &m->regularise;
    const double *weight = b->objective.weight;
    TRY(ij_regularise_pool(r, m->context, b->list[IJ_LIST_CONTEXT_OFFSET]));
    TRY(ij_regularise_variance(r, m->partial[IJ_TERM_VARIANCE], weight[IJ_TERM_VARIANCE], &partials[IJ_TERM_VARIANCE]));
    TRY(ij_regularise_covariance(r, m->partial[IJ_TERM_COVARIANCE], weight[IJ_TERM_COVARIANCE],
                                 &partials[IJ_TERM_COVARIANCE]));
    return ij_regularise_sigreg(r, m->config.seed, b->step, m->partial[IJ_TERM_SIGREG], weight[IJ_TERM_SIGREG],
                                &partials[IJ_TERM_SIGREG]);
}

static ij_status clear_measured(ij_model *m)
{
    const cl_float zero = 0;
    size_t bytes = (size_t)ij_model_measured(&m->config.model) * sizeof zero;
    return ij_cl_check(
        clEnqueueFillBuffer(m->device->compute, m->measured, &zero, sizeof zero, 0, bytes, 0, NULL, NULL),
        "clearing sums");
}

ij_status ij_model_loss(ij_model *m, const ij_device_batch *b, int *partials)
{
    const double *weight = b->objective.weight;
    int rows = b->index->predictions, block = b->images * b->target_length;
    bool parts = b->first > 0 || !b->last; /* then sums are added to, and begin with 0 */
    if (parts && b->first == 0)
        TRY(clear_measured(m));
    if (about(b, IJ_TERM_PIXEL))
        TRY(ij_loss_run(&m->pixel_loss, m->pixel_prediction, m->pixel_targets, m->work.d_pixels,
                        m->partial[IJ_TERM_PIXEL], rows, m->predictor.pixels.out, m->config.contexts, block, false,
                        weight[IJ_TERM_PIXEL] * b->share, parts, &partials[IJ_TERM_PIXEL]));
    if (regularised(b))
        TRY(run_regularisers(m, b, partials));
    if (!about(b, IJ_TERM_FEATURE))
        return IJ_OK;
    TRY(ij_loss_run(&m->loss, m->prediction, m->target_rows, m->work.d_prediction, m->partial[IJ_TERM_FEATURE], rows,
                    m->encoder.dim, m->config.contexts, block, m->config.loss == IJ_LOSS_SMOOTH_L1,
                    weight[IJ_TERM_FEATURE] * b->share, parts, &partials[IJ_TERM_FEATURE]));
    if (b->first + b->images < m->batch)
        return IJ_OK;
    return ij_batch_std(&m->loss, m->features, m->std, m->batch, m->encoder.dim);
}

/* ---- Backward ---------------------------------------------------------------------------------------------------- */

static ij_status tell_final(const ij_device_batch *b, int segment)
{
    return b->final && b->last && segment >= 0 ? b->final(b->whom, segment) : IJ_OK;
}

/* dy: the gradient of the last block's wanted rows; work.d becomes that of the first block's input. `first` is the
 * first block's segment. */
static ij_status back_through_blocks(ij_model *m, const ij_device_batch *b, const ij_net *net, const ij_tape *tape,
                                     ij_sequences s, ij_wanted wanted, cl_mem dy, int first)
{
    ij_stack_ops ops = ops_of(m, net);
    ops.add_gradients = b->first > 0;
    for (int i = net->depth - 1; i >= 0; i--) {
        bool last = i + 1 == net->depth;
        if (!last && m->config.recompute == IJ_RECOMPUTE_BLOCKS) /* the last one's is still there */
            TRY(ij_block_again(&ops, &net->blocks[i], s, &tape->blocks[i], &m->work.scratch));
        TRY(ij_block_backward(&ops, &net->blocks[i], s, last ? wanted : (ij_wanted){0}, &tape->blocks[i],
                              &m->work.scratch, last ? dy : m->work.d, m->work.d));
        TRY(tell_final(b, first + i));
    }
    return IJ_OK;
}

/* work.d_normed, from the gradients of the heads that took part. */
static ij_status back_through_heads(ij_model *m, const ij_device_batch *b)
{
    int n = b->index->predictions;
    bool both = about(b, IJ_TERM_PIXEL) && about(b, IJ_TERM_FEATURE);
    cl_mem dz = m->work.d_prediction, d = m->work.d_normed, of_pixels = both ? m->work.d_normed_pixels : d;
    if (about(b, IJ_TERM_PIXEL)) {
        TRY(ij_gemm_transpose_weight(&m->gemm, &m->predictor.pixels));
        TRY(ij_gemm_backward_input(&m->gemm, &m->predictor.pixels, m->work.d_pixels, of_pixels, n, NULL));
        TRY(ij_gemm_backward_weight(&m->gemm, &m->predictor.pixels, m->predictor_normed, m->work.d_pixels, n,
                                    b->first > 0));
        TRY(tell_final(b, m->params.head[IJ_TERM_PIXEL]));
    }
    if (!about(b, IJ_TERM_FEATURE))
        return IJ_OK;
    TRY(ij_gemm_transpose_weight(&m->gemm, &m->predictor.features));
    TRY(both ? ij_gemm_backward_input_added(&m->gemm, &m->predictor.features, dz, d, n, of_pixels)
             : ij_gemm_backward_input(&m->gemm, &m->predictor.features, dz, d, n, NULL));
    TRY(ij_gemm_backward_weight(&m->gemm, &m->predictor.features, m->predictor_normed, dz, n, b->first > 0));
    return tell_final(b, m->params.head[IJ_TERM_FEATURE]);
}

ij_status ij_model_backward(ij_model *m, const ij_device_batch *b)
{
    const ij_batch_index *n = b->index;
    const int *blocks = m->params.blocks;
    const ij_workspace *w = &m->work;

    /* Predictor: only the mask tokens' rows have a gradient above the last block. */
    TRY(back_through_heads(m, b));
    TRY(ij_layernorm_backward(&m->layernorm, &m->predictor.norm, m->predictor_tape.output, NULL, w->d_normed,
                              w->d_output, n->predictions, 0, b->first > 0));
    TRY(back_through_blocks(m, b, &m->predictor, &m->predictor_tape, predictor_sequences(m, b), mask_tokens(b),
                            w->d_output, blocks[IJ_NETWORK_PREDICTOR]));
    TRY(ij_sum_rows(&m->tokens, w->d, b->list[IJ_LIST_MASK_ROWS], m->predictor.mask_token_grad, n->predictions,
                    m->predictor.dim, b->first > 0));
    TRY(ij_disassemble(&m->tokens, w->d, b->list[IJ_LIST_PLACE], w->d_embedded, n->context_tokens, m->config.targets,
                       n->predictor_stride, m->predictor.dim));

    /* Context encoder. */
    TRY(ij_gemm_transpose_weight(&m->gemm, &m->predictor.embed));
    TRY(ij_gemm_backward_input(&m->gemm, &m->predictor.embed, w->d_embedded, w->d_context, n->context_tokens, NULL));
    TRY(ij_gemm_backward_weight(&m->gemm, &m->predictor.embed, m->context, w->d_embedded, n->context_tokens,
                                b->first > 0));
    TRY(tell_final(b, blocks[IJ_NETWORK_PREDICTOR] - 1));
    if (regularised(b))
        TRY(ij_regularise_spread(&m->regularise, b->list[IJ_LIST_CONTEXT_OFFSET], w->d_context));
    TRY(ij_layernorm_backward(&m->layernorm, &m->encoder.norm, m->encoder_tape.output, NULL, w->d_context, w->d,
                              n->context_tokens, 0, b->first > 0));
    TRY(back_through_blocks(m, b, &m->encoder, &m->encoder_tape, context_sequences(m, b), (ij_wanted){0}, w->d,
                            blocks[IJ_NETWORK_ENCODER]));
    TRY(ij_gemm_backward_weight(&m->gemm, &m->encoder.embed, m->context_patches, w->d, n->context_tokens,
                                b->first > 0));
    return tell_final(b, blocks[IJ_NETWORK_ENCODER] - 1);
}
