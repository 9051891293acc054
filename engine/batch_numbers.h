/* What a step measured of a share of a batch becomes what it measured of the batch: added up over all ranks, in
 * doubles. */
#ifndef IJ_BATCH_NUMBERS_H
#define IJ_BATCH_NUMBERS_H

#include "engine/objective.h"
#include "engine/opencl.h"
#include "engine/ranks/ranks.h"

typedef struct ij_batch_numbers {
    ij_rank_job job;
    ij_ranks *ranks;      /* NULL: there is nobody to add to, and all of this is unused */
    int dim;              /* D */
    double *sums;         /* [IJ_TERMS], then of the features their sums [D] and those of their squares [D] */
    float *features;      /* [share, D], on their way from the device */
    int images;           /* of them; 0: no target encoder ran */
    const float *partial; /* [IJ_TERMS][IJ_LOSS_PARTIALS] sums of the terms' losses */
    int partials[IJ_TERMS];
    cl_event ready; /* all of this is there */
} ij_batch_numbers;

/* For up to `share` images. IJ_ENOMEM. */
ij_status ij_batch_numbers_create(ij_batch_numbers *n, ij_ranks *ranks, int share, int dim);
void ij_batch_numbers_destroy(ij_batch_numbers *n); /* of {0} too */

/* Begins to add, once `ready` is reached; images, features, partial and partials are set. */
void ij_batch_numbers_begin(ij_batch_numbers *n, cl_event ready);
/* Waits for the sums. */
void ij_batch_numbers_wait(ij_batch_numbers *n);

/* Of a batch of B images: the mean over features of their std over the batch. */
double ij_batch_numbers_spread(const ij_batch_numbers *n, int B);

#endif
