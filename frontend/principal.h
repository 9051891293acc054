/* Principal components: the directions in which rows of numbers differ most from their mean. */
#ifndef IJ_FRONTEND_PRINCIPAL_H
#define IJ_FRONTEND_PRINCIPAL_H

#include "engine/base/error.h"

#include <stdint.h>

typedef struct ij_principal {
    int dim, count;   /* of a row; components */
    double *mean;     /* [dim] */
    double *axes;     /* [count, dim], orthonormal, by falling variance; the largest element of each is positive */
    double *variance; /* [count] along each */
    double total;     /* variance in all directions */
} ij_principal;

/* The first `count` (at most dim) components of rows [n, dim], n >= 1. Deterministic. IJ_ENOMEM. The caller calls
 * ij_principal_free in any case. */
ij_status ij_principal_find(ij_principal *p, const float *rows, int64_t n, int dim, int count);
void ij_principal_free(ij_principal *p);

/* The row's coordinates [count] along the axes, from the mean. */
void ij_principal_project(const ij_principal *p, const float *row, double *coordinates);

#endif
