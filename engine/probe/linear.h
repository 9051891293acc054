/* The linear probe: softmax regression (multinomial logistic regression) on standardised features, on the device. A
 * grid of weight decays (1000 to 1 / images) is trained side by side on four fifths of the training set; the one that
 * is most often right on the fifth that was held out goes on with all of it. Minimises mean cross-entropy + weight
 * decay / 2 |W|^2, which is scikit-learn's LogisticRegression with C = 1 / (weight decay x images), biases free of
 * decay, by L-BFGS (lbfgs.h, curvature.h) with gradients over all images: there is no learning rate. */
#ifndef IJ_PROBE_LINEAR_H
#define IJ_PROBE_LINEAR_H

#include "engine/device.h"
#include "engine/probe/labelled.h"
#include "engine/probe/score.h"

#include <stdbool.h>

typedef struct ij_linear_options {
    uint64_t seed;       /* of which fifth is held out */
    double weight_decay; /* above 0: this one and no grid, so that none is held out; 0: the grid */
    int steps;           /* gradients of each training, at most; 0: 2000 */
    double tolerance;    /* largest component of the gradient at which it ends; 0: 1e-5, or 1e-4 to choose a decay */
} ij_linear_options;

typedef struct ij_linear_result {
    ij_score score;    /* on the test set; the caller destroys it */
    double train_top1; /* share of the training images that it gets right, held out or not */
    double weight_decay;
    int64_t held;     /* images held out; 0: none */
    double held_top1; /* share of those that the choice got right */
    int steps;        /* gradients that the last training took */
    double gradient;  /* its largest component at the end: how far from converged */
} ij_linear_result;

/* Takes the training features and three weight matrices, four times, of the device's memory, and a hundred weight
 * matrices of the host's. IJ_EINVAL as ij_labelled_check says; IJ_ENOMEM where there is not as much. */
ij_status ij_linear_probe(ij_device *device, const ij_labelled *train, const ij_labelled *test,
                          const ij_linear_options *options, ij_linear_result *result);
void ij_linear_result_free(ij_linear_result *result); /* of {0} too */

#endif
