/* A file that appears under its name only when it is whole: it is written beside it, flushed to disk, and renamed. */
#ifndef IJ_WHOLE_FILE_H
#define IJ_WHOLE_FILE_H

#include "engine/base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct ij_whole_file ij_whole_file;

ij_status ij_whole_file_create(ij_whole_file **file, const char *path);
ij_status ij_whole_file_write(ij_whole_file *file, const void *data, size_t bytes);
/* Replaces bytes that were written before, at `offset`. */
ij_status ij_whole_file_patch(ij_whole_file *file, uint64_t offset, const void *data, size_t bytes);
ij_status ij_whole_file_finish(ij_whole_file *file); /* frees it, whatever comes of it; on failure nothing is left */
void ij_whole_file_abandon(ij_whole_file *file);     /* removes what was written, frees it; NULL is fine */

/* Makes a rename within the folder that holds `path` last through a power cut. */
ij_status ij_flush_folder_of(const char *path);

#endif
