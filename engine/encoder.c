#include "engine/encoder.h"

#include "engine/base/try.h"
#include "engine/memory.h"
#include "engine/position.h"
#include "engine/transformer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct ij_encoder {
    ij_device *device;
    ij_model_config model;
    int batch;
    ij_plan *plan;

    ij_gemm gemm;
    ij_attention attention;
    ij_layernorm layernorm;
    ij_tokens tokens;

    ij_linear embed;
    ij_block *blocks;
    ij_norm norm;
    cl_mem position; /* [N, D] */

    cl_mem pixels, image, patch, offset; /* of a batch; lists: see ij_patchify, ij_sequences */
    cl_mem x, features;                  /* [batch N, D]; [batch, D] */
    ij_scratch scratch;
    ij_block_memory memory;
};

/* ---- Memory --------------------------------------------------------------------------------------------------------
 */

static ij_status plan_floats(ij_encoder *e, const char *group, int64_t floats, cl_mem *where)
{
    return ij_plan_add(e->plan, group, (uint64_t)floats * sizeof(float), CL_MEM_READ_WRITE, where);
}

static ij_status plan_linear(ij_encoder *e, ij_linear *l, int out, int in)
{
    l->out = out;
    l->in = in;
    TRY(plan_floats(e, "weights", (int64_t)ij_gemm_weight_floats(&e->gemm, out, in), &l->weight));
    /* Kernels read biases a register tile at a time: room for a whole last one, as in the parameter store. */
    return plan_floats(e, "weights", (out + 1023) / 1024 * 1024, &l->bias);
}

static ij_status plan_norm(ij_encoder *e, ij_norm *n)
{
    n->dim = e->model.dim;
    n->eps = e->model.norm_eps;
    TRY(plan_floats(e, "weights", (n->dim + 1023) / 1024 * 1024, &n->gain));
    return plan_floats(e, "weights", (n->dim + 1023) / 1024 * 1024, &n->bias);
}

