#include "engine/encoder_weights.h"

#include "engine/base/try.h"
#include "engine/position.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Memory --------------------------------------------------------------------------------------------------------
 */

static ij_status plan_floats(ij_plan *plan, size_t floats, cl_mem *where)
{
    return ij_plan_add(plan, "weights", floats * sizeof(float), CL_MEM_READ_WRITE, where);
}

/* Kernels read vectors a register tile at a time: room for a whole last one, as in the parameter store. */
static ij_status plan_vector(ij_plan *plan, int n, cl_mem *where)
{
    return plan_floats(plan, ((size_t)n + 1023) / 1024 * 1024, where);
}

static ij_status plan_linear(ij_plan *plan, const ij_gemm *gemm, ij_linear *l, int out, int in)
{
    l->out = out;
    l->in = in;
    TRY(plan_floats(plan, ij_gemm_weight_floats(gemm, out, in), &l->weight));
    return plan_vector(plan, out, &l->bias);
}

static ij_status plan_norm(ij_plan *plan, const ij_model_config *m, ij_norm *n)
{
    n->dim = m->dim;
    n->eps = m->norm_eps;
    TRY(plan_vector(plan, n->dim, &n->gain));
    return plan_vector(plan, n->dim, &n->bias);
}

ij_status ij_encoder_weights_plan(ij_encoder_weights *w, const ij_model_config *m, const ij_gemm *gemm, ij_plan *plan)
{
    TRY(plan_linear(plan, gemm, &w->embed, m->dim, 3 * m->patch * m->patch));
    for (int i = 0; i < m->depth; i++) {
        ij_block *b = &w->blocks[i];
        TRY(plan_norm(plan, m, &b->norm1));
        TRY(plan_linear(plan, gemm, &b->qkv, 3 * m->dim, m->dim));
        TRY(plan_linear(plan, gemm, &b->proj, m->dim, m->dim));
        TRY(plan_norm(plan, m, &b->norm2));
        TRY(plan_linear(plan, gemm, &b->fc1, m->hidden, m->dim));
        TRY(plan_linear(plan, gemm, &b->fc2, m->dim, m->hidden));
    }
    TRY(plan_norm(plan, m, &w->norm));
    return plan_floats(plan, (size_t)ij_model_patches(m) * (size_t)m->dim, &w->position);
}

/* ---- Values --------------------------------------------------------------------------------------------------------
 */

/* What goes on while weights are loaded. */
typedef struct loading {
    const ij_encoder_weights *w;
    const ij_model_config *model;
    const ij_gemm *gemm;
    ij_model_file *file;
    const ij_encoder_options *options;
    const char *network;    /* "encoder." or "target_encoder." */
    int number;             /* of the next tensor, in the official order */
    float *values, *packed; /* room for the largest tensor, as the file and as the device has it */
} loading;

static ij_status upload(const loading *l, cl_mem to, const float *from, size_t floats)
{
    return ij_cl_check(
        clEnqueueWriteBuffer(l->gemm->device->compute, to, CL_TRUE, 0, floats * sizeof *from, from, 0, NULL, NULL),
        "uploading weights");
}

static ij_status read_tensor(loading *l, const char *prefix, const char *name)
{
    char full[128];
    snprintf(full, sizeof full, "%s%s%s", l->network, prefix, name);
    const ij_model_tensor *tensor = ij_model_file_find(l->file, full);
    if (!tensor)
        return ij_fail(IJ_EFORMAT, "%s: has no tensor %s", ij_model_file_path(l->file), full);
    return ij_model_file_read(l->file, tensor, l->values);
}

/* The next tensor's values [rows, columns], of the file or drawn. */
static ij_status next_tensor(loading *l, const char *prefix, const char *name, bool matrix, int rows, int columns)
{
    int number = l->number++;
    if (!l->options->random_start)
        return read_tensor(l, prefix, name);
    char full[128];
    snprintf(full, sizeof full, "encoder.%s%s", prefix, name);
    ij_initial_weights(full, number, rows, columns, matrix, &l->options->start, l->values);
    return IJ_OK;
}

static ij_status load_vector(loading *l, const char *prefix, const char *name, int n, cl_mem to)
{
    TRY(next_tensor(l, prefix, name, false, 1, n));
    return upload(l, to, l->values, (size_t)n);
}

