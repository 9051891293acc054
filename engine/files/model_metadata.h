/* The metadata of our own files that tell about the model and its run; docs/checkpoints.md lists the keys. */
#ifndef IJ_MODEL_METADATA_H
#define IJ_MODEL_METADATA_H

#include "engine/files/model_file.h"

enum { IJ_METADATA_PAIRS = 40 };

/* Pairs of key and text, for ij_safetensors_create. A plain value, but what points into it moves with it. */
typedef struct ij_model_metadata {
    const char *pair[IJ_METADATA_PAIRS][2];
    char value[IJ_METADATA_PAIRS][24]; /* numbers as text */
    int count;
} ij_model_metadata;

/* Begins with a checksum, what the file is, the model's shape, and where the run was (-1: not known). */
void ij_model_metadata_start(ij_model_metadata *metadata, const ij_model_config *model, int64_t epoch,
                             int64_t iteration);
/* Adds a pair; key and text are the caller's and must outlive it. */
void ij_model_metadata_add(ij_model_metadata *metadata, const char *key, const char *text);
void ij_model_metadata_number(ij_model_metadata *metadata, const char *key, int64_t number);

/* What `file` holds, for a copy of it. What the file does not say is left out; what only our own files say (seed,
 * configuration, data set) is copied: those texts point into `file`. */
void ij_model_metadata_of(ij_model_metadata *metadata, const ij_model_file *file);

/* Reads shape, epoch and iteration of a file of our own into its info; keys that it has not are passed over. IJ_EFORMAT
 * for values that cannot be, and for files of a later version. */
ij_status ij_model_metadata_read(ij_model_file *file);

#endif
