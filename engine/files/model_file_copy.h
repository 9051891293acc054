/* Any model file as one of our own: safetensors with official names, float32, and what is known of the run in the
 * metadata (engine/checkpoint.h). */
#ifndef IJ_MODEL_FILE_COPY_H
#define IJ_MODEL_FILE_COPY_H

#include "engine/files/model_file.h"

/* Writes all tensors of `file` to `path`, one at a time in host memory. The file appears under its name when it is
 * whole; on failure what was there stays. */
ij_status ij_model_file_copy(ij_model_file *file, const char *path);

#endif
