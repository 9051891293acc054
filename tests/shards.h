/* Writes tar shards and IDX files into memory, for tests and as seeds for the fuzzers. */
#ifndef IJ_TESTS_SHARDS_H
#define IJ_TESTS_SHARDS_H

#include "data/dataset.h"

#include <stddef.h>
#include <stdint.h>

/* Appends a member of ustar type `type` ('0': file); names of up to 100 bytes, or 255 with a slash in the right place.
 * The owner frees `tar` with ij_bytes_free. */
void shard_add(ij_bytes *tar, const char *name, char type, const void *bytes, size_t size);

/* Appends a file with a name of any length, as GNU tar (type L) or as POSIX (pax record) writes it. */
void shard_add_gnu(ij_bytes *tar, const char *name, const void *bytes, size_t size);
void shard_add_pax(ij_bytes *tar, const char *name, const void *bytes, size_t size);

/* The two empty blocks at the end. */
void shard_end(ij_bytes *tar);

/* An IDX file of `dimensions` sizes and the bytes. */
void idx_write(ij_bytes *idx, int dimensions, const uint32_t *sizes, const uint8_t *bytes, size_t size);

#endif
