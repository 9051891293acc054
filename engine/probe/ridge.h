/* Ridge regression in closed form, on standardised features: a classifier (one-against-all targets of +1 and -1), and
 * the probe of a number. On the host, in double; small enough for a probe, knows neither images nor models. */
#ifndef IJ_PROBE_RIDGE_H
#define IJ_PROBE_RIDGE_H

#include "engine/base/error.h"
#include "engine/probe/labelled.h"
#include "engine/probe/score.h"

#include <stdint.h>

typedef struct ij_ridge_class_result {
    ij_score score;        /* on the test set; the caller destroys it */
    double train_accuracy; /* share of all of the training set */
    double lambda;         /* penalty per sample, chosen on every fifth training sample, held out */
} ij_ridge_class_result;

/* Standardises with the training set's mean and deviation, picks lambda, fits on all of `train`, scores `test`.
 * IJ_EINVAL where there are too few samples or the features are not finite, IJ_ENOMEM. */
ij_status ij_ridge_classify(const ij_labelled *train, const ij_labelled *test, ij_ridge_class_result *result);

typedef struct ij_ridge_value_result {
    double r2;             /* 1 - sum of squared errors / that of the test set's mean, on the test set */
    double absolute_error; /* mean, in units of the target */
    double train_r2;
    double lambda;
} ij_ridge_value_result;

/* The same for a number: targets [n] of the samples, whose labels do not count. r2 is NaN where the test set's targets
 * are all the same. */
ij_status ij_ridge_regress(const ij_labelled *train, const double *train_target, const ij_labelled *test,
                           const double *test_target, ij_ridge_value_result *result);

#endif
