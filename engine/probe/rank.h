/* The effective rank of feature vectors: how many directions they really use. */
#ifndef IJ_PROBE_RANK_H
#define IJ_PROBE_RANK_H

#include "engine/base/error.h"

enum { IJ_RANK_ROWS = 256 }; /* vectors that are looked at, at most: the first ones */

/* exp of the entropy of the singular values, divided by their sum, of features [rows, width] less their mean (Roy and
 * Vetterli 2007, "The effective rank"; Garrido et al. 2023, arXiv:2210.02885, take it of features as they are, where a
 * large common part hides the rest). 1 where all differ along one direction; at most rows - 1, and width; 0 where none
 * differ, NaN where one is not finite. In double, by Jacobi's rotations on at most 256 x 256. */
ij_status ij_effective_rank(const float *features, int rows, int width, double *rank);

#endif
