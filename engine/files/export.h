/* Writes a model that ij_model_file_open has opened in the form that others load: a folder for transformers, a .pth.tar
 * for the official code, or plain safetensors. A tensor at a time passes through host memory, whatever the model's
 * size, and the result appears under its name only when it is whole. Knows no OpenCL and prints nothing. */
#ifndef IJ_EXPORT_H
#define IJ_EXPORT_H

#include "engine/base/error.h"
#include "engine/files/model_file.h"
#include "engine/layers.h"

#include <stdbool.h>
#include <stdint.h>

/* Writes the folder `path`, which does not exist or is empty: config.json, model.safetensors, preprocessor_config.json
 * and a model card, README.md. `network`: IJ_NETWORK_TARGET or IJ_NETWORK_ENCODER; `dtype`: IJ_F32, IJ_F16 or IJ_BF16.
 * IJ_EINVAL where the file has no such encoder, the folder is not empty, or a weight is too large for the dtype; IJ_EIO
 * where it cannot be written. */
ij_status ij_export_huggingface(ij_model_file *file, const char *path, ij_network network, ij_dtype dtype);

/* Writes the weights as one safetensors file with the official names: of the networks that `networks` names by
 * bits (1 << ij_network), those that the file has, at least one. No moments. Errors as above. */
ij_status ij_export_safetensors(ij_model_file *file, const char *path, unsigned networks, ij_dtype dtype);

/* What the official file says beside the tensors, where a run is known; the rest of AdamW's settings are PyTorch's. */
typedef struct ij_export_run {
    int64_t batch_size; /* 0: unknown, written as None */
    double lr, weight_decay;
    double beta1, beta2, eps;
} ij_export_run;

/* How the official file came about, where that is not simply what was read. */
typedef struct ij_export_official_notes {
    bool encoder_is_target; /* the file had no context encoder: it starts as a copy of the target encoder, ... */
    bool target_is_encoder; /* ... or the other way round */
    bool no_moments;        /* none in the file, or no count of steps: the optimiser starts anew */
    bool no_epoch;          /* the file does not say how many epochs are complete: 0 */
} ij_export_official_notes;

/* Writes what src/train.py of facebookresearch/ijepa saves and its load_checkpoint takes, in float32. IJ_EINVAL where
 * the file has no predictor, without which the official code cannot load. */
ij_status ij_export_official(ij_model_file *file, const char *path, const ij_export_run *run,
                             ij_export_official_notes *notes);

#endif
