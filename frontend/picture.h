/* Small pictures in host memory and what a report draws on them. Pixels are [height, width, 3]. */
#ifndef IJ_FRONTEND_PICTURE_H
#define IJ_FRONTEND_PICTURE_H

#include "engine/base/error.h"

#include <stdint.h>

typedef struct ij_picture {
    int width, height;
    uint8_t *pixels; /* own */
} ij_picture;

/* Black. IJ_ENOMEM. The caller calls ij_picture_free. */
ij_status ij_picture_create(ij_picture *picture, int width, int height);
void ij_picture_free(ij_picture *picture);

/* A copy of pixels [size, size, 3], made smaller by the least whole factor that brings it to `most` pixels a side: the
 * mean of the pixels that become one. IJ_ENOMEM. */
ij_status ij_picture_shrink(ij_picture *picture, const uint8_t *pixels, int size, int most);

/* Sets a rectangle's pixels; what lies outside the picture is left out. */
void ij_picture_fill(ij_picture *picture, int left, int top, int width, int height, const uint8_t colour[3]);

/* Copies pixels [size, size, 3] to (left, top), each one `zoom` x `zoom` times. All of it must lie within. */
void ij_picture_paste(ij_picture *picture, int left, int top, const uint8_t *pixels, int size, int zoom);

/* The colour of a value from 0 (dark) to 1 (bright): a scale whose lightness rises evenly, so that it can be read by
 * the colour-blind and in grey. */
void ij_heat_colour(double value, uint8_t colour[3]);

#endif
