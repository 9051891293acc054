/* Colour changes of 8-bit RGB images in place, as torchvision's functional transforms make them of Pillow images:
 * ImageEnhance's blends (PIL/ImageEnhance.py, src/libImaging/Blend.c) and Pillow's conversions to L and HSV
 * (Convert.c). Every byte is what Pillow gives. */
#ifndef IJ_DATA_COLOUR_H
#define IJ_DATA_COLOUR_H

#include <stddef.h>
#include <stdint.h>

typedef enum ij_colour_change {
    IJ_COLOUR_BRIGHTNESS, /* amount >= 0: 0 black, 1 unchanged, beyond 1 brighter */
    IJ_COLOUR_CONTRAST,   /* amount >= 0: 0 a grey of the mean luma, 1 unchanged */
    IJ_COLOUR_SATURATION, /* amount >= 0: 0 grey, 1 unchanged */
    IJ_COLOUR_HUE,        /* amount -0.5 .. 0.5 of a turn round the colour wheel; 0 still goes through HSV */
    IJ_COLOUR_GREY        /* the luma in all channels; the amount does not count */
} ij_colour_change;

/* Changes `count` pixels [count, 3]; contrast takes its mean from all of them, so they are the whole image. */
void ij_colour(ij_colour_change change, double amount, uint8_t *rgb, size_t count);

#endif
