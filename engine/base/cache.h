/* The user's cache folder, $IJEPA_CACHE, else $XDG_CACHE_HOME/ijepa-cl, else ~/.cache/ijepa-cl: what could be computed
 * again. Nothing here is an error: without a folder (or with IJEPA_CACHE=off) there is no cache. */
#ifndef IJ_BASE_CACHE_H
#define IJ_BASE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The path of the file `name` in the cache's folder `part` ("": the cache itself), which is made; false without one. */
bool ij_cache_path(char *path, size_t size, const char *part, const char *name);

/* A file that appears at `path` when it is whole, whichever other process writes it meanwhile. */
typedef struct ij_cache_file {
    FILE *file;
    char path[3200], temporary[3232];
} ij_cache_file;

bool ij_cache_begin(ij_cache_file *f, const char *path);
/* Closes it; where it is not `whole` or cannot be written, nothing is left. */
void ij_cache_end(ij_cache_file *f, bool whole);

#endif
