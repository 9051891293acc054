/* Encoded bytes to rows of pixels, by content: JPEG in every flavour libjpeg-turbo reads (baseline, progressive,
 * arithmetic; grey, YCbCr, RGB, CMYK, YCCK), PNG, and binary PGM and PPM of 8 bits. Only the wanted rectangle is
 * decoded, as far as the format allows. A decoder belongs to one thread and reuses its memory from image to image. */
#ifndef IJ_DATA_DECODE_H
#define IJ_DATA_DECODE_H

#include "engine/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* EXACT: the pixels Pillow decodes. FAST: a DCT scale that still leaves at least the output's resolution, and cheap
 * chroma upsampling. */
typedef enum ij_decode_mode { IJ_DECODE_FAST, IJ_DECODE_EXACT } ij_decode_mode;

/* Pillow's limit above which it refuses an image as a decompression bomb. */
#define IJ_MAX_PIXELS_DEFAULT INT64_C(178956970)

typedef struct ij_decoder ij_decoder;

/* A rectangle of an image's pixels. */
typedef struct ij_rect {
    int x, y, width, height;
} ij_rect;

/* What ij_decoder_row will give: `rect`, in pixels of the image shrunk to scale/8 (scale 8: the image itself). */
typedef struct ij_window {
    ij_rect rect;
    int scale;
} ij_window;

/* max_pixels: larger images are refused; 0 for the default. */
ij_status ij_decoder_create(ij_decoder **decoder, int64_t max_pixels);
void ij_decoder_destroy(ij_decoder *decoder);

/* About the most bytes of memory that a decoder keeps for an image of width x height pixels, libjpeg's and libpng's own
 * included. `whole`: of a kind that is kept whole while it is decoded (progressive JPEG, interlaced PNG). */
size_t ij_decoder_bytes(int width, int height, bool whole);

/* Reads the header. `bytes` must stay where they are until the next open. IJ_EFORMAT: not an image, damaged, truncated
 * or of a kind that cannot be read; IJ_EINVAL: more pixels than the limit. Messages give the reason without a file
 * name. */
ij_status ij_decoder_open(ij_decoder *decoder, const uint8_t *bytes, size_t size, int *width, int *height);

/* Prepares to decode `wanted`, which is to become an image of about output_width x output_height pixels (FAST shrinks
 * while decoding to no less than that; EXACT does not look at it). In EXACT the window is `wanted` itself; in FAST it
 * is the smallest one around it at the chosen scale. */
ij_status ij_decoder_start(ij_decoder *decoder, ij_rect wanted, int output_width, int output_height,
                           ij_decode_mode mode, ij_window *window);

/* The window's next row from the top, [window width, 4] bytes R, G, B, unused; valid until the next call. Call it at
 * most window.rect.height times. IJ_EFORMAT where the data are damaged. */
ij_status ij_decoder_row(ij_decoder *decoder, const uint8_t **rgbx);

#endif
