/* k nearest neighbours by cosine, exact, with DINO's vote (Caron et al. 2021, arXiv:2104.14294, eval_knn.py): each of
 * the k training images nearest to an image votes for its class with weight exp(similarity / temperature). Features are
 * brought to length 1 and not standardised. On the device in tiles, so that memory beside the features is bounded. */
#ifndef IJ_PROBE_NEIGHBOURS_H
#define IJ_PROBE_NEIGHBOURS_H

#include "engine/device.h"
#include "engine/probe/labelled.h"
#include "engine/probe/score.h"

#define IJ_NEIGHBOURS_TEMPERATURE 0.07

/* scores [count], the caller's to destroy: those with k[i] neighbours, 1 .. 256; k is ascending. Where the training set
 * has fewer images all of them vote. Of equally near ones the earlier is nearer; of equal votes the lower class wins.
 * Errors as of ij_linear_probe. */
ij_status ij_neighbours(ij_device *device, const ij_labelled *train, const ij_labelled *test, const int *k, int count,
                        double temperature, ij_score *scores);

#endif
