#include "data/colour.h"

#include "data/pixel_rows.h"

/* ImagingBlend from `from` to each value, as a table: brightness blends with black, contrast with one grey. */
static void blend_all(int from, float factor, uint8_t *rgb, size_t bytes)
{
    uint8_t table[256];
    for (int value = 0; value < 256; value++) {
        float v = (float)from + factor * (float)(value - from);
        table[value] = (uint8_t)(v <= 0 ? 0 : v >= 255 ? 255 : v);
    }
    for (size_t i = 0; i < bytes; i++)
        rgb[i] = table[rgb[i]];
}

void ij_colour(ij_colour_change change, double amount, uint8_t *rgb, size_t count)
{
    const ij_pixel_rows *rows = ij_pixel_rows_best();
    if (!count)
        return;
    switch (change) {
    case IJ_COLOUR_BRIGHTNESS:
        blend_all(0, (float)amount, rgb, count * 3);
        break;
    case IJ_COLOUR_CONTRAST:
        blend_all((int)((double)rows->sum_luma(rgb, count) / (double)count + 0.5), (float)amount, rgb, count * 3);
        break;
    case IJ_COLOUR_SATURATION:
        rows->saturate(rgb, count, (float)amount);
        break;
    case IJ_COLOUR_HUE: /* cut towards zero, then modulo 256, as numpy.uint8(amount * 255) is */
        rows->turn_hue(rgb, count, (uint8_t)((int)(amount * 255) & 255));
        break;
    case IJ_COLOUR_GREY:
        rows->grey(rgb, count);
        break;
    }
}
