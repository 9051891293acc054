/* A matrix of feature vectors on the device, in tiles of rows, so that none exceeds the device's largest allocation. */
#ifndef IJ_PROBE_TILES_H
#define IJ_PROBE_TILES_H

#include "engine/memory.h"

#include <stdint.h>

typedef struct ij_tiles {
    int64_t rows;
    int width, each, count; /* rows of every tile but the last; tiles */
    cl_mem *tile;           /* [each, width] */
} ij_tiles;

/* Announces the tiles in `plan`, which owns them; ij_tiles_free frees the list. */
ij_status ij_tiles_plan(ij_tiles *tiles, ij_plan *plan, int64_t rows, int width, int each);
void ij_tiles_free(ij_tiles *tiles);

static inline int ij_tiles_rows(const ij_tiles *t, int tile)
{
    int64_t left = t->rows - (int64_t)tile * t->each;
    return left < t->each ? (int)left : t->each;
}

/* Writes row `row`, [width], to `to`. */
typedef void ij_tiles_row(const void *source, int64_t row, float *to);

/* After the plan is committed: fills all tiles with what `row` gives. Waits. */
ij_status ij_tiles_fill(const ij_tiles *tiles, ij_device *device, ij_tiles_row *row, const void *source);

#endif
