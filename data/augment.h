/* Which part of an image becomes the network's input: torchvision's RandomResizedCrop and horizontal flip for training,
 * resize-and-centre-crop for evaluation. Only geometry; pixels are resize.h's. */
#ifndef IJ_DATA_AUGMENT_H
#define IJ_DATA_AUGMENT_H

#include "data/decode.h"
#include "data/resize.h"
#include "engine/base/random.h"

#include <stdbool.h>

typedef struct ij_augment_config {
    double scale[2]; /* share of the image's area that a crop takes, e.g. 0.3 .. 1 */
    double ratio[2]; /* width / height of a crop, e.g. 3/4 .. 4/3, drawn log-uniformly */
    double flip;     /* probability of a horizontal flip */
} ij_augment_config;

/* `box` (in the image's pixels) becomes the output; only pixels inside `rect` count. A training crop's box is its rect;
 * an evaluation's rect holds the neighbours that the filter reaches as well. */
typedef struct ij_view {
    ij_rect rect;
    ij_box box;
    bool flip;
} ij_view;

/* Draws RandomResizedCrop's parameters as torchvision's get_params does: ten tries, then the largest centre crop within
 * `ratio`. */
ij_view ij_augment_draw(const ij_augment_config *config, int width, int height, ij_random *random);

/* torchvision's Resize(size * 256/224) of the shorter side, then CenterCrop(size). */
ij_view ij_augment_eval(int width, int height, int size);

#endif
