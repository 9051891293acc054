#include "engine/encoder_weights.h"

#include "engine/base/try.h"
#include "engine/position.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Memory --------------------------------------------------------------------------------------------------------
 */

/* Kernels read vectors a register tile at a time: room for a whole last one, as in the parameter store. */
static ij_status plan_vector(ij_plan *plan, int n, cl_mem *where)
{
    return ij_plan_add(plan, "weights", IJ_F32, ((int64_t)n + 1023) / 1024 * 1024, where);
}

static ij_status plan_linear(ij_plan *plan, const ij_gemm *gemm, ij_linear *l, int out, int in)
{
    l->out = out;
    l->in = in;
    TRY(ij_plan_add(plan, "weights", IJ_F32, (int64_t)ij_gemm_weight_floats(gemm, out, in), &l->weight));
    return plan_vector(plan, out, &l->bias);
}

static ij_status plan_norm(ij_plan *plan, const ij_model_config *m, ij_norm *n)
{
    n->dim = m->dim;
    n->eps = m->norm_eps;
    TRY(plan_vector(plan, n->dim, &n->gain));
    return plan_vector(plan, n->dim, &n->bias);
}

ij_status ij_encoder_weights_plan(ij_net *net, const ij_model_config *m, const ij_gemm *gemm, ij_plan *plan)
{
    for (ij_layer l = {.network = IJ_NETWORK_TARGET}; ij_next_layer(m, &l);) {
        if (l.kind == IJ_LAYER_LINEAR)
            TRY(plan_linear(plan, gemm, ij_net_linear(net, &l), l.out, l.in));
        if (l.kind == IJ_LAYER_NORM)
            TRY(plan_norm(plan, m, ij_net_norm(net, &l)));
        if (l.kind == IJ_LAYER_TABLE)
            TRY(ij_plan_add(plan, "weights", IJ_F32, (int64_t)l.out * l.in, &net->position));
    }
    return IJ_OK;
}

/* ---- Values --------------------------------------------------------------------------------------------------------
 */

/* What goes on while weights are loaded. */
typedef struct loading {
    ij_net *net;
    const ij_model_config *model;
    const ij_gemm *gemm;
    ij_model_file *file;
    const ij_encoder_options *options;
    ij_network network;     /* of the file */
    float *values, *packed; /* room for the largest tensor, as the file and as the device has it */
} loading;

static ij_status upload(const loading *l, cl_mem to, const float *from, size_t floats)
{
    return ij_cl_check(
        clEnqueueWriteBuffer(l->gemm->device->compute, to, CL_TRUE, 0, floats * sizeof *from, from, 0, NULL, NULL),
        "uploading weights");
}

/* The file's tensor `which` of a layer; NULL where it has none. */
static const ij_model_tensor *find(const loading *l, const ij_layer *layer, int which, char name[96])
{
    snprintf(name, 96, "%s.%s", ij_network_name(l->network), ij_layer_tensor_at(layer, which).name);
    return ij_model_file_find(l->file, name);
}

/* A tensor's values, of the file or drawn. */
static ij_status make_tensor(loading *l, const ij_layer *layer, int which)
{
    char name[96];
    if (l->options->random_start) {
        ij_initial_weights(layer, which, layer->number + which, &l->options->start, l->values);
        return IJ_OK;
    }
    const ij_model_tensor *tensor = find(l, layer, which, name);
    if (!tensor)
        return ij_fail(IJ_EFORMAT, "%s: has no tensor %s", ij_model_file_path(l->file), name);
    return ij_model_file_read(l->file, tensor, l->values);
}

static ij_status load_vector(loading *l, const ij_layer *layer, int which, cl_mem to)
{
    TRY(make_tensor(l, layer, which));
    return upload(l, to, l->values, (size_t)layer->out);
}

static ij_status load_linear(loading *l, const ij_layer *layer, const ij_linear *linear)
{
    size_t floats = ij_gemm_weight_floats(l->gemm, linear->out, linear->in);
    TRY(make_tensor(l, layer, 0));
    memset(l->packed, 0, floats * sizeof *l->packed);
    ij_gemm_pack_rows(l->gemm, linear->out, linear->in, 0, linear->out, l->values, l->packed);
    TRY(upload(l, linear->weight, l->packed, floats));
    return load_vector(l, layer, 1, linear->bias);
}

