/* A contact sheet: images side by side, as they are, or the crops of a batch with their masks drawn in. What a context
 * block shows stays as it is, the rest is dim; target blocks are tinted and outlined, each in a colour of its own. */
#ifndef IJ_FRONTEND_SHEET_H
#define IJ_FRONTEND_SHEET_H

#include "engine/base/batch.h"
#include "engine/base/error.h"

#include <stdint.h>

typedef struct ij_sheet {
    int width, height; /* pixels */
    uint8_t *pixels;   /* [height, width, 3] */
} ij_sheet;

/* Draws the first `images` images of a filled batch whose grid is side x side patches. Crops under 224 pixels are
 * enlarged by a whole factor. IJ_ENOMEM. The caller calls ij_sheet_free. */
ij_status ij_sheet_draw(ij_sheet *sheet, const ij_batch *batch, int images, int side);
/* Draws pixels [images, size, size, 3]; the first `marked` of them are outlined. Else as ij_sheet_draw. */
ij_status ij_sheet_images(ij_sheet *sheet, const uint8_t *pixels, int images, int size, int marked);
void ij_sheet_free(ij_sheet *sheet);

/* Writes a PNG. IJ_EIO where the file cannot be written; IJ_EINVAL where the program was built without libpng. */
ij_status ij_sheet_write(const ij_sheet *sheet, const char *path);

#endif
