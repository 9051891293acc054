/* A linear classifier in closed form: ridge regression on one-against-all targets of +1 and -1. Small enough for a
 * probe; knows neither images nor models. */
#ifndef IJ_TOOLS_RIDGE_H
#define IJ_TOOLS_RIDGE_H

#include "engine/base/error.h"

#include <stdint.h>

/* Feature vectors and their classes. */
typedef struct ridge_data {
    const float *features; /* [n, width] */
    const int *labels;     /* [n], 0 .. classes-1 */
    int64_t n;
    int width;
    int classes;
} ridge_data;

typedef struct ridge_result {
    double accuracy;       /* share of the test set whose class has the highest score */
    double train_accuracy; /* the same on all of the training set */
    double lambda;         /* penalty per sample, chosen on every fifth training sample, held out */
} ridge_result;

/* Standardises with the training set's mean and deviation, picks lambda, fits on all of `train`, scores `test`. In
 * double. IJ_EINVAL where there are too few samples, IJ_ENOMEM. */
ij_status ridge_classify(const ridge_data *train, const ridge_data *test, ridge_result *result);

#endif
