/* What a model's predictor expects in the hidden parts of one image: one step of a trainer that changes nothing gives
 * predictions and targets. */
#ifndef IJ_FRONTEND_PREDICTION_H
#define IJ_FRONTEND_PREDICTION_H

#include "engine/base/error.h"
#include "engine/device.h"
#include "engine/files/model_file.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct ij_prediction {
    ij_model_config model;
    uint8_t *pixels; /* [S, S, 3] */
    bool *context;   /* [N] what the context encoder gets */
    int blocks, length;
    int32_t *patch;           /* [blocks, length] patch numbers of the target blocks, ascending */
    float *expected, *target; /* [blocks, length, D]: the predictor's result; the target encoder's, normalised */
    double *cosine;           /* [blocks, length] between the two */
    double elsewhere;         /* mean cosine of predictions with the targets of other places of the image */
} ij_prediction;

/* Masks are drawn from `seed` as the model's run drew them, or as the paper does where the file does not say.
 * IJ_EINVAL where the file has no predictor, or `image` cannot be read. ij_prediction_free is due in any case. */
ij_status ij_prediction_make(ij_prediction *prediction, ij_device *device, ij_model_file *file, const char *image,
                             uint64_t seed);
void ij_prediction_free(ij_prediction *prediction);

/* The cosine of x and y [dim]; 0 where one of them is 0. */
double ij_cosine(const float *x, const float *y, int dim);

#endif