static ij_status load_norm(loading *l, const ij_layer *layer, const ij_norm *norm)
{
    TRY(load_vector(l, layer, 0, norm->gain));
    return load_vector(l, layer, 1, norm->bias);
}

/* The file's own table where it has one: other people's need not be sine-cosine. */
static ij_status load_positions(loading *l, const ij_layer *layer)
{
    const ij_model_config *m = l->model;
    int side = ij_model_side(m), own = ij_model_side(&ij_model_file_describe(l->file)->model);
    size_t floats = (size_t)ij_model_patches(m) * (size_t)m->dim;
    bool interpolate = l->options->positions == IJ_POSITIONS_INTERPOLATED && side != own;
    char name[96];
    bool there = !l->options->random_start && find(l, layer, 0, name);
    if (there)
        TRY(make_tensor(l, layer, 0));
    else
        ij_position_table(l->values, interpolate ? own : side, m->dim, ij_model_position_scale(m));
    if (interpolate) {
        ij_position_interpolate(l->values, own, l->packed, side, m->dim);
        return upload(l, l->net->position, l->packed, floats);
    }
    if (there && side != own && !ij_position_is_table(l->values, l->packed, own, m->dim, ij_model_position_scale(m)))
        return ij_fail(IJ_EINVAL,
                       "%s: its %d x %d positions are a table of its own, not the sine-cosine one: for images of %d "
                       "pixels they cannot be computed, only interpolated",
                       ij_model_file_path(l->file), own, own, m->crop);
    if (there && side != own)
        ij_position_table(l->values, side, m->dim, ij_model_position_scale(m));
    return upload(l, l->net->position, l->values, floats);
}

static ij_status load_all(loading *l)
{
    for (ij_layer layer = {.network = IJ_NETWORK_TARGET}; ij_next_layer(l->model, &layer);) {
        if (layer.kind == IJ_LAYER_LINEAR)
            TRY(load_linear(l, &layer, ij_net_linear(l->net, &layer)));
        if (layer.kind == IJ_LAYER_NORM)
            TRY(load_norm(l, &layer, ij_net_norm(l->net, &layer)));
        if (layer.kind == IJ_LAYER_TABLE)
            TRY(load_positions(l, &layer));
    }
    return IJ_OK;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Floats of the largest tensor, in the file's order or the device's; of both position tables too. */
static size_t most_floats(const ij_model_config *model, const ij_model_config *own, const ij_gemm *gemm)
{
    size_t most = (size_t)ij_model_patches(own) * (size_t)own->dim;
    for (ij_layer l = {.network = IJ_NETWORK_TARGET}; ij_next_layer(model, &l);)
        most = larger(most, l.kind == IJ_LAYER_LINEAR ? ij_gemm_weight_floats(gemm, l.out, l.in)
                                                      : (size_t)l.out * (size_t)l.in);
    return most;
}

ij_status ij_encoder_weights_load(ij_net *net, const ij_model_config *model, const ij_gemm *gemm, ij_model_file *file,
                                  const ij_encoder_options *options)
{
    const ij_model_file_info *info = ij_model_file_describe(file);
    bool context = options->which == IJ_ENCODER_CONTEXT ? info->encoder : !info->target_encoder;
    size_t most = most_floats(model, &info->model, gemm);
    loading l = {.net = net,
                 .model = model,
                 .gemm = gemm,
                 .file = file,
                 .options = options,
                 .network = context ? IJ_NETWORK_ENCODER : IJ_NETWORK_TARGET,
                 .values = malloc(most * sizeof(float)),
                 .packed = malloc(most * sizeof(float))};
    ij_status status = l.values && l.packed ? load_all(&l) : ij_fail(IJ_ENOMEM, "no host memory for a tensor");
    free(l.values);
    free(l.packed);
    return status;
}
