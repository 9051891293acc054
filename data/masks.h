/* A batch's masks: I-JEPA's multi-block ones (Assran et al. 2023, section 3 and the official src/masks/multiblock.py:
 * per batch one size for target blocks and one for context blocks, per image their places, context minus targets), or
 * the scattered ones of data/mask_scatter.h. Counter-based: they depend on seed and batch number only. */
#ifndef IJ_DATA_MASKS_H
#define IJ_DATA_MASKS_H

#include "data/mask_scatter.h"
#include "engine/base/batch.h"
#include "engine/base/error.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum ij_mask_sampler { IJ_MASK_MULTIBLOCK, IJ_MASK_SCATTER } ij_mask_sampler;

typedef struct ij_mask_config {
    ij_mask_sampler sampler;
    int side;                /* the grid is side x side patches */
    int n_context;           /* num_enc_masks; 1 for scattered masks */
    int n_target;            /* num_pred_masks */
    bool joint;              /* an image's targets are one set, each patch once */
    ij_mask_scatter scatter; /* of scattered masks, whose part ends here; the rest is of multi-block masks */
    double enc_scale[2];     /* share of the grid a context block takes before targets are subtracted */
    double pred_scale[2];    /* share of the grid a target block takes */
    double aspect[2];        /* height / width of target blocks; context blocks are square */
    int min_keep;            /* masks of so few patches are drawn again */
    bool allow_overlap;      /* do not subtract targets from contexts */
    bool truncate_batch;     /* cut every context of a batch to the shortest one's length, as the official code does */
} ij_mask_config;

/* Target sets of an image, which are a batch's `targets`: one where they are joint, otherwise n_target. */
int ij_mask_target_sets(const ij_mask_config *config);

/* Whether every draw can end in valid masks. Multi-block: each possible target and context block holds more than
 * min_keep patches, and so does a context that has lost one target at the best place. Scattered: the counts fit the
 * grid. IJ_EINVAL with the values that clash. */
ij_status ij_mask_check(const ij_mask_config *config);

/* The longest context and target that any draw can give, in patches: what to plan memory for. `config` has passed
 * ij_mask_check. */
void ij_mask_bounds(const ij_mask_config *config, int *max_context, int *max_target);

/* Tokens of a batch of `images` to plan memory for: of its contexts, and of the predictor's sequences (for each target
 * block and context, both together). Multi-block: the most of many simulated batches and a twentieth more, often less
 * than half of what ij_mask_bounds allows. Scattered: what every batch has. `config` has passed ij_mask_check. */
void ij_mask_most_tokens(const ij_mask_config *config, int images, int64_t *context, int64_t *predictor);

/* Fills batch->context, context_offset, target and target_length for batch->images images. Where no context > min_keep
 * turns up in 20 tries, one fewer target is subtracted, as in the official code: such a context overlaps a target. In
 * the rare batch with more tokens than batch->most_context or most_predictor, the longest contexts are cut to one
 * length, at their ends, as the official code does in every batch. Joint target blocks are cut to the batch's smallest
 * union (data/mask_joint.h). IJ_EINVAL where the batch's counts or capacities do not fit the configuration, IJ_ENOMEM.
 */
ij_status ij_mask_sample(const ij_mask_config *config, uint64_t seed, int64_t batch_number, ij_batch *batch);

#endif
