#include "engine/layers.h"

#include <stdio.h>
#include <stdlib.h>

/* Widths that follow from the model's shape; `own`: of the network. */
typedef enum width { ONE, OWN, OWN_3, OWN_HIDDEN, OWN_INPUT, ENCODER, PIXELS, PATCHES } width;

static const struct row {
    const char *encoder, *predictor; /* names; NULL: the network has no such layer. In blocks behind "blocks.0." */
    ij_layer_kind kind;
    width out, in;
    int joined;
    bool residual;
} rows[IJ_PLACES] = {
    [IJ_AT_MASK_TOKEN] = {NULL, "mask_token", IJ_LAYER_TOKEN, OWN, ONE, 1, false},
    [IJ_AT_POSITION] = {"pos_embed", "predictor_pos_embed", IJ_LAYER_TABLE, PATCHES, OWN, 1, false},
    [IJ_AT_EMBED] = {"patch_embed.proj", "predictor_embed", IJ_LAYER_LINEAR, OWN, OWN_INPUT, 1, false},
    [IJ_AT_NORM1] = {"norm1", "norm1", IJ_LAYER_NORM, OWN, ONE, 1, false},
    [IJ_AT_QKV] = {"attn.qkv", "attn.qkv", IJ_LAYER_LINEAR, OWN_3, OWN, 3, false},
    [IJ_AT_PROJ] = {"attn.proj", "attn.proj", IJ_LAYER_LINEAR, OWN, OWN, 1, true},
    [IJ_AT_NORM2] = {"norm2", "norm2", IJ_LAYER_NORM, OWN, ONE, 1, false},
    [IJ_AT_FC1] = {"mlp.fc1", "mlp.fc1", IJ_LAYER_LINEAR, OWN_HIDDEN, OWN, 1, false},
    [IJ_AT_FC2] = {"mlp.fc2", "mlp.fc2", IJ_LAYER_LINEAR, OWN, OWN_HIDDEN, 1, true},
    [IJ_AT_NORM] = {"norm", "predictor_norm", IJ_LAYER_NORM, OWN, ONE, 1, false},
    [IJ_AT_FEATURES] = {NULL, "predictor_proj", IJ_LAYER_LINEAR, ENCODER, OWN, 1, false},
    [IJ_AT_PIXELS] = {NULL, "predictor_pixels", IJ_LAYER_LINEAR, PIXELS, OWN, 1, false},
};

const char *ij_network_name(ij_network network)
{
    static const char *const names[IJ_NETWORKS] = {
        [IJ_NETWORK_ENCODER] = "encoder", [IJ_NETWORK_PREDICTOR] = "predictor", [IJ_NETWORK_TARGET] = "target_encoder"};
    return names[network];
}

/* ---- Layers ------------------------------------------------------------------------------------------------------ */

static int width_of(const ij_model_config *m, bool predictor, width w)
{
    int own = predictor ? m->pred_dim : m->dim, pixels = 3 * m->patch * m->patch;
    switch (w) {
    case ONE:
        return 1;
    case OWN:
        return own;
    case OWN_3:
        return 3 * own;
    case OWN_HIDDEN:
        return predictor ? ij_model_pred_hidden(m) : m->hidden;
    case OWN_INPUT:
        return predictor ? m->dim : pixels;
    case ENCODER:
        return m->dim;
    case PIXELS:
        return pixels;
    case PATCHES:
        return ij_model_patches(m);
    }
    return 0;
}

static bool in_block(ij_place place)
{
    return place >= IJ_AT_NORM1 && place <= IJ_AT_FC2;
}

static const char *name_at(const ij_model_config *m, ij_network network, ij_place place)
{
    if (place == IJ_AT_PIXELS && !m->pixel_head)
        return NULL;
    return network == IJ_NETWORK_PREDICTOR ? rows[place].predictor : rows[place].encoder;
}

static int segment_of(const ij_model_config *m, const ij_layer *l)
{
    if (in_block(l->place))
        return 1 + l->block;
    return l->place >= IJ_AT_FEATURES && m->pixel_head ? 1 + m->pred_depth + (int)(l->place - IJ_AT_FEATURES) : 0;
}

