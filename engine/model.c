#include "engine/model.h"

#include "engine/base/try.h"
#include "engine/position.h"

#include <stdlib.h>
#include <string.h>

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t ij_most_context(const ij_trainer_config *t)
{
    int64_t all = (int64_t)t->contexts * t->batch * t->context_capacity;
    return t->most_context && t->most_context < all ? t->most_context : all;
}

int64_t ij_most_predictor(const ij_trainer_config *t)
{
    int64_t all = t->targets * (ij_most_context(t) + (int64_t)t->contexts * t->batch * t->target_capacity);
    return t->most_predictor && t->most_predictor < all ? t->most_predictor : all;
}

ij_trainer_config ij_micro_config(const ij_trainer_config *t)
{
    ij_trainer_config micro = *t;
    micro.batch = t->micro_batch ? t->micro_batch : ij_most_share(t);
    micro.most_context = ij_most_context(t);
    micro.most_predictor = ij_most_predictor(t);
    return micro;
}

static int patch_floats(const ij_model_config *c)
{
    return 3 * c->patch * c->patch;
}

/* ---- Planning ---------------------------------------------------------------------------------------------------- */

static ij_status make_kernels(ij_model *m)
{
    const ij_model_config *c = &m->config.model;
    TRY(ij_gemm_create(&m->gemm, m->device, m->config.gemm));
    TRY(ij_attention_create(&m->attention, m->device, c->heads, c->dim / c->heads));
    TRY(ij_attention_create(&m->predictor_attention, m->device, c->heads, c->pred_dim / c->heads));
    TRY(ij_layernorm_create(&m->layernorm, m->device));
    TRY(ij_tokens_create(&m->tokens, m->device));
    if (c->pixel_head)
        TRY(ij_loss_create(&m->pixel_loss, m->device, patch_floats(c)));
    return ij_loss_create(&m->loss, m->device, c->dim);
}

/* wanted: rows of the last block's result that are read. With `again` the first block's memory, all but its input, is
 * handed on to every other. */
static ij_status plan_tape(ij_plan *plan, ij_tape *tape, const ij_net *net, int64_t tokens, int64_t wanted, int heads,
                           bool again)
{
    int depth = net->depth, dim = net->dim;
    tape->blocks = calloc((size_t)depth, sizeof *tape->blocks);
    if (!tape->blocks)
        return ij_fail(IJ_ENOMEM, "out of memory for the list of blocks");
    for (int i = 0; i < depth; i++) {
        ij_block_memory *b = &tape->blocks[i], *first = tape->blocks;
        int64_t after = i + 1 < depth ? tokens : wanted;
        const struct {
            int64_t floats;
            cl_mem *where;
            const cl_mem *of;
        } all[] = {
            {tokens * dim, &b->input, NULL},           {tokens * 3 * dim, &b->qkv, &first->qkv},
            {tokens * dim, &b->attn, &first->attn},    {tokens * 2 * heads, &b->stat, &first->stat},
            {after * dim, &b->middle, &first->middle}, {after * net->hidden, &b->pre, &first->pre},
        };
        for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
            bool handed_on = again && i > 0 && all[k].of;
            TRY(handed_on ? ij_plan_alias(plan, all[k].of, IJ_F32, all[k].floats, all[k].where)
                          : ij_plan_add(plan, "activations", IJ_F32, all[k].floats, all[k].where));
        }
    }
    return ij_plan_add(plan, "activations", IJ_F32, wanted * dim, &tape->output);
}

/* Room for the largest weight's transposed panels, where the layout has panels. */
static ij_status plan_transposed(ij_model *m, ij_plan *plan)
{
    size_t floats = 0;
    for (int i = 0; i < m->params.count; i++) {
        const ij_tensor *t = &m->params.tensors[i];
        if (t->layout == IJ_LAYOUT_PANELS)
            floats = (size_t)most((int64_t)floats, (int64_t)ij_gemm_weight_floats(&m->gemm, t->columns, t->rows));
    }
    return floats ? ij_plan_add(plan, "scratch", IJ_F32, (int64_t)floats, &m->weight_t) : IJ_OK;
}

