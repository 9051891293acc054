/* Frozen features of a folder of labelled images: the evaluation transform, the target encoder, the mean over patches.
 * What probes learn from. */
#ifndef IJ_TOOLS_FEATURES_H
#define IJ_TOOLS_FEATURES_H

#include "data/dataset.h"
#include "data/loader.h"
#include "engine/trainer.h"

#include <stdint.h>

/* The images of a folder that take part. */
typedef struct image_set {
    ij_dataset *dataset;
    ij_loader *loader;
    int64_t *samples; /* [n] numbers in the data set */
    int *labels;      /* [n] */
    int64_t n;
    int64_t unreadable; /* images that image_set_features dropped */
} image_set;

/* Opens `folder` (of class folders) and picks at most `limit` images of each class (0: all), to be read as
 * crop x crop pixels. image_set_close also after a failure. */
ij_status image_set_open(image_set *set, const char *folder, int64_t limit, int crop);
void image_set_close(image_set *set);

/* Numbers the classes as `reference` does, by their names. IJ_EINVAL for a class that it does not have. */
ij_status image_set_relabel(image_set *set, const image_set *reference);

/* Features of all images into features [n, width], `batch` images at a time (the trainer's batch at most). Images that
 * cannot be read are dropped from the set, so n may shrink. Calls progress(done, n) after each batch. */
ij_status image_set_features(image_set *set, ij_trainer *trainer, const ij_model_config *model, int batch,
                             float *features, void (*progress)(int64_t done, int64_t n));

#endif
