/* Scattered masks: of every image so many patches, drawn at random in small square blocks (SimMIM's masks; MAE's where
 * a block is a patch), are the targets, and so many of the rest the context. The counts are the same for all images, so
 * all sequences have one length. Counter-based, as the multi-block masks of data/masks.h, which offers both. */
#ifndef IJ_DATA_MASK_SCATTER_H
#define IJ_DATA_MASK_SCATTER_H

#include "engine/base/batch.h"
#include "engine/base/error.h"

#include <stdint.h>

typedef struct ij_mask_scatter {
    int block_side;      /* the grid is cut into blocks of so many patches a side, smaller ones at its far edges */
    int target_patches;  /* of an image: all its targets together */
    int context_patches; /* of an image */
} ij_mask_scatter;

/* Whether the counts fit a grid of side x side patches and `sets` target sets an image. IJ_EINVAL with the values that
 * clash. */
ij_status ij_mask_scatter_check(const ij_mask_scatter *scatter, int side, int sets);

/* Fills batch->context, context_offset, target and target_length for batch->images images; target_length is
 * target_patches / batch->targets. All patches are put into a random order that keeps those of a block together; the
 * first target_patches are the targets, a set after the other, the next context_patches the context. `scatter` has
 * passed ij_mask_scatter_check. IJ_EINVAL where the batch's capacities are too small, IJ_ENOMEM. */
ij_status ij_mask_scatter_sample(const ij_mask_scatter *scatter, int side, uint64_t seed, int64_t batch_number,
                                 ij_batch *batch);

#endif
