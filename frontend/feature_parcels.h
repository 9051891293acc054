/* A batch of features from each rank, so that all have them all: what one rank alone would have computed in turn. */
#ifndef IJ_FRONTEND_FEATURE_PARCELS_H
#define IJ_FRONTEND_FEATURE_PARCELS_H

#include "engine/ranks/ranks.h"
#include "frontend/features.h"

#include <stdbool.h>

typedef struct ij_feature_parcels {
    ij_ranks *ranks;
    int ranks_count;
    size_t bytes, samples, pixels,
        features;       /* of a parcel; where its parts begin: first of all is the count of images */
    int64_t floats;     /* of an image's features; 0: there are only pixels */
    size_t image;       /* bytes of an image's pixels, which are only sent where there is no
encoder; its own a rank has */
    unsigned char *all; /* [ranks][bytes] */
} ij_feature_parcels;

/* Images of a batch, up to `images`, whose parcel is no larger than what MPI sends at once. */
int ij_feature_parcels_most(ij_ranks *ranks, int images, int size, int64_t floats);

/* Room for batches of up to `images` of size x size pixels. False where there is none. */
bool ij_feature_parcels_make(ij_feature_parcels *p, ij_ranks *ranks, int images, int size, int64_t floats);
void ij_feature_parcels_free(ij_feature_parcels *p); /* of {0} too */

/* Where this rank puts its features, [images, floats]. */
float *ij_feature_parcels_own_features(const ij_feature_parcels *p);
/* Sends this rank's batch to all and receives theirs; waits. */
void ij_feature_parcels_exchange(ij_feature_parcels *p, int images, const int64_t *samples, const uint8_t *pixels);
/* Rank r's batch, until the next exchange. */
ij_features_batch ij_feature_parcels_of(const ij_feature_parcels *p, int r);

#endif