static ij_status plan_activations(ij_model *m, ij_plan *plan)
{
    const ij_trainer_config *t = &m->config;
    const ij_model_config *c = &t->model;
    ij_workspace *w = &m->work;
    int64_t D = c->dim, Dp = c->pred_dim, pixels = patch_floats(c);
    int64_t full = (int64_t)t->batch * m->patches;
    int64_t sequences = (int64_t)t->contexts * t->batch;
    int64_t context = ij_most_context(t);
    int64_t predictions = t->targets * sequences * t->target_capacity;
    int64_t predictor = ij_most_predictor(t);
    int64_t rows = (int64_t)t->targets * t->batch * t->target_capacity;
    int64_t widest = most(D, Dp);
    bool again = t->recompute == IJ_RECOMPUTE_BLOCKS;
    TRY(plan_tape(plan, &m->encoder_tape, &m->encoder, context, context, c->heads, again));
    TRY(plan_tape(plan, &m->predictor_tape, &m->predictor, predictor, predictions, c->heads, again));

    struct {
        const char *group;
        int64_t floats;
        cl_mem *where;
    } all[] = {
        {"scratch", most(context * D, predictor * Dp), &w->d},
        {"scratch", (int64_t)ij_layernorm_partial(m->device, (int)widest), &m->layernorm.partial},
        {"scratch", (int64_t)ij_tokens_partial(m->device, (int)widest), &m->tokens.partial},
        {"activations", context * pixels, &m->context_patches},
        {"activations", context * D, &m->context},
        {"activations", context * Dp, &m->embedded},
        {"activations", predictions * Dp, &m->predictor_normed},
        {"activations", predictions * D, &m->prediction},
        {"activations", rows * D, &m->target_rows},
        {"activations", m->batch * D, &m->features},
        {"activations", ij_model_measured(c), &m->measured},
        {"tables", m->patches * D, &m->encoder.position},
        {"tables", m->patches * Dp, &m->predictor.position},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        TRY(ij_plan_add(plan, all[i].group, IJ_F32, all[i].floats, all[i].where));
    TRY(ij_full_lists_plan(&m->full, t->batch, m->patches, plan));

    TRY(ij_scratch_plan(plan, &w->scratch));
    TRY(ij_scratch_need(plan, &w->scratch, context, c->dim, m->encoder.hidden));
    TRY(ij_scratch_need(plan, &w->scratch, predictor, c->pred_dim, m->predictor.hidden));
    TRY(ij_infer_plan(plan, &w->scratch, &w->d, full, c->dim, c->hidden, c->heads, &w->infer));
    const struct {
        const cl_mem *of;
        int64_t floats;
        cl_mem *where;
    } handed_on[] = {
        {&m->encoder.position, m->patches * D, &m->target.position}, /* constant */
        {&w->scratch.wide, full * pixels, &w->patches},
        {&w->scratch.norm, full * D, &w->tokens},
        {&m->prediction, rows * D, &w->target_sums}, /* until there is one */
        {&w->scratch.wide, predictions * D, &w->d_prediction},
        {&w->scratch.other, predictions * Dp, &w->d_normed},
        {&w->scratch.norm, predictions * Dp, &w->d_normed_pixels},
        {&m->predictor_normed, predictions * Dp, &w->d_output},
        {&m->embedded, context * Dp, &w->d_embedded},
        {&w->scratch.other, context * D, &w->d_context},
    };
    for (size_t i = 0; i < sizeof handed_on / sizeof *handed_on; i++)
        TRY(ij_plan_alias(plan, handed_on[i].of, IJ_F32, handed_on[i].floats, handed_on[i].where));

    if (c->pixel_head) {
        TRY(ij_plan_add(plan, "activations", IJ_F32, predictions * pixels, &m->pixel_prediction));
        TRY(ij_plan_alias(plan, &m->pixel_prediction, IJ_F32, predictions * pixels, &w->d_pixels));
        TRY(ij_plan_add(plan, "activations", IJ_F32, rows * pixels, &m->pixel_targets));
    }

    ij_step_tokens tokens = {full, context, predictor, predictions};
    size_t products = 0;
    for (int n = 0; n < IJ_NETWORKS; n++)
        products = (size_t)most((int64_t)products, (int64_t)ij_net_scratch(&m->gemm, c, (ij_network)n, &tokens));
    if (products)
        TRY(ij_plan_add(plan, "scratch", IJ_U8, (int64_t)products, &m->gemm.scratch));
    return IJ_OK;
}

ij_status ij_model_plan(ij_model *m, ij_device *device, const ij_trainer_config *config, ij_plan *plan)
{
    memset(m, 0, sizeof *m);
    m->device = device;
    m->config = ij_micro_config(config);
    m->batch = config->batch;
    m->patches = ij_model_patches(&config->model);
    TRY(make_kernels(m));
    TRY(ij_net_create(&m->encoder, &config->model, IJ_NETWORK_ENCODER));
    TRY(ij_net_create(&m->target, &config->model, IJ_NETWORK_TARGET));
    TRY(ij_net_create(&m->predictor, &config->model, IJ_NETWORK_PREDICTOR));
    TRY(ij_params_plan(&m->params, device, &m->gemm, &config->model, config->offload == IJ_OFFLOAD_MOMENTS, plan));
    TRY(plan_transposed(m, plan));
    TRY(plan_activations(m, plan));
    if (!ij_is_regularised(config))
        return IJ_OK;
    TRY(ij_regularise_create(&m->regularise, device, config->contexts * config->batch, config->model.dim));
    return ij_regularise_plan(&m->regularise, plan);
}

void ij_model_destroy(ij_model *m)
{
    for (int i = 0; i < IJ_TERMS; i++)
        if (m->partial[i])
            clReleaseMemObject(m->partial[i]);
    if (m->std)
        clReleaseMemObject(m->std);
    ij_params_destroy(&m->params);
    ij_gemm_destroy(&m->gemm);
    ij_attention_destroy(&m->attention);
    ij_attention_destroy(&m->predictor_attention);
    ij_layernorm_destroy(&m->layernorm);
    ij_tokens_destroy(&m->tokens);
    ij_loss_destroy(&m->loss);
    ij_loss_destroy(&m->pixel_loss);
    ij_regularise_destroy(&m->regularise);
    ij_net_destroy(&m->encoder);
    ij_net_destroy(&m->target);
    ij_net_destroy(&m->predictor);
    free(m->encoder_tape.blocks);
    free(m->predictor_tape.blocks);
    memset(m, 0, sizeof *m);
}

/* ---- Start ------------------------------------------------------------------------------------------------------- */

/* A layer of the parameter store from its first tensor on; `target`: the target encoder's copy, without gradients. */
static ij_linear linear_of(const ij_model *m, bool target, const ij_tensor *t)
{
    ij_linear l = {.in = t->columns, .out = t->rows};
    l.weight = target ? t[0].target : t[0].weight;
    l.bias = target ? t[1].target : t[1].weight;
    if (!target) {
        l.weight_t = m->weight_t;
        l.weight_grad = t[0].gradient;
        l.bias_grad = t[1].gradient;
    }
    return l;
}

static ij_norm norm_of(const ij_model *m, bool target, const ij_tensor *t)
{
    ij_norm n = {.dim = t->columns, .eps = m->config.model.norm_eps};
    n.gain = target ? t[0].target : t[0].weight;
    n.bias = target ? t[1].target : t[1].weight;
    if (!target) {
        n.gain_grad = t[0].gradient;
        n.bias_grad = t[1].gradient;
    }
    return n;
}

static void bind(ij_model *m, ij_net *net, ij_network network)
{
    bool target = network == IJ_NETWORK_TARGET;
    for (ij_layer l = {.network = network}; ij_next_layer(&m->config.model, &l);) {
        const ij_tensor *t = &m->params.tensors[ij_params_number(&m->params, &l)];
        if (l.kind == IJ_LAYER_LINEAR)
            *ij_net_linear(net, &l) = linear_of(m, target, t);
        if (l.kind == IJ_LAYER_NORM)
            *ij_net_norm(net, &l) = norm_of(m, target, t);
        if (l.kind == IJ_LAYER_TOKEN) {
            net->mask_token = t->weight;
            net->mask_token_grad = t->gradient;
        }
    }
}

/* The predictor has the same table at its own width. */
static ij_status upload_positions(ij_model *m, const ij_net *net)
{
    const ij_model_config *c = &m->config.model;
    size_t bytes = (size_t)m->patches * (size_t)net->dim * sizeof(float);
    float *table = malloc(bytes);
    if (!table)
        return ij_fail(IJ_ENOMEM, "out of memory for the position tables");
    ij_position_table(table, ij_model_side(c), net->dim, ij_model_position_scale(c));
    cl_int code = clEnqueueWriteBuffer(m->device->compute, net->position, CL_TRUE, 0, bytes, table, 0, NULL, NULL);
    free(table);
    return ij_cl_check(code, "uploading a position table");
}

/* Floats begin .. begin + count of `measured`. */
static ij_status view_measured(ij_model *m, size_t begin, size_t count, cl_mem *view)
{
    cl_buffer_region region = {begin * sizeof(float), count * sizeof(float)};
    cl_int code;
    *view = clCreateSubBuffer(m->measured, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    return ij_cl_check(code, "making a view");
}

/* A head that is not trained yet has no gradient. */
static ij_status clear_heads(ij_model *m)
{
    const cl_float zero = 0;
    for (int i = 0; i < IJ_TERMS; i++) {
        const ij_segment *s = m->params.head[i] < 0 ? NULL : &m->params.segments[m->params.head[i]];
        if (s)
            TRY(ij_cl_check(clEnqueueFillBuffer(m->device->compute, s->gradient, &zero, sizeof zero, 0,
                                                ij_segment_bytes(s), 0, NULL, NULL),
                            "clearing a gradient"));
    }
    return IJ_OK;
}

ij_status ij_model_start(ij_model *m)
{
    const ij_model_config *c = &m->config.model;
    TRY(ij_params_views(&m->params));
    bind(m, &m->encoder, IJ_NETWORK_ENCODER);
    bind(m, &m->target, IJ_NETWORK_TARGET);
    bind(m, &m->predictor, IJ_NETWORK_PREDICTOR);
    for (int i = 0; i < IJ_TERMS; i++)
        TRY(view_measured(m, (size_t)i * IJ_LOSS_PARTIALS, IJ_LOSS_PARTIALS, &m->partial[i]));
    TRY(view_measured(m, (size_t)IJ_TERMS * IJ_LOSS_PARTIALS, (size_t)c->dim, &m->std));
    TRY(clear_heads(m));

    TRY(upload_positions(m, &m->encoder));
    TRY(upload_positions(m, &m->predictor));
    TRY(ij_full_lists_fill(&m->full, m->device));
    return ij_params_initialise(&m->params, c,
                                &(ij_drawing){m->config.seed, m->config.rescale_residual, m->config.init});
}
