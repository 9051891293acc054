#include "frontend/picture.h"

#include <stdlib.h>
#include <string.h>

ij_status ij_picture_create(ij_picture *p, int width, int height)
{
    *p = (ij_picture){.width = width, .height = height};
    p->pixels = calloc((size_t)width * (size_t)height, 3);
    return p->pixels ? IJ_OK : ij_fail(IJ_ENOMEM, "no memory for a picture of %d x %d pixels", width, height);
}

void ij_picture_free(ij_picture *p)
{
    free(p->pixels);
    *p = (ij_picture){0};
}

/* The mean of factor x factor pixels. */
static void mean_pixel(const uint8_t *pixels, int size, int x, int y, int factor, uint8_t *out)
{
    for (int c = 0; c < 3; c++) {
        int sum = 0;
        for (int j = 0; j < factor; j++)
            for (int i = 0; i < factor; i++)
                sum += pixels[((size_t)(y + j) * (size_t)size + (size_t)(x + i)) * 3 + (size_t)c];
        out[c] = (uint8_t)((sum + factor * factor / 2) / (factor * factor));
    }
}

ij_status ij_picture_shrink(ij_picture *p, const uint8_t *pixels, int size, int most)
{
    int factor = (size + most - 1) / most, edge = size / factor;
    ij_status status = ij_picture_create(p, edge, edge);
    if (status)
        return status;
    for (int y = 0; y < edge; y++)
        for (int x = 0; x < edge; x++)
            mean_pixel(pixels, size, x * factor, y * factor, factor, p->pixels + (y * edge + x) * 3);
    return IJ_OK;
}

void ij_picture_fill(ij_picture *p, int left, int top, int width, int height, const uint8_t colour[3])
{
    for (int y = top < 0 ? 0 : top; y < top + height && y < p->height; y++)
        for (int x = left < 0 ? 0 : left; x < left + width && x < p->width; x++)
            memcpy(p->pixels + ((size_t)y * (size_t)p->width + (size_t)x) * 3, colour, 3);
}

void ij_picture_paste(ij_picture *p, int left, int top, const uint8_t *pixels, int size, int zoom)
{
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            ij_picture_fill(p, left + x * zoom, top + y * zoom, zoom, zoom, pixels + (y * size + x) * 3);
}

void ij_heat_colour(double value, uint8_t colour[3])
{
    /* Seven stops, in between straight lines. */
    static const double stops[][3] = {{13, 8, 43},    {68, 15, 110},  {132, 32, 107}, {191, 54, 84},
                                      {236, 105, 44}, {251, 180, 26}, {250, 253, 180}};
    enum { LAST = sizeof stops / sizeof stops[0] - 1 };
    double at = (value > 0 ? value < 1 ? value : 1 : 0) * LAST;
    int below = at < LAST ? (int)at : LAST - 1;
    for (int c = 0; c < 3; c++)
        colour[c] = (uint8_t)(stops[below][c] + (at - below) * (stops[below + 1][c] - stops[below][c]) + 0.5);
}
