/* Checkpoints: the weights of all three networks as one safetensors file, in the official names and shapes. The
 * official code saves each key with "module." before it (an artefact of DistributedDataParallel); here it is left out.
 *
 *     encoder.*, target_encoder.*   patch_embed.proj, blocks.{i}.…, norm, pos_embed [1, N, D]
 *     predictor.*                   predictor_embed, mask_token, predictor_blocks.{i}.…, predictor_pos_embed [1, N, Dp]
 *     __metadata__                  format version, model.*, epoch, iteration, seed, rescale_residual
 *
 * Tensors outside these three prefixes are other people's: a reader passes over them, which leaves room for the
 * optimiser's moments. The position tables are written for other programs; reading computes nothing from them. */
#ifndef IJ_CHECKPOINT_H
#define IJ_CHECKPOINT_H

#include "engine/base/error.h"
#include "engine/model_config.h"
#include "engine/trainer.h"

#include <stdbool.h>
#include <stdint.h>

/* What a checkpoint knows about its run. */
typedef struct ij_checkpoint_meta {
    ij_model_config model;
    int64_t epoch;         /* complete epochs */
    int64_t iteration;     /* steps taken */
    uint64_t seed;         /* of the initial weights, ... */
    bool rescale_residual; /* ... and how they were drawn: with these two a run's start can be made again */
} ij_checkpoint_meta;

/* Writes the trainer's weights to `path` beside what is there, flushes, renames: on failure an older file stays whole.
 * Holds one tensor in host memory at a time. meta->model is the trainer's own. */
ij_status ij_checkpoint_write(ij_trainer *trainer, const char *path, const ij_checkpoint_meta *meta);

/* Loads all weights from `path` into a trainer of the same shape. IJ_EFORMAT names the tensor that is missing, has
 * another shape, or that the model does not have; nothing is changed then. */
ij_status ij_checkpoint_read(ij_trainer *trainer, const char *path);

/* Reads only what the checkpoint says about itself, so that a trainer of its shape can be made. */
ij_status ij_checkpoint_describe(const char *path, ij_checkpoint_meta *meta);

#endif
