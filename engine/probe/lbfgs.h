/* Finds the minimum of a smooth convex function of many variables from its gradients alone: limited-memory BFGS (Liu
 * and Nocedal 1989) with a preconditioner. The caller computes a gradient wherever `point` is and hands it in, so that
 * several functions can be descended side by side. Line searches look at slopes only (the approximate Wolfe conditions
 * of Hager and Zhang 2005), since near the minimum values differ by less than they are rounded by. */
#ifndef IJ_PROBE_LBFGS_H
#define IJ_PROBE_LBFGS_H

#include "engine/base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { IJ_LBFGS_MEMORY = 10 };

/* vector [n]: becomes its product with an approximation, symmetric and positive, of the inverse of the curvature. */
typedef void ij_lbfgs_precondition(const void *how, float *vector);

typedef struct ij_lbfgs {
    size_t n;
    float *point; /* [n] where the next gradient is wanted */
    /* Own: */
    float *memory;                                          /* all of the vectors */
    float *base, *gradient, *direction;                     /* the last point of the descent, what is known of it */
    float *room;                                            /* [n] */
    float *step[IJ_LBFGS_MEMORY], *change[IJ_LBFGS_MEMORY]; /* a ring: steps and what they changed of the gradient */
    double curvature[IJ_LBFGS_MEMORY];                      /* step . change */
    double scale;                                           /* what the preconditioner is off by */
    int known, next;                                        /* pairs; where the next one goes */
    bool begun;
    double start, length;    /* the line search: slope at `base`; how far `point` is */
    double near, near_slope; /* the farthest length known to be too short */
    double far, far_slope;   /* the shortest known to be too long; 0: none is */
    int tries;
} ij_lbfgs;

/* All in all 24 vectors of n floats; the point is zero. IJ_ENOMEM. */
ij_status ij_lbfgs_create(ij_lbfgs *m, size_t n);
void ij_lbfgs_destroy(ij_lbfgs *m); /* of {0} too */

/* Begins anew at `point`, which the caller may have set. */
void ij_lbfgs_begin(ij_lbfgs *m);

/* Takes the gradient [n] at `point` and moves `point` on. Returns false where that leads no further: the point is as
 * good as rounding lets it be, and is left where it is. */
bool ij_lbfgs_advance(ij_lbfgs *m, const float *gradient, ij_lbfgs_precondition *precondition, const void *how);

#endif
