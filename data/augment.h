/* What becomes of an image before the network sees it, drawn at random: torchvision's RandomResizedCrop and horizontal
 * flip, colour distortion and blur for training, in the order of I-JEPA's make_transforms; resize-and-centre-crop for
 * evaluation. Only the draws; pixels are resize.h's, colour.h's and blur.h's. */
#ifndef IJ_DATA_AUGMENT_H
#define IJ_DATA_AUGMENT_H

#include "data/colour.h"
#include "data/decode.h"
#include "data/resize.h"
#include "engine/base/random.h"

#include <stdbool.h>

typedef struct ij_augment_config {
    double scale[2]; /* share of the image's area that a crop takes, e.g. 0.3 .. 1 */
    double ratio[2]; /* width / height of a crop, e.g. 3/4 .. 4/3, drawn log-uniformly */
    double flip;     /* probability of a horizontal flip */
    double jitter;   /* probability of colour jitter; officially 0.8 */
    double strength; /* s of the jitter: brightness, contrast and saturation by 0.8s, hue by 0.2s; 0 .. 2.5 */
    double grey;     /* probability of greyscale; officially 0.2 */
    double blur;     /* probability of a Gaussian blur of radius 0.1 .. 2; officially 0.5 */
} ij_augment_config;

/* `box` (in the image's pixels) becomes the output; only pixels inside `rect` count. A training crop's box is its rect;
 * an evaluation's rect holds the neighbours that the filter reaches as well. */
typedef struct ij_view {
    ij_rect rect;
    ij_box box;
    bool flip;
} ij_view;

/* The changes of colour to make, in this order, and the blur after them. */
typedef struct ij_look {
    int changes;
    struct {
        ij_colour_change change;
        double amount;
    } change[5];
    double blur; /* radius in pixels; 0: none */
} ij_look;

/* Draws RandomResizedCrop's parameters as torchvision's get_params does: ten tries, then the largest centre crop within
 * `ratio`. */
ij_view ij_augment_draw(const ij_augment_config *config, int width, int height, ij_random *random);

/* Draws RandomApply(ColorJitter(0.8s, 0.8s, 0.8s, 0.2s)), RandomGrayscale and the official GaussianBlur. Draws nothing
 * for what the configuration leaves out. */
ij_look ij_augment_look(const ij_augment_config *config, ij_random *random);

/* How a whole image becomes size x size pixels for evaluation. */
typedef enum ij_fit {
    IJ_FIT_SHORTER, /* torchvision's Resize(size * 256/224) of the shorter side, then CenterCrop(size) */
    IJ_FIT_SQUASH,  /* both sides to `size`, whatever the image's shape, as Hugging Face's ViTImageProcessor */
    IJ_FIT_NONE     /* as it is: size x size already */
} ij_fit;

ij_view ij_augment_eval(int width, int height, int size, ij_fit fit);

#endif