bool ij_next_layer(const ij_model_config *m, ij_layer *l)
{
    bool predictor = l->network == IJ_NETWORK_PREDICTOR;
    int depth = predictor ? m->pred_depth : m->depth;
    int block = in_block(l->place) ? l->block : 0;
    ij_place place = l->place;
    do {
        bool again = place == IJ_AT_FC2 && block + 1 < depth;
        block += again;
        place = again ? IJ_AT_NORM1 : place + 1;
    } while (place < IJ_PLACES && (!name_at(m, l->network, place) || (in_block(place) && depth == 0)));
    if (place == IJ_PLACES)
        return false;

    const struct row *row = &rows[place];
    const char *name = name_at(m, l->network, place);
    int tensors = row->kind == IJ_LAYER_LINEAR || row->kind == IJ_LAYER_NORM ? 2 : 1;
    *l = (ij_layer){.network = l->network,
                    .place = place,
                    .block = in_block(place) ? block : -1,
                    .last = in_block(place) && block + 1 == depth,
                    .kind = row->kind,
                    .out = width_of(m, predictor, row->out),
                    .in = width_of(m, predictor, row->in),
                    .patch = place == IJ_AT_EMBED && !predictor ? m->patch : 0,
                    .joined = row->joined,
                    .residual = row->residual,
                    .tensors = tensors,
                    .trained = row->kind == IJ_LAYER_TABLE ? 0 : tensors,
                    .number = l->number + l->trained};
    l->segment = segment_of(m, l);
    if (in_block(place))
        snprintf(l->name, sizeof l->name, "%sblocks.%d.%s", predictor ? "predictor_" : "", block, name);
    else
        snprintf(l->name, sizeof l->name, "%s", name);
    return true;
}

int64_t ij_layer_tokens(const ij_layer *l, const ij_step_tokens *t)
{
    if (l->network != IJ_NETWORK_PREDICTOR)
        return l->network == IJ_NETWORK_TARGET ? t->full : t->context;
    if (l->place <= IJ_AT_EMBED)
        return t->context;
    return l->place >= IJ_AT_NORM || (l->last && l->place > IJ_AT_QKV) ? t->predictions : t->predictor;
}

/* ---- Tensors ----------------------------------------------------------------------------------------------------- */

ij_layer_tensor ij_layer_tensor_at(const ij_layer *l, int which)
{
    static const char *const endings[2] = {".weight", ".bias"};
    ij_layer_tensor t = {.place = l->place,
                         .block = l->block,
                         .bias = which == 1,
                         .dims = 1,
                         .shape = {l->out},
                         .table = l->kind == IJ_LAYER_TABLE};
    snprintf(t.name, sizeof t.name, "%s%s", l->name, l->tensors == 2 ? endings[which] : "");
    if (t.bias || l->kind == IJ_LAYER_NORM)
        return t;
    t.decay = true;
    if (l->kind == IJ_LAYER_LINEAR) {
        t.dims = l->patch ? 4 : 2;
        t.shape[1] = l->patch ? 3 : l->in;
        t.shape[2] = t.shape[3] = l->patch;
        return t;
    }
    t.dims = 3;
    t.shape[0] = 1;
    t.shape[1] = t.table ? l->out : 1;
    t.shape[2] = t.table ? l->in : l->out;
    return t;
}

ij_status ij_network_tensors(const ij_model_config *m, ij_network network, ij_layer_tensor **list, int *count)
{
    int room = 0;
    *count = 0;
    for (ij_layer l = {.network = network}; ij_next_layer(m, &l);)
        room += l.tensors;
    *list = calloc((size_t)room, sizeof **list);
    if (!*list)
        return ij_fail(IJ_ENOMEM, "no memory to list %d tensors", room);
    for (ij_layer l = {.network = network}; ij_next_layer(m, &l);)
        for (int i = 0; i < l.tensors; i++)
            (*list)[(*count)++] = ij_layer_tensor_at(&l, i);
    return IJ_OK;
}
