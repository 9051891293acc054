/* From a data set to features: the loader's threads decode a batch while the device computes the one before, and what
 * comes out is handed on batch by batch, in the data set's order, so that memory does not grow with the images. Prints
 * progress and, once each, the images that cannot be read. */
#ifndef IJ_FRONTEND_FEATURES_H
#define IJ_FRONTEND_FEATURES_H

#include "data/augment.h"
#include "data/dataset.h"
#include "engine/base/error.h"
#include "engine/encoder.h"
#include "engine/ranks/ranks.h"

#include <stdbool.h>
#include <stdint.h>

/* Some images that could be read. All arrays are the caller's only until it returns. */
typedef struct ij_features_batch {
    int images;
    const int64_t *samples; /* [images] numbers in the data set, ascending from batch to batch */
    const uint8_t *pixels;  /* [images, size, size, 3] as the encoder saw them; NULL with both ranks and an encoder */
    const float *features;  /* [images, floats]; NULL without an encoder */
    int64_t floats;         /* ij_encoder_floats; 0 without an encoder */
} ij_features_batch;

/* Takes a batch; a failure ends the work, with that status and message. */
typedef ij_status ij_features_take(void *taker, const ij_features_batch *batch);

typedef struct ij_features_job {
    const ij_dataset *dataset;
    const int64_t *samples; /* [count] ascending; NULL: all */
    int64_t count;          /* of samples; not looked at where that is NULL */
    ij_encoder *encoder;    /* NULL: pixels only */
    int size;               /* of pixels; not looked at where there is an encoder */
    int batch;              /* likewise */
    ij_fit fit;
    int workers;        /* threads that decode; 0: one per core minus one, at least one */
    int64_t max_pixels; /* as in ij_loader_config */
    bool quiet;         /* no progress; what cannot be read is named all the same */
    ij_features_take *take;
    void *taker;
    ij_ranks *ranks; /* who compute batches in turn, and all take all of them; NULL: nobody else does */
} ij_features_job;

/* Images are decoded exactly as Pillow decodes them. *unreadable (may be NULL): how many images were left out,
 * by all ranks.
 * IJ_EINVAL where `fit` is IJ_FIT_NONE and an image has another size; IJ_EFORMAT where no image at all could be
 * read. */
ij_status ij_features_run(const ij_features_job *job, int64_t *unreadable);

/* "shorter", "squash", "none" and back: false for another name. */
bool ij_fit_named(const char *name, ij_fit *fit);
const char *ij_fit_name(ij_fit fit);
/* "mean", "2x2", "none" and back. */
bool ij_pooling_named(const char *name, ij_pooling *pool);
const char *ij_pooling_name(ij_pooling pool);

#endif
