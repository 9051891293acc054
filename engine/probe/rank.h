/* The effective rank of feature vectors: how many directions they really use. */
#ifndef IJ_PROBE_RANK_H
#define IJ_PROBE_RANK_H

#include "engine/base/error.h"

enum { IJ_RANK_ROWS = 256 }; /* vectors that are looked at, at most: the first ones */

/* exp of the entropy of the singular values of features [rows, width], divided by their sum: RankMe (Garrido et al.
 * 2023, arXiv:2210.02885, equation 1; Roy and Vetterli 2007). 1 where all vectors are multiples of one, at most rows or
 * width; 0 where all are zero, NaN where one is not finite. In double, by Jacobi's rotations: at most 256 x 256. */
ij_status ij_effective_rank(const float *features, int rows, int width, double *rank);

#endif
