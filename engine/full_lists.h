/* The index lists of whole images, for an encoder that sees every patch: token i is patch i % N of image i / N. */
#ifndef IJ_FULL_LISTS_H
#define IJ_FULL_LISTS_H

#include "engine/memory.h"

typedef struct ij_full_lists {
    int images, patches; /* N a image */
    cl_mem image, patch; /* [images N], see ij_patchify */
    cl_mem offset;       /* [images + 1], see ij_sequences */
} ij_full_lists;

ij_status ij_full_lists_plan(ij_full_lists *lists, int images, int patches, ij_plan *plan);
/* After the plan is committed. */
ij_status ij_full_lists_fill(const ij_full_lists *lists, ij_device *device);

#endif
