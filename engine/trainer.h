/* The training step: target encoder, context encoder, predictor, loss, backward, AdamW and EMA on one device.
 * All device memory is planned and made by ij_trainer_create; ij_trainer_step enqueues and returns at once.
 *
 * A run looks like this (two slots, so that batch k+1 is filled while the device computes batch k):
 *     ij_trainer_slot(t, 0, &batch); fill(batch);
 *     for (k = 0; k < steps; k++) {
 *         ij_trainer_step(t, k % 2, &hyper);                    returns at once
 *         ij_trainer_slot(t, (k + 1) % 2, &batch); fill(batch); while the device works
 *         if (k > 0) ij_trainer_result(t, k - 1, &result);      a step old: no wait
 *     } */
#ifndef IJ_TRAINER_H
#define IJ_TRAINER_H

#include "engine/base/batch.h"
#include "engine/base/error.h"
#include "engine/device.h"
#include "engine/encoder.h"
#include "engine/objective.h"
#include "engine/schedule.h"
#include "engine/snapshot.h"
#include "engine/trainer_config.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct ij_trainer ij_trainer;

/* What one step measured. */
typedef struct ij_step_result {
    double loss;           /* the sum of its terms, each times its weight */
    double term[IJ_TERMS]; /* before the weight; NaN where it is not part of this step's loss */
    double target_std;     /* mean over features of the std over the batch's mean-pooled target features; 0 is collapse;
                              NaN where no target encoder ran */
    double clipped;        /* the share of the gradient that clip_grad took away; NaN where it is 0 */
} ij_step_result;

/* Plans and makes all device memory, compiles (or loads) the kernels, draws the initial weights. IJ_ENOMEM before any
 * allocation where the plan does not fit the device or config->memory, with the plan's largest entries and what to make
 * smaller. With IJ_MICRO_AUTO the micro-batches are the largest with which it does, all of the batch if that is; where
 * that is not enough IJ_RECOMPUTE_AUTO computes blocks again, and then IJ_OFFLOAD_AUTO puts moments into the host's
 * memory, unless that is the device's too and config->memory sets no limit. */
ij_status ij_trainer_create(ij_trainer **trainer, ij_device *device, const ij_trainer_config *config);
void ij_trainer_destroy(ij_trainer *trainer);

/* Prints the memory plan, one line a group with its bytes, and the sum. */
void ij_trainer_print_plan(const ij_trainer *trainer, FILE *out);
uint64_t ij_trainer_device_bytes(const ij_trainer *trainer);
const ij_model_config *ij_trainer_model(const ij_trainer *trainer);
/* Images that are computed on at a time; of the last micro-batch of a batch perhaps fewer. */
int ij_trainer_micro_batch(const ij_trainer *trainer);
/* Whether blocks are computed again on the way back. */
bool ij_trainer_recomputes(const ij_trainer *trainer);
/* Whether AdamW's moments lie in the host's memory. */
bool ij_trainer_offloads(const ij_trainer *trainer);
/* Kernels that the last step enqueued. */
int ij_trainer_kernels(const ij_trainer *trainer);

/* With other ranks: seconds so far in which the device had done a step's backward pass and its gradients were not all
 * added up, what its own work took, and bytes of gradients that a rank sends for a step. */
typedef struct ij_exchange_times {
    double exposed;
    double busy; /* seconds between a step's gradients and the next one's, waits for other ranks left out */
    int64_t steps;
    uint64_t bytes;
} ij_exchange_times;
ij_exchange_times ij_trainer_exchange(const ij_trainer *trainer);

/* Which images of the batches that are filled from now on this trainer computes, up to config->share; at first the
 * first ones. IJ_EINVAL. The gradients of all shares, added up, are those of the batch. */
ij_status ij_trainer_set_share(ij_trainer *trainer, int first, int images);

/* The staging memory of slot 0 or 1, ready to be filled: waits until the device has read what was there before. Its
 * pixels are of this trainer's share. */
ij_status ij_trainer_slot(ij_trainer *trainer, int slot, ij_batch **batch);

/* What step k is about, given these: features, and pixels beside them, or only pixels before hyper->features_from. */
ij_objective ij_trainer_objective(const ij_trainer *trainer, int64_t k, const ij_hyper *hyper);

