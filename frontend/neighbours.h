/* Nearest neighbours by cosine among the rows of a file of features, which is read a tile at a time. */
#ifndef IJ_FRONTEND_NEIGHBOURS_H
#define IJ_FRONTEND_NEIGHBOURS_H

#include "frontend/npy.h"

typedef struct ij_neighbour {
    int64_t row;
    double cosine;
} ij_neighbour;

/* The `top` rows (or all, where there are fewer) nearest to query [npy->width], the nearest first, of equal ones the
 * earlier: found [top], *n of them. Row `skip` is passed over (-1: none), and so are rows that hold NaN. IJ_EINVAL
 * where the query has no direction: zeros, or NaN. */
ij_status ij_neighbours_find(const ij_npy *npy, const float *query, int64_t skip, int top, ij_neighbour *found, int *n);

#endif
