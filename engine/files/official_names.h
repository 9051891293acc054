/* The official list of an I-JEPA network's tensors: names without "module.", shapes, in the order in which the official
 * code's modules yield their parameters (facebookresearch/ijepa, src/models/vision_transformer.py; a module's own
 * parameters come before those of its parts). Knows no OpenCL and no files. */
#ifndef IJ_OFFICIAL_NAMES_H
#define IJ_OFFICIAL_NAMES_H

#include "engine/base/error.h"
#include "engine/model_config.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct ij_official_tensor {
    char name[64]; /* within its network: "blocks.0.attn.qkv.weight" */
    int dims;
    int64_t shape[4];
    bool table; /* fixed positions: never trained, so without moments */
    bool decay; /* weight decay applies: neither a bias nor of one dimension. Tables are in this group too */
} ij_official_tensor;

/* The encoder's (or target encoder's) list, or the predictor's; malloc'ed. *model is complete but for heads. A pixel
 * head, which only this project has, comes last. */
ij_status ij_official_encoder(const ij_model_config *model, ij_official_tensor **list, int *count);
ij_status ij_official_predictor(const ij_model_config *model, ij_official_tensor **list, int *count);

#endif
