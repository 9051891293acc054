/* Features of patches as colours: their first three principal components as red, green and blue. One basis and one
 * scale for all patches that are given together: alike colours are alike features. */
#ifndef IJ_FRONTEND_FEATURE_COLOURS_H
#define IJ_FRONTEND_FEATURE_COLOURS_H

#include "engine/base/error.h"

#include <stdint.h>

/* colours [tokens, 3] of features [tokens, dim]; shares [3]: of the variance, what each component holds. Deterministic.
 * IJ_ENOMEM. */
ij_status ij_feature_colours(const float *features, int64_t tokens, int dim, uint8_t *colours, double shares[3]);

#endif
