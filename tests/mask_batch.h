/* For tests of the masks: a batch with room for masks alone, exactly as much as ij_mask_bounds asks for, so that a
 * sanitizer sees a write beyond it. All of them fail the test where something fails. */
#ifndef IJ_TESTS_MASK_BATCH_H
#define IJ_TESTS_MASK_BATCH_H

#include "data/masks.h"

ij_batch mask_batch_make(const ij_mask_config *config, int images);
void mask_batch_free(ij_batch *batch);

void mask_batch_sample(const ij_mask_config *config, uint64_t seed, int64_t number, ij_batch *batch);
void mask_batch_same(const ij_batch *a, const ij_batch *b);
/* The configuration is refused with a message that holds both. */
void masks_refused(ij_mask_config config, const char *a, const char *b);

#endif
