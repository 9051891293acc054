/* Pictures as PNG files in memory, for pages and event files that hold them. */
#ifndef IJ_FRONTEND_PNG_BYTES_H
#define IJ_FRONTEND_PNG_BYTES_H

#include "engine/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether this program can make PNGs: not where it was built without libpng. */
bool ij_png_available(void);

/* Pixels [height, width, 3] as a PNG; *bytes is malloc'ed, the caller frees. IJ_ENOMEM; IJ_EINVAL without libpng. */
ij_status ij_png_bytes(const uint8_t *pixels, int width, int height, uint8_t **bytes, size_t *size);

#endif
