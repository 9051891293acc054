/* The shape of an I-JEPA model, as plain numbers. Knows no OpenCL. */
#ifndef IJ_MODEL_CONFIG_H
#define IJ_MODEL_CONFIG_H

#include "engine/base/error.h"

typedef struct ij_model_config {
    int crop;         /* S, pixels: images are S x S */
    int patch;        /* P, pixels */
    int dim;          /* D, encoder width; a multiple of 4 and of heads */
    int depth;        /* L, encoder blocks */
    int heads;        /* H, of encoder and predictor alike */
    int hidden;       /* encoder MLP width, int(D * mlp_ratio) */
    int pred_dim;     /* Dp, predictor width; a multiple of 4 and of heads */
    int pred_depth;   /* Lp, predictor blocks */
    int pixel_head;   /* 1: the predictor has a second head, [3 P P, Dp], which gives pixels; 0: it has not */
    float norm_eps;   /* LayerNorm inside the model: 1e-6 */
    float target_eps; /* plain LayerNorm of the targets: 1e-5 */
    /* What both position tables are multiplied by; 0 is 1, the official ones. */
    float position_scale;
} ij_model_config;

static inline int ij_model_side(const ij_model_config *c)
{
    return c->crop / c->patch;
}
static inline int ij_model_patches(const ij_model_config *c)
{
    return ij_model_side(c) * ij_model_side(c);
}

/* The predictor's MLP width; official, whatever the encoder's is. */
static inline int ij_model_pred_hidden(const ij_model_config *c)
{
    return 4 * c->pred_dim;
}

static inline float ij_model_position_scale(const ij_model_config *c)
{
    return c->position_scale > 0 ? c->position_scale : 1;
}

/* Fills dim, depth, heads and hidden from one of the names vit_tiny, vit_small, vit_base, vit_large, vit_huge,
 * vit_giant (the official code's table); leaves the rest alone. IJ_EINVAL for another name. */
ij_status ij_model_config_named(ij_model_config *c, const char *name);

/* Checks every relation between the fields; IJ_EINVAL with a message that names the two values that clash. */
ij_status ij_model_config_check(const ij_model_config *c);

#endif
