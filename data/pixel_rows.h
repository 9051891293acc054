/* The inner loops of colour.c and blur.c, behind one table of functions for each instruction set: the same source
 * compiled more than once. All tables give the same bits. Used by those two files and their test. */
#ifndef IJ_DATA_PIXEL_ROWS_H
#define IJ_DATA_PIXEL_ROWS_H

#include <stddef.h>
#include <stdint.h>

typedef struct ij_pixel_rows {
    const char *name;

    /* rgb[i] = L + factor * (rgb[i] - L) of `count` pixels [count, 3], L the pixel's luma, clipped and cut to 8 bits.
     */
    void (*saturate)(uint8_t *rgb, size_t count, float factor);

    /* Adds `shift` to the hue of `count` pixels [count, 3], modulo 256: to Pillow's HSV and back. */
    void (*turn_hue)(uint8_t *rgb, size_t count, uint8_t shift);

    /* The sum of the lumas of `count` pixels [count, 3]. */
    uint64_t (*sum_luma)(const uint8_t *rgb, size_t count);

    /* All three channels of `count` pixels [count, 3] become the luma. */
    void (*grey)(uint8_t *rgb, size_t count);

    /* An extended box filter over rows that lie side by side: out[i] = (whole * (the rows nearer than `reach` to
     * at[2])[i] + end * (at[2 - reach][i] + at[2 + reach][i]) + 2^23) >> 24 for i < count. reach is 1 or 2; `out`
     * overlaps none of the rows. */
    void (*box)(const uint8_t *const at[5], int reach, uint32_t whole, uint32_t end, size_t count, uint8_t *out);
} ij_pixel_rows;

extern const ij_pixel_rows ij_pixel_rows_plain;
#ifdef IJ_HAVE_AVX2
extern const ij_pixel_rows ij_pixel_rows_avx2;
#endif

/* The fastest table that this machine can run. */
const ij_pixel_rows *ij_pixel_rows_best(void);

#endif
