/* What a training has learnt so far ([eval] in the configuration): nearest neighbours and ridge classification on a
 * small labelled set, half of it to learn from and half to test on, by the trainer's target encoder as it is. Has
 * memory of its own and changes nothing that training computes. */
#ifndef IJ_FRONTEND_LEARNING_CURVE_H
#define IJ_FRONTEND_LEARNING_CURVE_H

#include "data/dataset.h"
#include "engine/device.h"
#include "engine/trainer.h"
#include "ini/config.h"

typedef struct ij_learning_curve ij_learning_curve;

/* Shares of right answers, of images that were not learnt from. */
typedef struct ij_curve_point {
    double knn;   /* votes of 20 neighbours, as ij_neighbours counts them */
    double ridge; /* ij_ridge_classify */
} ij_curve_point;

/* Opens the images; *curve is NULL where the configuration asks for none. Which images and halves they are hangs on the
 * data set alone. Says on stdout what it found and what it takes of the device's memory. The trainer must outlive the
 * curve. IJ_EINVAL where [eval] cannot be followed, IJ_ENOMEM where there is no room for it, with where it stands. */
ij_status ij_learning_curve_open(ij_learning_curve **curve, const ij_config *config, ij_trainer *trainer,
                                 ij_device *device);
void ij_learning_curve_close(ij_learning_curve *curve); /* NULL is fine */

/* The images' data set. */
const ij_dataset *ij_learning_curve_dataset(const ij_learning_curve *curve);

/* Waits for the device. After a failure the trainer can go on, but where it was the device itself (IJ_EDEVICE). */
ij_status ij_learning_curve_measure(ij_learning_curve *curve, ij_curve_point *point);

#endif
