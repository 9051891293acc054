/* Reading ranges of files that nobody vouches for: a read gives all of its bytes or an error, also where the file has
 * become shorter since it was opened. Nothing is mapped into memory. */
#ifndef IJ_FILE_READ_H
#define IJ_FILE_READ_H

#include "engine/base/dtype.h"
#include "engine/base/error.h"

#include <stddef.h>
#include <stdint.h>

/* Opens a regular file (never waits, as for a pipe) and tells its size. IJ_EIO with the path. */
ij_status ij_file_open(int *fd, uint64_t *bytes, const char *path);

/* `bytes` bytes at `offset`. IJ_EIO where reading fails, IJ_EFORMAT where the file ends before; `path` is for the
 * message. */
ij_status ij_file_read(int fd, const char *path, uint64_t offset, void *buffer, size_t bytes);

/* n elements at byte `offset` as float32; dtype is a float (ij_dtype_is_float). Holds a few KiB besides. */
ij_status ij_file_read_floats(int fd, const char *path, uint64_t offset, ij_dtype dtype, size_t n, float *values);

/* A whole small file with a NUL behind it; malloc'ed. IJ_EFORMAT where it is larger than `limit` bytes. */
ij_status ij_file_read_text(const char *path, size_t limit, char **text, size_t *bytes);

#endif