static ij_status load_linear(loading *l, const char *prefix, const char *name, const ij_linear *linear)
{
    char part[32];
    size_t floats = ij_gemm_weight_floats(l->gemm, linear->out, linear->in);
    snprintf(part, sizeof part, "%s.weight", name);
    TRY(next_tensor(l, prefix, part, true, linear->out, linear->in));
    memset(l->packed, 0, floats * sizeof *l->packed);
    ij_gemm_pack_rows(l->gemm, linear->out, linear->in, 0, linear->out, l->values, l->packed);
    TRY(upload(l, linear->weight, l->packed, floats));
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
    const ij_model_config *m = l->model;
    int side = ij_model_side(m), own = ij_model_side(&ij_model_file_describe(l->file)->model);
    size_t floats = (size_t)ij_model_patches(m) * (size_t)m->dim;
    bool interpolate = l->options->positions == IJ_POSITIONS_INTERPOLATED && side != own;
    char name[64];
    snprintf(name, sizeof name, "%spos_embed", l->network);
    bool there = !l->options->random_start && ij_model_file_find(l->file, name);
    if (there)
        TRY(read_tensor(l, "", "pos_embed"));
    else
        ij_position_table(l->values, interpolate ? own : side, m->dim, ij_model_position_scale(m));
    if (interpolate) {
        ij_position_interpolate(l->values, own, l->packed, side, m->dim);
        return upload(l, l->w->position, l->packed, floats);
    }
    if (there && side != own && !ij_position_is_table(l->values, l->packed, own, m->dim, ij_model_position_scale(m)))
        return ij_fail(IJ_EINVAL,
                       "%s: its %d x %d positions are a table of its own, not the sine-cosine one: for images of %d "
                       "pixels they cannot be computed, only interpolated",
                       ij_model_file_path(l->file), own, own, m->crop);
    if (there && side != own)
        ij_position_table(l->values, side, m->dim, ij_model_position_scale(m));
    return upload(l, l->w->position, l->values, floats);
}

static ij_status load_all(loading *l)
{
    const ij_encoder_weights *w = l->w;
    TRY(load_linear(l, "", "patch_embed.proj", &w->embed));
    for (int i = 0; i < l->model->depth; i++) {
        char prefix[32];
        const ij_block *b = &w->blocks[i];
        snprintf(prefix, sizeof prefix, "blocks.%d.", i);
        TRY(load_norm(l, prefix, "norm1", &b->norm1));
        TRY(load_linear(l, prefix, "attn.qkv", &b->qkv));
        TRY(load_linear(l, prefix, "attn.proj", &b->proj));
        TRY(load_norm(l, prefix, "norm2", &b->norm2));
        TRY(load_linear(l, prefix, "mlp.fc1", &b->fc1));
        TRY(load_linear(l, prefix, "mlp.fc2", &b->fc2));
    }
    TRY(load_norm(l, "", "norm", &w->norm));
    return load_positions(l);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Floats of the largest tensor, in the file's order or the device's; of both position tables too. */
static size_t most_floats(const ij_encoder_weights *w, const ij_model_config *model, const ij_model_config *own,
                          const ij_gemm *gemm)
{
    const ij_linear *linears[] = {&w->embed, &w->blocks[0].qkv, &w->blocks[0].fc1, &w->blocks[0].fc2};
    size_t most = (size_t)larger((size_t)ij_model_patches(model), (size_t)ij_model_patches(own)) * (size_t)model->dim;
    for (size_t i = 0; i < sizeof linears / sizeof *linears; i++)
        most = larger(most, ij_gemm_weight_floats(gemm, linears[i]->out, linears[i]->in));
    return most;
}

ij_status ij_encoder_weights_load(const ij_encoder_weights *w, const ij_model_config *model, const ij_gemm *gemm,
                                  ij_model_file *file, const ij_encoder_options *options)
{
    const ij_model_file_info *info = ij_model_file_describe(file);
    bool context = options->which == IJ_ENCODER_CONTEXT ? info->encoder : !info->target_encoder;
    size_t most = most_floats(w, model, &info->model, gemm);
    loading l = {.w = w,
                 .model = model,
                 .gemm = gemm,
                 .file = file,
                 .options = options,
                 .network = context ? "encoder." : "target_encoder.",
                 .values = malloc(most * sizeof(float)),
                 .packed = malloc(most * sizeof(float))};
    ij_status status = l.values && l.packed ? load_all(&l) : ij_fail(IJ_ENOMEM, "no host memory for a tensor");
    free(l.values);
    free(l.packed);
    return status;
}
