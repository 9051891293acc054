/* What I-JEPA's networks are made of, written down once: every layer in the order in which the official code's modules
 * yield their parameters (facebookresearch/ijepa, src/models/vision_transformer.py; a module's own parameters come
 * before those of its parts), with its official name, shape and kind. What is planned, drawn, trained, computed with,
 * counted, read and written follows from this. Knows no OpenCL and no files. */
#ifndef IJ_LAYERS_H
#define IJ_LAYERS_H

#include "engine/model_config.h"

#include <stdbool.h>
#include <stdint.h>

/* The target encoder has the encoder's layers. */
typedef enum ij_network { IJ_NETWORK_ENCODER, IJ_NETWORK_PREDICTOR, IJ_NETWORK_TARGET } ij_network;
enum { IJ_NETWORKS = 3 };

/* "encoder", "predictor", "target_encoder": what official names begin with, with a dot behind. */
const char *ij_network_name(ij_network network);

/* Where in its network a layer is, in the official order; those of a block are there once for each block. */
typedef enum ij_place {
    IJ_AT_BEGIN, /* before the first layer */
    IJ_AT_MASK_TOKEN,
    IJ_AT_POSITION,
    IJ_AT_EMBED, /* of patches; in the predictor of the encoder's result */
    IJ_AT_NORM1,
    IJ_AT_QKV,
    IJ_AT_PROJ,
    IJ_AT_NORM2,
    IJ_AT_FC1,
    IJ_AT_FC2,
    IJ_AT_NORM,
    IJ_AT_FEATURES, /* the predictor's heads */
    IJ_AT_PIXELS,   /* only this project has it, so it comes last */
    IJ_PLACES
} ij_place;

typedef enum ij_layer_kind {
    IJ_LAYER_LINEAR, /* weight [out, in] and bias [out] */
    IJ_LAYER_NORM,   /* gain and bias [out] */
    IJ_LAYER_TOKEN,  /* [1, 1, out] */
    IJ_LAYER_TABLE   /* fixed positions [1, out, in]: never trained, so without moments */
} ij_layer_kind;

typedef struct ij_layer {
    ij_network network;
    ij_place place;
    int block; /* 0, 1, ...; -1 around the blocks */
    bool last; /* of the network's last block */
    ij_layer_kind kind;
    char name[48]; /* within its network: "blocks.0.attn.qkv" */
    int out, in;   /* in 1 where a tensor has one dimension */
    int patch;     /* above 0: the weight is a convolution's, [out, 3, patch, patch] */
    int joined;    /* so many layers lie one below the other in the weight: queries, keys and values */
    bool residual; /* its result is added to the residual stream */
    int segment; /* of its network, which are updated at different times: what is around the blocks, then a block each,
                    then, where there are two, the heads, which are not always trained */
    int tensors; /* 1 or 2 */
    int trained; /* of these: all, or none of a table */
    int number;  /* of its first tensor among those of its network that are trained */
} ij_layer;

/* The layer after *layer, from {.network = ...} on; false after the last. */
bool ij_next_layer(const ij_model_config *model, ij_layer *layer);

/* Tokens of a step, or the most that there may be. */
typedef struct ij_step_tokens {
    int64_t full;        /* all patches of all images */
    int64_t context;     /* of all context blocks */
    int64_t predictor;   /* of all the predictor's sequences */
    int64_t predictions; /* mask tokens among them, all that is read of its last block */
} ij_step_tokens;

/* Those that this layer works on. */
int64_t ij_layer_tokens(const ij_layer *layer, const ij_step_tokens *tokens);

/* One tensor of a layer. */
typedef struct ij_layer_tensor {
    ij_place place;
    int block; /* -1: around the blocks */
    bool bias;
    char name[64]; /* within its network: "blocks.0.attn.qkv.weight" */
    int dims;
    int64_t shape[4];
    bool table; /* as IJ_LAYER_TABLE */
    bool decay; /* weight decay applies: neither a bias nor of one dimension. Tables are in this group too */
} ij_layer_tensor;

/* Tensor 0 .. layer->tensors - 1. */
ij_layer_tensor ij_layer_tensor_at(const ij_layer *layer, int which);

/* All tensors of a network; malloc'ed. */
ij_status ij_network_tensors(const ij_model_config *model, ij_network network, ij_layer_tensor **list, int *count);

#endif
