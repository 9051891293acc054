/* The crops and masks that a run with a configuration would begin with, for a few images: to be looked at. */
#ifndef IJ_FRONTEND_EXAMPLE_BATCH_H
#define IJ_FRONTEND_EXAMPLE_BATCH_H

#include "data/dataset.h"
#include "engine/base/batch.h"
#include "engine/base/error.h"
#include "ini/config.h"

/* Fills a batch of `images` crops, or of all where the data set has fewer. Images that cannot be read are replaced.
 * The batch's memory is malloc'ed: the caller calls ij_example_batch_free. *side: patches a side of the grid. */
ij_status ij_example_batch_load(ij_batch *batch, const ij_config *config, const ij_dataset *dataset, int images,
                                int *side);
void ij_example_batch_free(ij_batch *batch);

#endif