/* Enqueues upload and training step number k = 0, 1, ... on the batch in `slot` and returns without waiting for it; a
 * device's queue holds about a second of work (pace.h), so that of a longer step all but the last second is done then.
 * Masks that do not fit, and pixels without a head for them, are IJ_EINVAL and change nothing. After any other failure,
 * here or in a later wait, the weights may be no step's: the trainer can no longer be used, and says so (IJ_EDEVICE) to
 * whoever tries or reads it. */
ij_status ij_trainer_step(ij_trainer *trainer, int slot, const ij_hyper *hyper);

/* From now on ij_trainer_step calls told(whom, done, images) whenever a micro-batch is enqueued: `done` of the `images`
 * that it computes. NULL: no more. */
typedef void ij_part_told(void *whom, int done, int images);
void ij_trainer_tell_parts(ij_trainer *trainer, ij_part_told *told, void *whom);

/* Steps enqueued so far (also after ij_trainer_set_step, for a resumed run). */
int64_t ij_trainer_steps(const ij_trainer *trainer);
ij_status ij_trainer_set_step(ij_trainer *trainer, int64_t step);

/* What step k measured; waits for it if it is not done. k must be one of the last two steps. */
ij_status ij_trainer_result(ij_trainer *trainer, int64_t k, ij_step_result *result);

/* Waits until the device is idle. */
ij_status ij_trainer_finish(ij_trainer *trainer);

/* ---- Weights, by their official names ------------------------------------------------------------------------- */

/* One trainable tensor. Names are the official ones without "module.": "encoder.blocks.0.attn.qkv.weight",
 * "predictor.mask_token", "target_encoder.norm.bias". */
typedef struct ij_tensor_info {
    const char *name; /* lives as long as the trainer */
    int dims;
    int64_t shape[4];
    int64_t elements;
} ij_tensor_info;

/* Tensors 0 .. count-1: encoder, then predictor, then target encoder. */
int ij_trainer_tensor_count(const ij_trainer *trainer);
const ij_tensor_info *ij_trainer_tensor(const ij_trainer *trainer, int index);
/* Copies between the device and `values` ([elements] floats); waits. Target tensors have only IJ_STORE_WEIGHT. */
ij_status ij_trainer_read(ij_trainer *trainer, int index, ij_store store, float *values);
ij_status ij_trainer_write(ij_trainer *trainer, int index, ij_store store, const float *values);

/* Whether ranks' devices keep weights in different orders, so that gradients go through the official one. */
bool ij_trainer_reorders(const ij_trainer *trainer);

/* With other ranks: all of them take over rank 0's weights, moments and target encoder. */
ij_status ij_trainer_share_state(ij_trainer *trainer);
/* Whether all ranks have the same weights, bit for bit; waits for the last step. */
ij_status ij_trainer_agrees(ij_trainer *trainer, bool *agrees);

/* Host memory for a copy of all that training changes; the caller destroys it before the trainer. IJ_ENOMEM. */
ij_status ij_trainer_make_snapshot(ij_trainer *trainer, ij_snapshot **snapshot);
/* Enqueues the copy of the state after the steps enqueued so far, and returns without waiting. */
ij_status ij_trainer_take_snapshot(ij_trainer *trainer, ij_snapshot *snapshot);

/* The target encoder for inference, over the trainer's own weights: it computes with those after the steps enqueued
 * before its call, has memory of its own for all else, and changes nothing of what is trained. Of the options batch,
 * layers and pool count. The caller destroys it before the trainer, and asks it nothing after a step that failed.
 * IJ_EINVAL, IJ_ENOMEM as ij_encoder_create. */
ij_status ij_trainer_make_encoder(ij_trainer *trainer, const ij_encoder_options *options, ij_encoder **encoder);

/* ---- For tests and probes ---------------------------------------------------------------------------------------*/

/* Outputs of the last step, as float32 [tokens, width] in docs/method.md's order; *tokens is set. `values` holds
 * `capacity` floats. CONTEXT [context tokens, D]; TARGET and PREDICTION [targets*contexts*B*T, D]. */
typedef enum ij_output { IJ_OUTPUT_CONTEXT, IJ_OUTPUT_TARGET, IJ_OUTPUT_PREDICTION } ij_output;
ij_status ij_trainer_output(ij_trainer *trainer, ij_output which, float *values, int64_t capacity, int64_t *tokens);

/* The mean over patches of the target encoder's last layer (after its final LayerNorm) for the last step's batch, as
 * that step saw it, [B, D], which target_std is of; zeros for images that are not of this trainer's share. Waits for
 * the step. IJ_EINVAL before the first step. */
ij_status ij_trainer_batch_features(ij_trainer *trainer, float *features);

#endif
