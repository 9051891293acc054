/* The safetensors file format (8-byte header length, JSON header, raw little-endian data), reading and writing.
 * Source: https://github.com/huggingface/safetensors#format. Knows no OpenCL. */
#ifndef IJ_SAFETENSORS_H
#define IJ_SAFETENSORS_H

#include "engine/base/dtype.h"
#include "engine/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ij_st_tensor {
    const char *name;
    ij_dtype dtype;
    int dims;
    int64_t shape[8];
    uint64_t offset; /* of its first byte in the file; of any alignment */
    size_t bytes;
} ij_st_tensor;

typedef struct ij_safetensors ij_safetensors;

/* Opens a file, reads its header (of at most 16 MiB) and checks it whole: every offset within the data, no overlap, no
 * gap, sizes equal to shape x dtype, no name twice. Element types are all of the format's. IJ_EIO or IJ_EFORMAT with
 * the path. */
ij_status ij_safetensors_open(ij_safetensors **file, const char *path);
void ij_safetensors_close(ij_safetensors *file);
int ij_safetensors_count(const ij_safetensors *file);
const ij_st_tensor *ij_safetensors_at(const ij_safetensors *file, int index);
/* NULL where there is none. */
const ij_st_tensor *ij_safetensors_find(const ij_safetensors *file, const char *name);
/* Reads a tensor's bytes as they lie. IJ_EIO, or IJ_EFORMAT where the file has become shorter since it was opened. */
ij_status ij_safetensors_read(const ij_safetensors *file, const ij_st_tensor *tensor, void *buffer);
/* The same as float32, from any of the types of ij_dtype_is_float. */
ij_status ij_safetensors_read_floats(const ij_safetensors *file, const ij_st_tensor *tensor, float *values);

/* Files with a checksum, as ij_safetensors_create writes them: begin, read tensors (those that are read in the file's
 * order are summed as they pass), end. end reads what was not read, and is IJ_EFORMAT where the file is not what was
 * written; IJ_OK without a look where it has no checksum, which ij_safetensors_has_checksum tells. */
bool ij_safetensors_has_checksum(const ij_safetensors *file);
ij_status ij_safetensors_check_begin(ij_safetensors *file);
ij_status ij_safetensors_check_end(ij_safetensors *file);

/* A string of __metadata__; NULL where there is none. */
const char *ij_safetensors_metadata(const ij_safetensors *file, const char *key);

/* Writing: announce all tensors, then hand over their data in the same order, so that nothing is held in memory
 * twice. The file appears under its name only after ij_safetensors_finish: it is written beside it, flushed to disk
 * and renamed. ij_safetensors_abandon removes what was written. */
typedef struct ij_st_writer ij_st_writer;
typedef struct ij_st_entry {
    const char *name;
    ij_dtype dtype;
    int dims;
    int64_t shape[8];
} ij_st_entry;
/* The metadata's key of a checksum: 16 hexadecimal digits, XXH64 (seed 0) of the file from its ninth byte on, these
 * digits taken as zeros. */
#define IJ_ST_CHECKSUM "xxh64"
/* metadata: n_metadata pairs key, value. The value of IJ_ST_CHECKSUM is NULL: it becomes known when all is written. */
ij_status ij_safetensors_create(ij_st_writer **writer, const char *path, const ij_st_entry *entries, int n_entries,
                                const char *const (*metadata)[2], int n_metadata);
ij_status ij_safetensors_write(ij_st_writer *writer, const void *data, size_t bytes);      /* the next tensor, ... */
ij_status ij_safetensors_write_part(ij_st_writer *writer, const void *data, size_t bytes); /* ... or its next bytes */
ij_status ij_safetensors_finish(ij_st_writer *writer);                                     /* frees the writer */
void ij_safetensors_abandon(ij_st_writer *writer); /* frees the writer; NULL is fine */

#endif
