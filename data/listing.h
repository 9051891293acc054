/* The table behind a data set: its samples, where each lies and its class, packed into a few arrays so that millions of
 * samples fit. The sources (source_*.c) fill it, index.c writes and reads it as it lies in memory, dataset.c answers
 * from it. Not for use outside data/. */
#ifndef IJ_DATA_LISTING_H
#define IJ_DATA_LISTING_H

#include "engine/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

typedef enum ij_source_kind {
    IJ_SOURCE_FOLDER, /* one file a sample, below the root */
    IJ_SOURCE_LIST,   /* one file a sample, named by a text file */
    IJ_SOURCE_TAR,    /* members of tar shards */
    IJ_SOURCE_IDX,    /* entries of an IDX file */
    IJ_SOURCE_KINDS
} ij_source_kind;

/* A folder, shard or file that samples come from, as it was when it was listed: where any of it has changed, the
 * listing is out of date. Times are nanoseconds since 1970. */
typedef struct ij_container {
    uint64_t path; /* in `text`, relative to the data set's root; "" is the root itself */
    uint64_t inode, size;
    int64_t changed, status_changed; /* st_mtim, st_ctim */
} ij_container;

typedef struct ij_sample {
    uint64_t name;  /* in `text`: path below the container; unused in an IDX file */
    uint32_t block; /* tar: where the member's bytes begin, in blocks of 512 bytes; IDX: number of the entry */
    uint32_t size;  /* tar: bytes */
    uint32_t container;
    int32_t label; /* -1: unlabelled */
} ij_sample;

/* Start from {0}; the owner calls ij_listing_free. */
typedef struct ij_listing {
    ij_source_kind kind;
    ij_container *containers;
    size_t container_count, container_capacity;
    ij_sample *samples;
    size_t sample_count, sample_capacity;
    uint64_t *classes; /* names, in `text` */
    size_t class_count, class_capacity;
    uint64_t *notes; /* sentences about what was found damaged, in `text` */
    size_t note_count, note_capacity;
    char *text; /* NUL-terminated strings, one after another */
    size_t text_used, text_capacity;
    int64_t ignored;
} ij_listing;

/* IJ_ENOMEM is the only failure of the functions that add, but for more than 2^32 samples (IJ_EINVAL). */
ij_status ij_listing_add_text(ij_listing *listing, const char *bytes, size_t length, uint64_t *at);
ij_status ij_listing_add_container(ij_listing *listing, const char *path, const struct stat *info);
ij_status ij_listing_add_sample(ij_listing *listing, ij_sample sample);
ij_status ij_listing_add_class(ij_listing *listing, const char *name);
ij_status ij_listing_add_note(ij_listing *listing, const char *format, ...) IJ_PRINTF(2, 3);

/* Gives back the memory that growing left over. */
void ij_listing_trim(ij_listing *listing);
/* Leaves `listing` as {0}. */
void ij_listing_free(ij_listing *listing);

/* Whether every offset, container and label is within its table: what came from a file may be used. */
bool ij_listing_is_valid(const ij_listing *listing);

/* What `info` says in a container's terms, without a path. */
ij_container ij_container_of(const struct stat *info);

/* Makes *array, of items of `size` bytes, hold at least `count`, doubling. False where there is no memory. */
bool ij_grow(void *array, size_t *capacity, size_t count, size_t size);

#endif
