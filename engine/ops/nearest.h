/* The K largest similarities of each query, merged tile by tile (cl/nearest.cl). */
#ifndef IJ_OPS_NEAREST_H
#define IJ_OPS_NEAREST_H

#include "engine/opencl.h"

enum { IJ_NEAREST_MOST = 256 }; /* neighbours at most: lists lie in a GPU's local memory */

typedef struct ij_nearest {
    ij_device *device;
    cl_kernel nearest;
} ij_nearest;

ij_status ij_nearest_create(ij_nearest *n, ij_device *device);
void ij_nearest_destroy(ij_nearest *n);

/* Merges similarity [queries, stride], of which the first `count` columns are those to the vectors base, base + 1, ...,
 * into the lists value and index, int, both [queries, k], nearest first; of equal ones the lower index comes first.
 * base 0 begins the lists; tiles follow in ascending order. Empty places have index -1. */
ij_status ij_nearest_merge(ij_nearest *n, cl_mem similarity, cl_mem value, cl_mem index, int queries, int stride,
                           int count, int base, int k);

#endif
