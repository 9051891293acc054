/* The index lists of one batch: which patch every token is, where sequences begin, how the predictor's input is put
 * together. Pure host arithmetic; the kernels only follow the lists. */
#ifndef IJ_BATCH_INDEX_H
#define IJ_BATCH_INDEX_H

#include "engine/base/batch.h"
#include "engine/base/error.h"

#include <stddef.h>
#include <stdint.h>

/* The lists, each a region of one int buffer. Context sequences are (context block, image); the predictor's are
 * (target block, context block, image), its context tokens first, then its mask tokens. */
typedef enum ij_list {
    IJ_LIST_CONTEXT_IMAGE,    /* [context tokens] image of each */
    IJ_LIST_CONTEXT_PATCH,    /* [context tokens] patch of each */
    IJ_LIST_CONTEXT_OFFSET,   /* [contexts B + 1] */
    IJ_LIST_PREDICTOR_OFFSET, /* [targets contexts B + 1] */
    IJ_LIST_SOURCE,           /* [predictor tokens] context token, or -1 - patch for a mask token */
    IJ_LIST_PLACE,            /* [context tokens] row in the predictor's input, of target block 0 */
    IJ_LIST_MASK_ROWS,        /* [predictions] row of each mask token in the predictor's input */
    IJ_LIST_TARGET_ROWS,      /* [targets B T] row of each target patch in the target encoder's tokens */
    IJ_LISTS
} ij_list;

typedef struct ij_batch_index {
    int offset[IJ_LISTS + 1]; /* where each region begins, in ints, a multiple of 1024; the last is the whole length */
    int context_tokens, predictor_tokens;
    int predictor_stride; /* predictor tokens of one target block */
    int predictions;      /* rows of the prediction: targets contexts B T */
    int target_rows;      /* targets B T */
} ij_batch_index;

/* Lays out regions for the largest batch that the capacities in `batch` allow. */
void ij_batch_index_plan(ij_batch_index *index, const ij_batch *batch);

/* IJ_EINVAL for masks beyond the capacities, patches beyond N or descending offsets; `patches` is N. */
ij_status ij_batch_check(const ij_batch *batch, int patches);

/* The masks of images first .. first + part->images - 1 of a batch that was checked, into `part`, which has room for
 * them. */
void ij_batch_part(const ij_batch *batch, int first, ij_batch *part);

/* Fills `ints` [offset[IJ_LISTS]] and the counts from a batch; `patches` is N. IJ_EINVAL as ij_batch_check. */
ij_status ij_batch_index_fill(ij_batch_index *index, const ij_batch *batch, int patches, int32_t *ints);

#endif
