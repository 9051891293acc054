/* PNG rows through libpng, as Pillow's convert("RGB") has them; decode.h's PNG half. Used by decode.c only. */
#ifndef IJ_DATA_DECODE_PNG_H
#define IJ_DATA_DECODE_PNG_H

#include "data/decode.h"

typedef struct ij_png ij_png;

/* As the ij_decoder functions of the same names; the limit on pixels is the caller's, and both modes are exact. */
ij_status ij_png_create(ij_png **png);
void ij_png_destroy(ij_png *png);
ij_status ij_png_open(ij_png *png, const uint8_t *bytes, size_t size, int *width, int *height);
ij_status ij_png_start(ij_png *png, ij_rect wanted, ij_window *window);
ij_status ij_png_row(ij_png *png, const uint8_t **rgbx);

#endif
