#include "engine/files/official_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_TENSORS = 12 };

typedef struct listing {
    ij_official_tensor *list;
    int count;
} listing;

static void add(listing *l, const char *name, int dims, int64_t a, int64_t b, int64_t c, int64_t d)
{
    ij_official_tensor *t = &l->list[l->count++];
    *t = (ij_official_tensor){.dims = dims, .shape = {a, b, c, d}};
    snprintf(t->name, sizeof t->name, "%s", name);
    t->table = strstr(name, "pos_embed") != NULL;
    t->decay = dims != 1 && !strstr(name, "bias");
}

static void vector(listing *l, const char *prefix, const char *name, int64_t n)
{
    char full[64];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    add(l, full, 1, n, 0, 0, 0);
}

static void norm(listing *l, const char *prefix, int64_t n)
{
    vector(l, prefix, ".weight", n);
    vector(l, prefix, ".bias", n);
}

static void linear(listing *l, const char *prefix, int64_t out, int64_t in)
{
    char full[64];
    snprintf(full, sizeof full, "%s.weight", prefix);
    add(l, full, 2, out, in, 0, 0);
    vector(l, prefix, ".bias", out);
}

static void blocks(listing *l, const char *prefix, int depth, int64_t dim, int64_t hidden)
{
    static const char *const parts[] = {"norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"};
    for (int i = 0; i < depth; i++) {
        char name[6][48];
        for (int p = 0; p < 6; p++)
            snprintf(name[p], sizeof name[p], "%s.%d.%s", prefix, i, parts[p]);
        norm(l, name[0], dim);
        linear(l, name[1], 3 * dim, dim);
        linear(l, name[2], dim, dim);
        norm(l, name[3], dim);
        linear(l, name[4], hidden, dim);
        linear(l, name[5], dim, hidden);
    }
}

/* Room for `depth` blocks and `more` tensors around them. */
static ij_status begin(listing *l, int depth, int more)
{
    l->count = 0;
    l->list = calloc((size_t)depth * BLOCK_TENSORS + (size_t)more, sizeof *l->list);
    return l->list ? IJ_OK : ij_fail(IJ_ENOMEM, "no memory to list the tensors of %d blocks", depth);
}

ij_status ij_official_encoder(const ij_model_config *m, ij_official_tensor **list, int *count)
{
    listing l;
    ij_status status = begin(&l, m->depth, 5);
    if (status)
        return status;
    add(&l, "pos_embed", 3, 1, ij_model_patches(m), m->dim, 0);
    add(&l, "patch_embed.proj.weight", 4, m->dim, 3, m->patch, m->patch);
    vector(&l, "patch_embed.proj", ".bias", m->dim);
    blocks(&l, "blocks", m->depth, m->dim, m->hidden);
    norm(&l, "norm", m->dim);
    *list = l.list;
    *count = l.count;
    return IJ_OK;
}

ij_status ij_official_predictor(const ij_model_config *m, ij_official_tensor **list, int *count)
{
    listing l;
    ij_status status = begin(&l, m->pred_depth, 10);
    if (status)
        return status;
    add(&l, "mask_token", 3, 1, 1, m->pred_dim, 0);
    add(&l, "predictor_pos_embed", 3, 1, ij_model_patches(m), m->pred_dim, 0);
    linear(&l, "predictor_embed", m->pred_dim, m->dim);
    blocks(&l, "predictor_blocks", m->pred_depth, m->pred_dim, 4 * (int64_t)m->pred_dim);
    norm(&l, "predictor_norm", m->pred_dim);
    linear(&l, "predictor_proj", m->dim, m->pred_dim);
    if (m->pixel_head)
        linear(&l, "predictor_pixels", 3 * (int64_t)m->patch * m->patch, m->pred_dim);
    *list = l.list;
    *count = l.count;
    return IJ_OK;
}
