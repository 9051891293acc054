/* Gaussian blur as Pillow's ImageFilter.GaussianBlur computes it (src/libImaging/BoxBlur.c): three extended box filters
 * in each direction, edges continued, every pass rounded to 8 bits. After Gwosdek et al., "Theoretical Foundations of
 * Gaussian Convolution by Extended Box Filtering", SSVM 2011. Every byte is what Pillow gives. */
#ifndef IJ_DATA_BLUR_H
#define IJ_DATA_BLUR_H

#include <stddef.h>
#include <stdint.h>

/* The largest radius: a box then reaches two pixels to either side. I-JEPA's transform draws 0.1 .. 2. */
#define IJ_BLUR_MAX_RADIUS 2.4

/* Bytes of scratch that ij_blur needs for an image of this many pixels a side. */
size_t ij_blur_scratch(int size);

/* Blurs pixels [size, size, 3] in place; `radius` (the Gaussian's standard deviation, in pixels) is 0 ..
 * IJ_BLUR_MAX_RADIUS. `scratch` holds ij_blur_scratch(size) bytes. */
void ij_blur(uint8_t *pixels, int size, double radius, uint8_t *scratch);

#endif
