/* Features on disk, three files under one name: FEATURES.npy holds them, float32 [images, floats] (or [images, N,
 * floats] where tokens are not pooled); FEATURES.csv says whose they are, "path,label" a row; FEATURES.json what made
 * them, so that more of the same can be made. */
#ifndef IJ_FRONTEND_FEATURES_FILE_H
#define IJ_FRONTEND_FEATURES_FILE_H

#include "data/augment.h"
#include "data/dataset.h"
#include "engine/base/error.h"
#include "engine/encoder.h"
#include "frontend/features.h"
#include "frontend/npy.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* What made features: all that is needed to make them again. */
typedef struct ij_features_origin {
    char model[PATH_MAX];       /* absolute */
    char images[PATH_MAX];      /* as it was given */
    char folder[PATH_MAX];      /* the working folder, which `images` and the rows' paths may be relative to */
    ij_encoder_options encoder; /* batch 0; layers and crop as they were used */
    ij_fit fit;
} ij_features_origin;

/* Fills it from what a command was given. IJ_EINVAL where a path is too long. */
ij_status ij_features_origin_make(ij_features_origin *origin, const char *model, const char *images,
                                  const ij_encoder *encoder, const ij_encoder_options *options, ij_fit fit);

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

typedef struct ij_features_writer ij_features_writer;

/* `path` ends in .npy (else IJ_EINVAL). IJ_EIO at once where its folder cannot be written to. */
ij_status ij_features_writer_create(ij_features_writer **writer, const char *path, const ij_dataset *dataset);
/* A taker of batches for ij_features_run; `writer` is an ij_features_writer. */
ij_status ij_features_writer_take(void *writer, const ij_features_batch *batch);
/* The encoder says the shape. Nothing appears before this; all three files do, or what failed is said. Frees the writer
 * whatever comes of it. */
ij_status ij_features_writer_finish(ij_features_writer *writer, const ij_encoder *encoder,
                                    const ij_features_origin *origin);
void ij_features_writer_abandon(ij_features_writer *writer); /* NULL is fine */
int64_t ij_features_writer_images(const ij_features_writer *writer);

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

/* The path of FEATURES.npy with another ending (".csv") in text [PATH_MAX]. IJ_EINVAL where it does not end in .npy. */
ij_status ij_features_beside(char text[PATH_MAX], const char *npy, const char *ending);
/* Of FEATURES.json beside FEATURES.npy. IJ_EIO where there is none; IJ_EFORMAT where it is damaged. */
ij_status ij_features_origin_read(ij_features_origin *origin, const char *npy);

/* Calls row(context, number, path, label) for each row of FEATURES.csv until it returns false. *rows (may be NULL): how
 * many there were. */
ij_status ij_features_rows(const char *npy,
                           bool (*row)(void *context, int64_t number, const char *path, const char *label),
                           void *context, int64_t *rows);

#endif
