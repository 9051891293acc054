/* Features that were computed before, in the cache folder: $IJEPA_CACHE/features, or else $XDG_CACHE_HOME/ijepa-cl/
 * features, or else ~/.cache/ijepa-cl/features; IJEPA_CACHE=off keeps nothing. Whatever is wrong with such a file, it
 * is as if there were none. The files are only read by the machine that wrote them, and may be deleted at any time. */
#ifndef IJ_FRONTEND_FEATURE_CACHE_H
#define IJ_FRONTEND_FEATURE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

/* Features of some images of a data set. */
typedef struct ij_feature_table {
    int64_t n, width;
    int64_t *samples; /* [n] numbers in the data set, ascending */
    float *features;  /* [n, width] */
} ij_feature_table;

void ij_feature_table_free(ij_feature_table *table); /* of {0} too */

/* The table that was stored under `key`; its arrays are the caller's. */
bool ij_feature_cache_load(uint64_t key, ij_feature_table *table);
/* Stores it, atomically; silently does not where that fails. */
void ij_feature_cache_store(uint64_t key, const ij_feature_table *table);

#endif
