/* The metadata of our own checkpoints that tell about the model and its run, by the keys that engine/checkpoint.c
 * documents. */
#ifndef IJ_MODEL_FILE_OWN_H
#define IJ_MODEL_FILE_OWN_H

#include "engine/files/model_file.h"

/* What `file` holds, as metadata for a file of our own. What the file does not say is left out; what only our own
 * files say (seed, rescale_residual, config) is copied: those point into `file`. */
typedef struct ij_model_metadata {
    const char *pair[24][2];
    char value[24][32];
    int count;
} ij_model_metadata;
void ij_model_metadata_fill(ij_model_metadata *metadata, const ij_model_file *file);

#endif
