#include "engine/encoder.h"

#include "engine/base/try.h"
#include "engine/encoder_weights.h"
#include "engine/full_lists.h"

#include <stdlib.h>
#include <string.h>

/* Where the batch is chosen: beyond so many tokens no device gets faster, and no one waits for more images. */
enum { MOST_TOKENS = 16384, MOST_IMAGES = 256, MOST_CROP = 16384 };

struct ij_encoder {
    ij_device *device;
    ij_model_config model;
    ij_encoder_options options; /* batch and layers as they are used */
    ij_plan *plan;

    ij_gemm gemm;
    ij_attention attention;
    ij_layernorm layernorm;
    ij_tokens tokens;

    ij_net net;
    bool own; /* `net` is its own; else another's */
    ij_full_lists full;
    cl_mem pixels;      /* of a batch */
    cl_mem x, features; /* [batch N, D]; [batch, rows, D] where tokens are pooled */
    ij_scratch scratch;
    ij_block_memory memory; /* shared by all blocks */
    cl_mem patches;         /* [batch N, 3 P P] before the blocks; in scratch */
    cl_mem normed;          /* [batch N, D] a layer's result through the last norm; in scratch */
};

/* ---- Memory --------------------------------------------------------------------------------------------------------
 */

/* Cells a side of the grid of means; 0: tokens stay as they are. */
static int pooled_cells(const ij_encoder *e)
{
    return e->options.pool == IJ_POOL_MEAN ? 1 : e->options.pool == IJ_POOL_2X2 ? 2 : 0;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t widest(const ij_model_config *m)
{
    return larger(larger(3 * (int64_t)m->dim, m->hidden), 3 * (int64_t)m->patch * m->patch);
}

static ij_status plan_activations(ij_encoder *e)
{
    const ij_model_config *m = &e->model;
    int batch = e->options.batch, cells = pooled_cells(e);
    int64_t tokens = (int64_t)ij_model_patches(m) * batch, D = m->dim;
    TRY(ij_plan_add(e->plan, "activations", IJ_F32, tokens * D, &e->x));
    TRY(ij_scratch_plan(e->plan, &e->scratch));
    TRY(ij_infer_plan(e->plan, &e->scratch, &e->x, tokens, m->dim, m->hidden, m->heads, &e->memory));
    TRY(ij_plan_alias(e->plan, &e->scratch.wide, IJ_F32, tokens * 3 * m->patch * m->patch, &e->patches));
    TRY(ij_plan_alias(e->plan, &e->scratch.norm, IJ_F32, tokens * D, &e->normed));
    if (cells)
        TRY(ij_plan_add(e->plan, "activations", IJ_F32, batch * cells * cells * D, &e->features));
    TRY(ij_full_lists_plan(&e->full, batch, ij_model_patches(m), e->plan));
    size_t products = ij_net_scratch(&e->gemm, m, IJ_NETWORK_TARGET, &(ij_step_tokens){.full = tokens});
    if (products)
        TRY(ij_plan_add(e->plan, "scratch", IJ_U8, (int64_t)products, &e->gemm.scratch));
    int64_t pixels = (int64_t)batch * m->crop * m->crop * 3;
    return ij_plan_add_as(e->plan, "batches", IJ_U8, pixels, CL_MEM_READ_ONLY, &e->pixels);
}

/* A plan for batches of this size, in place of one for another. */
static ij_status plan_batch(ij_encoder *e, int batch)
{
    e->options.batch = batch;
    ij_plan_destroy(e->plan);
    e->plan = NULL;
    TRY(ij_plan_create(&e->plan));
    if (e->own)
        TRY(ij_encoder_weights_plan(&e->net, &e->model, &e->gemm, e->plan));
    return plan_activations(e);
}

static ij_status plan_chosen_batch(ij_encoder *e)
{
    int batch = MOST_IMAGES;
    while (batch > 1 && batch * (int64_t)ij_model_patches(&e->model) > MOST_TOKENS)
        batch /= 2;
    TRY(plan_batch(e, batch));
    while (batch > 1 && !ij_plan_fits(e->plan, e->device, 0.75)) {
        batch /= 2;
        TRY(plan_batch(e, batch));
    }
    return IJ_OK;
}

/* ---- Creation ------------------------------------------------------------------------------------------------------
 */

static ij_status upload(ij_encoder *e, cl_mem to, const void *from, size_t bytes)
{
    return ij_cl_check(clEnqueueWriteBuffer(e->device->compute, to, CL_TRUE, 0, bytes, from, 0, NULL, NULL),
                       "uploading a batch");
}

static ij_status check(const ij_encoder *e)
{
    ij_model_config m = e->model;
    const ij_encoder_options *o = &e->options;
    if (m.crop < 1 || m.crop > MOST_CROP)
        return ij_fail(IJ_EINVAL, "images of %d pixels were asked for; possible are 1 to %d", m.crop, MOST_CROP);
    m.pred_dim = m.dim; /* there is no predictor whose shape could be wrong */
    m.pred_depth = 1;
    TRY(ij_model_config_check(&m));
    if (o->layers < 1 || o->layers > m.depth)
        return ij_fail(IJ_EINVAL, "the last %d layers were asked for; the encoder has %d", o->layers, m.depth);
    if (o->batch < 0 || (double)o->batch * ij_model_patches(&m) * (double)widest(&m) > 2e9 * 4)
        return ij_fail(IJ_EINVAL, "a batch of %d images is more than this program can number, or none", o->batch);
    return IJ_OK;
}

/* All but the values of weights of its own. `like`: whose kind of products; NULL: what suits the device. */
static ij_status create(ij_encoder *e, const ij_gemm *like)
{
    const ij_model_config *m = &e->model;
    TRY(ij_gemm_create(&e->gemm, e->device, like ? like->backend : IJ_GEMM_AUTO));
    TRY(ij_attention_create(&e->attention, e->device, m->heads, m->dim / m->heads));
    TRY(ij_layernorm_create(&e->layernorm, e->device));
    TRY(ij_tokens_create(&e->tokens, e->device));
    TRY(e->options.batch ? plan_batch(e, e->options.batch) : plan_chosen_batch(e));
    TRY(ij_plan_commit(e->plan, e->device));
    return ij_full_lists_fill(&e->full, e->device);
}

static ij_status create_loaded(ij_encoder *e, ij_model_file *file)
{
    TRY(check(e));
    e->own = true;
    TRY(ij_net_create(&e->net, &e->model, IJ_NETWORK_TARGET));
    TRY(create(e, NULL));
    return ij_encoder_weights_load(&e->net, &e->model, &e->gemm, file, &e->options);
}

static ij_status create_over(ij_encoder *e, const ij_net *weights, const ij_gemm *gemm)
{
    TRY(check(e));
    e->net = *weights;
    return create(e, gemm);
}

static ij_status allocate(ij_encoder **encoder, ij_device *device, const ij_model_config *model,
                          const ij_encoder_options *options)
{
    ij_encoder *e = *encoder = calloc(1, sizeof *e);
    if (!e)
        return ij_fail(IJ_ENOMEM, "out of memory for an encoder");
    e->device = device;
    e->model = *model;
    e->options = *options;
    if (!options->layers)
        e->options.layers = 1;
    return IJ_OK;
}

/* What was made, or nothing where making it failed. */
static ij_status made(ij_encoder **encoder, ij_status status)
{
    if (status) {
        ij_encoder_destroy(*encoder);
        *encoder = NULL;
    }
    return status;
}

ij_status ij_encoder_create(ij_encoder **encoder, ij_device *device, ij_model_file *file,
                            const ij_encoder_options *options)
{
    TRY(allocate(encoder, device, &ij_model_file_describe(file)->model, options));
    if (options->crop)
        (*encoder)->model.crop = options->crop;
    return made(encoder, create_loaded(*encoder, file));
}

ij_status ij_encoder_create_over(ij_encoder **encoder, ij_device *device, const ij_model_config *model,
                                 const ij_net *weights, const ij_gemm *gemm, const ij_encoder_options *options)
{
    TRY(allocate(encoder, device, model, options));
    return made(encoder, create_over(*encoder, weights, gemm));
}

void ij_encoder_destroy(ij_encoder *e)
{
    if (!e)
        return;
    clFinish(e->device->compute);
    ij_gemm_destroy(&e->gemm);
    ij_attention_destroy(&e->attention);
    ij_layernorm_destroy(&e->layernorm);
    ij_tokens_destroy(&e->tokens);
    ij_plan_destroy(e->plan);
    if (e->own)
        ij_net_destroy(&e->net);
    free(e);
}

const ij_model_config *ij_encoder_model(const ij_encoder *e)
{
    return &e->model;
}

uint64_t ij_encoder_device_bytes(const ij_encoder *e)
{
    return ij_plan_bytes(e->plan);
}

int ij_encoder_batch(const ij_encoder *e)
{
    return e->options.batch;
}

int ij_encoder_rows(const ij_encoder *e)
{
    int cells = pooled_cells(e);
    return cells ? cells * cells : ij_model_patches(&e->model);
}

int ij_encoder_layers(const ij_encoder *e)
{
    return e->options.layers;
}

int64_t ij_encoder_floats(const ij_encoder *e)
{
    return (int64_t)ij_encoder_rows(e) * e->options.layers * e->model.dim;
}

/* ---- Inference -----------------------------------------------------------------------------------------------------
 */

/* What the residual stream holds, normalised and pooled, becomes layer `layer` of features [images, rows, layers, D].
 * Does not wait. */
static ij_status read_layer(ij_encoder *e, int images, int layer, float *features)
{
    const ij_model_config *m = &e->model;
    int cells = pooled_cells(e);
    cl_mem rows = cells ? e->features : e->normed;
    TRY(ij_layernorm_forward(&e->layernorm, &e->net.norm, e->x, NULL, e->normed, images * ij_model_patches(m)));
    if (cells)
        TRY(ij_mean_pool(&e->tokens, e->normed, e->features, 0, images, ij_model_side(m), cells, m->dim));
    size_t width = (size_t)m->dim * sizeof(float), nowhere[3] = {0, 0, 0};
    size_t column[3] = {(size_t)layer * width, 0, 0};
    size_t region[3] = {width, (size_t)images * (size_t)ij_encoder_rows(e), 1};
    return ij_cl_check(clEnqueueReadBufferRect(e->device->compute, rows, CL_FALSE, nowhere, column, region, width, 0,
                                               width * (size_t)e->options.layers, 0, features, 0, NULL, NULL),
                       "reading features");
}

static ij_status check_images(const ij_encoder *e, int images)
{
    if (images >= 1 && images <= e->options.batch)
        return IJ_OK;
    return ij_fail(IJ_EINVAL, "features of %d images were asked for; a batch holds %d", images, e->options.batch);
}

/* What the first block reads, into x. */
static ij_status embed(ij_encoder *e, const uint8_t *pixels, int images)
{
    const ij_model_config *m = &e->model;
    int tokens = images * ij_model_patches(m);
    TRY(upload(e, e->pixels, pixels, (size_t)images * (size_t)m->crop * (size_t)m->crop * 3));
    TRY(ij_patchify(&e->tokens, e->pixels, 0, e->full.image, e->full.patch, e->patches, tokens, m->crop, m->patch));
    return ij_gemm_forward(&e->gemm, &e->net.embed, e->patches, e->x, tokens,
                           &(ij_tail){.add = e->net.position, .rows = e->full.patch});
}

static ij_status run(ij_encoder *e, const uint8_t *pixels, int images, float *features)
{
    const ij_model_config *m = &e->model;
    int first = m->depth - e->options.layers;
    ij_stack_ops ops = {&e->gemm, &e->attention, &e->layernorm, &e->tokens, false};
    ij_sequences s = {e->full.offset, images, images * ij_model_patches(m)};
    TRY(embed(e, pixels, images));
    for (int i = 0; i < m->depth; i++) {
        TRY(ij_block_infer(&ops, &e->net.blocks[i], s, &e->memory, &e->scratch));
        if (i >= first)
            TRY(read_layer(e, images, i - first, features));
    }
    return IJ_OK;
}

ij_status ij_encoder_run(ij_encoder *e, const uint8_t *pixels, int images, float *features)
{
    TRY(check_images(e, images));
    ij_status status = run(e, pixels, images, features);
    cl_int code = ij_pace_finish(e->device); /* also after a failure: reads into the caller's memory are under way */
    return status ? status : ij_cl_check(code, "computing features");
}

ij_status ij_encoder_last_qkv(ij_encoder *e, const uint8_t *pixels, int images, float *qkv)
{
    const ij_block *last = &e->net.blocks[e->model.depth - 1];
    ij_stack_ops ops = {&e->gemm, &e->attention, &e->layernorm, &e->tokens, false};
    ij_sequences s = {e->full.offset, images, images * ij_model_patches(&e->model)};
    TRY(check_images(e, images));
    TRY(embed(e, pixels, images));
    for (const ij_block *b = e->net.blocks; b < last; b++)
        TRY(ij_block_infer(&ops, b, s, &e->memory, &e->scratch));
    TRY(ij_block_queries(&ops, last, s, &e->memory, &e->scratch));
    size_t bytes = (size_t)s.tokens * 3 * (size_t)e->model.dim * sizeof *qkv;
    return ij_cl_check(clEnqueueReadBuffer(e->device->compute, e->memory.qkv, CL_TRUE, 0, bytes, qkv, 0, NULL, NULL),
                       "reading queries, keys and values");
}
