/* JPEG rows through libjpeg-turbo; decode.h's JPEG half. Used by decode.c only. */
#ifndef IJ_DATA_DECODE_JPEG_H
#define IJ_DATA_DECODE_JPEG_H

#include "data/decode.h"

typedef struct ij_jpeg ij_jpeg;

/* As the ij_decoder functions of the same names; the limit on pixels is the caller's. */
ij_status ij_jpeg_create(ij_jpeg **jpeg);
void ij_jpeg_destroy(ij_jpeg *jpeg);
ij_status ij_jpeg_open(ij_jpeg *jpeg, const uint8_t *bytes, size_t size, int *width, int *height);
ij_status ij_jpeg_start(ij_jpeg *jpeg, ij_rect wanted, int output_width, int output_height, ij_decode_mode mode,
                        ij_window *window);
ij_status ij_jpeg_row(ij_jpeg *jpeg, const uint8_t **rgbx);

#endif