static ij_status plan_weights(ij_encoder *e)
{
    const ij_model_config *m = &e->model;
    e->blocks = calloc((size_t)m->depth, sizeof *e->blocks);
    if (!e->blocks)
        return ij_fail(IJ_ENOMEM, "out of memory for the list of blocks");
    TRY(plan_linear(e, &e->embed, m->dim, 3 * m->patch * m->patch));
    for (int i = 0; i < m->depth; i++) {
        ij_block *b = &e->blocks[i];
        TRY(plan_norm(e, &b->norm1));
        TRY(plan_linear(e, &b->qkv, 3 * m->dim, m->dim));
        TRY(plan_linear(e, &b->proj, m->dim, m->dim));
        TRY(plan_norm(e, &b->norm2));
        TRY(plan_linear(e, &b->fc1, m->hidden, m->dim));
        TRY(plan_linear(e, &b->fc2, m->dim, m->hidden));
    }
    return plan_norm(e, &e->norm);
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static ij_status plan_activations(ij_encoder *e)
{
    const ij_model_config *m = &e->model;
    int64_t patches = ij_model_patches(m), tokens = patches * e->batch, D = m->dim;
    int64_t wide = tokens * larger(larger(3 * D, m->hidden), 3 * m->patch * m->patch);
    TRY(plan_floats(e, "activations", tokens * D, &e->x));
    TRY(plan_floats(e, "activations", tokens * D, &e->scratch.norm));
    TRY(plan_floats(e, "activations", tokens * D, &e->scratch.other));
    TRY(plan_floats(e, "activations", wide, &e->scratch.wide));
    TRY(plan_floats(e, "activations", tokens * 2 * m->heads, &e->memory.stat));
    TRY(plan_floats(e, "activations", e->batch * D, &e->features));
    TRY(plan_floats(e, "tables", patches * D, &e->position));
    TRY(plan_floats(e, "tables", tokens, &e->image));
    TRY(plan_floats(e, "tables", tokens, &e->patch));
    TRY(plan_floats(e, "tables", e->batch + 1, &e->offset));
    const ij_linear *linears[] = {&e->embed, &e->blocks[0].qkv, &e->blocks[0].proj, &e->blocks[0].fc1,
                                  &e->blocks[0].fc2};
    size_t products = 0;
    for (size_t i = 0; i < sizeof linears / sizeof *linears; i++) {
        size_t need = ij_gemm_scratch(&e->gemm, (int)tokens, linears[i]->out, linears[i]->in);
        products = need > products ? need : products;
    }
    if (products)
        TRY(ij_plan_add(e->plan, "scratch", products, CL_MEM_READ_WRITE, &e->gemm.scratch));
    uint64_t pixels = (uint64_t)e->batch * (uint64_t)m->crop * (uint64_t)m->crop * 3;
    return ij_plan_add(e->plan, "batches", pixels, CL_MEM_READ_ONLY, &e->pixels);
}

/* ---- Weights -------------------------------------------------------------------------------------------------------
 */

static ij_status upload(ij_encoder *e, cl_mem to, const void *from, size_t bytes)
{
    return ij_cl_check(clEnqueueWriteBuffer(e->device->compute, to, CL_TRUE, 0, bytes, from, 0, NULL, NULL),
                       "uploading weights");
}

/* What goes on while weights are loaded. */
typedef struct loading {
    ij_encoder *e;
    ij_model_file *file;
    const char *network;    /* "encoder." or "target_encoder." */
    float *values, *packed; /* room for the largest tensor, as the file and as the device has it */
} loading;

static ij_status read_tensor(loading *l, const char *prefix, const char *name)
{
    char full[128];
    snprintf(full, sizeof full, "%s%s%s", l->network, prefix, name);
    const ij_model_tensor *tensor = ij_model_file_find(l->file, full);
    if (!tensor)
        return ij_fail(IJ_EFORMAT, "%s: has no tensor %s", ij_model_file_path(l->file), full);
    return ij_model_file_read(l->file, tensor, l->values);
}

static ij_status load_vector(loading *l, const char *prefix, const char *name, int n, cl_mem to)
{
    TRY(read_tensor(l, prefix, name));
    return upload(l->e, to, l->values, (size_t)n * sizeof(float));
}

static ij_status load_linear(loading *l, const char *prefix, const char *name, const ij_linear *linear)
{
    char part[32];
    const ij_gemm *gemm = &l->e->gemm;
    size_t floats = ij_gemm_weight_floats(gemm, linear->out, linear->in);
    snprintf(part, sizeof part, "%s.weight", name);
    TRY(read_tensor(l, prefix, part));
    memset(l->packed, 0, floats * sizeof *l->packed);
    ij_gemm_pack_rows(gemm, linear->out, linear->in, 0, linear->out, l->values, l->packed);
    TRY(upload(l->e, linear->weight, l->packed, floats * sizeof *l->packed));
    snprintf(part, sizeof part, "%s.bias", name);
    return load_vector(l, prefix, part, linear->out, linear->bias);
}

static ij_status load_norm(loading *l, const char *prefix, const char *name, const ij_norm *norm)
{
    char part[32];
    snprintf(part, sizeof part, "%s.weight", name);
    TRY(load_vector(l, prefix, part, norm->dim, norm->gain));
    snprintf(part, sizeof part, "%s.bias", name);
    return load_vector(l, prefix, part, norm->dim, norm->bias);
}

/* The file's own table where it has one: other people's need not be sine-cosine. */
static ij_status load_positions(loading *l)
{
    ij_encoder *e = l->e;
    char name[64];
    snprintf(name, sizeof name, "%spos_embed", l->network);
    if (ij_model_file_find(l->file, name))
        TRY(read_tensor(l, "", "pos_embed"));
    else
        ij_position_table(l->values, ij_model_side(&e->model), e->model.dim);
    return upload(e, e->position, l->values,
                  (size_t)ij_model_patches(&e->model) * (size_t)e->model.dim * sizeof(float));
}

static ij_status load_all(loading *l)
{
    ij_encoder *e = l->e;
    TRY(load_linear(l, "", "patch_embed.proj", &e->embed));
    for (int i = 0; i < e->model.depth; i++) {
        char prefix[32];
        const ij_block *b = &e->blocks[i];
        snprintf(prefix, sizeof prefix, "blocks.%d.", i);
        TRY(load_norm(l, prefix, "norm1", &b->norm1));
        TRY(load_linear(l, prefix, "attn.qkv", &b->qkv));
        TRY(load_linear(l, prefix, "attn.proj", &b->proj));
        TRY(load_norm(l, prefix, "norm2", &b->norm2));
        TRY(load_linear(l, prefix, "mlp.fc1", &b->fc1));
        TRY(load_linear(l, prefix, "mlp.fc2", &b->fc2));
    }
    TRY(load_norm(l, "", "norm", &e->norm));
    return load_positions(l);
}

static ij_status load(ij_encoder *e, ij_model_file *file, ij_encoder_which which)
{
    const ij_model_file_info *info = ij_model_file_describe(file);
    bool context = which == IJ_ENCODER_CONTEXT ? info->encoder : !info->target_encoder;
    const ij_model_config *m = &e->model;
    int64_t most = (int64_t)ij_model_patches(m) * m->dim;
    const ij_linear *linears[] = {&e->embed, &e->blocks[0].qkv, &e->blocks[0].fc1, &e->blocks[0].fc2};
    for (size_t i = 0; i < sizeof linears / sizeof *linears; i++)
        most = larger(most, (int64_t)ij_gemm_weight_floats(&e->gemm, linears[i]->out, linears[i]->in));
    loading l = {e, file, context ? "encoder." : "target_encoder.", malloc((size_t)most * sizeof(float)),
                 malloc((size_t)most * sizeof(float))};
    ij_status status = l.values && l.packed ? load_all(&l) : ij_fail(IJ_ENOMEM, "no host memory for a tensor");
    free(l.values);
    free(l.packed);
    return status;
}

/* The lists of a whole batch, all patches of all images: image, patch, and where sequences begin. */
static ij_status upload_lists(ij_encoder *e)
{
    int patches = ij_model_patches(&e->model), tokens = e->batch * patches;
    int32_t *lists = malloc(((size_t)tokens * 2 + (size_t)e->batch + 1) * sizeof *lists);
    if (!lists)
        return ij_fail(IJ_ENOMEM, "out of memory for a batch's lists");
    int32_t *image = lists, *patch = lists + tokens, *offset = lists + 2 * tokens;
    for (int i = 0; i < tokens; i++) {
        image[i] = i / patches;
        patch[i] = i % patches;
    }
    for (int i = 0; i <= e->batch; i++)
        offset[i] = i * patches;
    ij_status status = upload(e, e->image, image, (size_t)tokens * sizeof *image);
    if (!status)
        status = upload(e, e->patch, patch, (size_t)tokens * sizeof *patch);
    if (!status)
        status = upload(e, e->offset, offset, ((size_t)e->batch + 1) * sizeof *offset);
    free(lists);
    return status;
}

/* ---- Creation ------------------------------------------------------------------------------------------------------
 */

static ij_status check(const ij_encoder *e)
{
    ij_model_config m = e->model;
    m.pred_dim = m.dim; /* there is no predictor whose shape could be wrong */
    m.pred_depth = 1;
    TRY(ij_model_config_check(&m));
    double widest = (double)larger(larger(3 * m.dim, m.hidden), 3 * m.patch * m.patch);
    if (e->batch < 1 || (double)e->batch * ij_model_patches(&m) * widest > 2e9 * 4)
        return ij_fail(IJ_EINVAL, "a batch of %d images is more than this program can number, or none", e->batch);
    return IJ_OK;
}

static ij_status create(ij_encoder *e, ij_model_file *file, ij_encoder_which which)
{
    const ij_model_config *m = &e->model;
    TRY(check(e));
    TRY(ij_gemm_create(&e->gemm, e->device, false));
    ij_gemm_mix(&e->gemm);
    TRY(ij_attention_create(&e->attention, e->device, m->heads, m->dim / m->heads));
    TRY(ij_layernorm_create(&e->layernorm, e->device));
    TRY(ij_tokens_create(&e->tokens, e->device));
    TRY(ij_plan_create(&e->plan));
    TRY(plan_weights(e));
    TRY(plan_activations(e));
    TRY(ij_plan_commit(e->plan, e->device));
    /* Nothing is kept for a backward pass: each buffer is free again when the next but one operation needs it. */
    e->memory.input = e->x;
    e->memory.qkv = e->scratch.wide;
    e->memory.attn = e->scratch.norm;
    e->memory.middle = e->scratch.other;
    TRY(upload_lists(e));
    return load(e, file, which);
}

ij_status ij_encoder_create(ij_encoder **encoder, ij_device *device, ij_model_file *file, ij_encoder_which which,
                            int batch)
{
    *encoder = NULL;
    ij_encoder *e = calloc(1, sizeof *e);
    if (!e)
        return ij_fail(IJ_ENOMEM, "out of memory for an encoder");
    e->device = device;
    e->model = ij_model_file_describe(file)->model;
    e->batch = batch;
    ij_status status = create(e, file, which);
    if (status) {
        ij_encoder_destroy(e);
        return status;
    }
    *encoder = e;
    return IJ_OK;
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
    free(e->blocks);
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

/* ---- Inference -----------------------------------------------------------------------------------------------------
 */

/* Their tokens end in scratch.norm. */
static ij_status run(ij_encoder *e, const uint8_t *pixels, int images)
{
    const ij_model_config *m = &e->model;
    int tokens = images * ij_model_patches(m);
    if (images < 1 || images > e->batch)
        return ij_fail(IJ_EINVAL, "features of %d images were asked for; a batch holds %d", images, e->batch);
    ij_stack_ops ops = {&e->gemm, &e->attention, &e->layernorm, &e->tokens};
    ij_sequences s = {e->offset, images, tokens};
    TRY(upload(e, e->pixels, pixels, (size_t)images * (size_t)m->crop * (size_t)m->crop * 3));
    TRY(ij_patchify(&e->tokens, e->pixels, e->image, e->patch, e->scratch.wide, tokens, m->crop, m->patch));
    TRY(ij_gemm_forward(&e->gemm, &e->embed, e->scratch.wide, e->x, tokens,
                        &(ij_tail){.add = e->position, .rows = e->patch}));
    for (int i = 0; i < m->depth; i++)
        TRY(ij_block_infer(&ops, &e->blocks[i], s, &e->memory, &e->scratch));
    return ij_layernorm_forward(&e->layernorm, &e->norm, e->x, NULL, e->scratch.norm, tokens);
}

static ij_status download(ij_encoder *e, cl_mem from, int64_t rows, float *values)
{
    size_t bytes = (size_t)rows * (size_t)e->model.dim * sizeof *values;
    return ij_cl_check(clEnqueueReadBuffer(e->device->compute, from, CL_TRUE, 0, bytes, values, 0, NULL, NULL),
                       "reading features");
}

ij_status ij_encoder_tokens(ij_encoder *e, const uint8_t *pixels, int images, float *tokens)
{
    TRY(run(e, pixels, images));
    return download(e, e->scratch.norm, (int64_t)images * ij_model_patches(&e->model), tokens);
}

ij_status ij_encoder_features(ij_encoder *e, const uint8_t *pixels, int images, float *features)
{
    TRY(run(e, pixels, images));
    TRY(ij_mean_pool(&e->tokens, e->scratch.norm, e->features, images, ij_model_patches(&e->model), e->model.dim));
    return download(e, e->features, images, features);
}
