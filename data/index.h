/* Remembers listings, so that a data set that has not changed opens at once: one file a data set in the cache folder,
 * $IJEPA_CACHE/index, or else $XDG_CACHE_HOME/ijepa-cl/index, or else ~/.cache/ijepa-cl/index; IJEPA_CACHE=off keeps
 * nothing. Whatever is wrong with such a file, it is as if there were none. Not for use outside data/. */
#ifndef IJ_DATA_INDEX_H
#define IJ_DATA_INDEX_H

#include "data/listing.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The listing that was saved for root/name, if each of its containers still has the inode, size and times that it had;
 * else false, and the listing stays {0}. A file that was changed, but not replaced, in a folder of images goes
 * unnoticed, which only matters to whoever reads it. */
bool ij_index_load(const char *root, const char *name, ij_listing *listing);

/* Saves the listing, atomically; silently does not where that fails, or where a container was changed so shortly before
 * `began` (nanoseconds since 1970, when listing began) that the file system's clock may hide a later change. */
void ij_index_save(const char *root, const char *name, const ij_listing *listing, int64_t began);

/* Reads and writes the index file of the data set `key` without looking at the containers; for the functions above, the
 * fuzzer and its seeds. The file ends with the XXH64 (seed 0) of all before it. */
bool ij_index_read(int file, const char *key, ij_listing *listing);
bool ij_index_write(FILE *file, const char *key, const ij_listing *listing);

#endif
