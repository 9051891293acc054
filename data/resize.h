/* Bilinear resizing with antialiasing as Pillow computes it (src/libImaging/Resample.c): a triangle filter whose
 * support grows with the reduction, rows first, rounding to 8 bits, then columns. Rows are pushed in as they are
 * decoded and only the few that the filter spans are kept. A resizer belongs to one thread and reuses its memory. */
#ifndef IJ_DATA_RESIZE_H
#define IJ_DATA_RESIZE_H

#include "engine/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ij_resizer ij_resizer;

/* The part of the source that becomes the output, in source pixels (fractions allowed). */
typedef struct ij_box {
    double left, top, right, bottom;
} ij_box;

ij_status ij_resizer_create(ij_resizer **resizer);
void ij_resizer_destroy(ij_resizer *resizer);

/* The most bytes of memory that a resizer keeps after sources of up to width x height pixels became `size`. */
size_t ij_resizer_bytes(int width, int height, int size);

/* Starts an output of [size, size, 3] bytes at `out` from a source of width x height pixels, whose `box` it shows,
 * mirrored left to right if `flip`. Taps are clamped to the source. IJ_ENOMEM only where the scratch must grow. */
ij_status ij_resizer_start(ij_resizer *resizer, int width, int height, ij_box box, int size, bool flip, uint8_t *out);

/* The source's next row, [width, 4] bytes R, G, B, unused. Output rows are written as soon as their last source row is
 * here; after the last source row the output is complete. */
void ij_resizer_push(ij_resizer *resizer, const uint8_t *rgbx);

#endif
