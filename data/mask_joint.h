/* Joint targets: the predictor guesses all of an image's targets in one pass, so its target blocks become one set, in
 * which a patch of several blocks is once. Such sets are of different sizes; a batch's are cut to one. */
#ifndef IJ_DATA_MASK_JOINT_H
#define IJ_DATA_MASK_JOINT_H

#include "engine/base/batch.h"

#include <stdint.h>

/* Cuts the target sets of a batch with one set an image to the shortest one's size, or to what memory is planned for
 * where that is less, sets batch->target_length and closes the gaps between them. On entry image i's set is
 * batch->target + i * target_capacity, length[i] ascending patches. Which of them stay is drawn from seed and batch
 * number: all are as likely to, lest the image's lower end be guessed less often. */
void ij_mask_cut_targets(ij_batch *batch, const int32_t *length, uint64_t seed, int64_t batch_number);

#endif
