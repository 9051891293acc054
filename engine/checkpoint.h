/* Checkpoints: everything a run needs to go on, as one safetensors file in the official names and shapes. The official
 * code saves each key with "module." before it (an artefact of DistributedDataParallel); here it is left out.
 *
 *     encoder.*, target_encoder.*   patch_embed.proj, blocks.{i}.…, norm, pos_embed [1, N, D]
 *     predictor.*                   predictor_embed, mask_token, predictor_blocks.{i}.…, predictor_pos_embed [1, N, Dp]
 *     optimizer.exp_avg.NAME        AdamW's first moment of the trained tensor NAME ("encoder.…" or "predictor.…")
 *     optimizer.exp_avg_sq.NAME     its second moment
 *     __metadata__                  checksum, format version, model.*, epoch, iteration, seed, rescale_residual,
 *                                   init, and what the caller adds
 *
 * The position tables are written for other programs. Reading is model_file.h's; here is what a trainer does with it.
 */
#ifndef IJ_CHECKPOINT_H
#define IJ_CHECKPOINT_H

#include "engine/base/error.h"
#include "engine/files/model_file.h"
#include "engine/model_config.h"
#include "engine/trainer.h"

#include <stdbool.h>
#include <stdint.h>

/* What a checkpoint knows about its run. */
typedef struct ij_checkpoint_meta {
    ij_model_config model; /* the trainer's own */
    int64_t epoch;         /* complete epochs */
    int64_t iteration;     /* steps taken */
    uint64_t seed;         /* of the initial weights; this and the next two as in ij_drawing */
    bool rescale_residual;
    ij_init init;
    const char *const (*more)[2]; /* a dozen pairs of metadata at most that the caller adds, and keeps */
    int more_count;
} ij_checkpoint_meta;

/* Writes the state in `snapshot`, or where that is NULL the trainer's own at this moment, to `path` beside what is
 * there, flushes, renames: on failure an older file stays whole. Holds one tensor in host memory at a time. With a
 * snapshot any thread may write while the trainer computes on. IJ_EINVAL where a value is no number. */
ij_status ij_checkpoint_write(ij_trainer *trainer, const ij_snapshot *snapshot, const char *path,
                              const ij_checkpoint_meta *meta);

/* Loads weights, moments and the number of steps taken from a file that holds all of them, and compares its checksum.
 * IJ_EINVAL where a part is missing or the model is another: nothing is changed then. IJ_EFORMAT where the content is
 * damaged, IJ_EIO where it cannot be read: then everything may be changed. */
ij_status ij_checkpoint_resume(ij_trainer *trainer, ij_model_file *file);

/* Loads weights to start from: both encoders (one stands for the other where the file has only one) and the predictor
 * where it has one; else that stays as it was drawn. Moments and steps stay at zero. The crop may be another than the
 * file's, since positions are computed. IJ_EINVAL where the model is another; nothing is changed then. */
ij_status ij_checkpoint_start_from(ij_trainer *trainer, ij_model_file *file);

/* How the initial weights of the run behind a file were drawn; false, and *how as it was, where it does not say, or
 * says what this program does not know. */
bool ij_checkpoint_drawn(const ij_model_file *file, ij_drawing *how);

#endif
