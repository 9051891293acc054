/* Tells data sets apart: whether a run that goes on sees the images it has seen before. */
#ifndef IJ_DATA_FINGERPRINT_H
#define IJ_DATA_FINGERPRINT_H

#include "data/dataset.h"

#include <stdint.h>

/* Of the number of samples and their file names in order (not their folders, which may have moved; not their contents).
 */
uint64_t ij_dataset_fingerprint(const ij_dataset *dataset);

#endif
