#include "data/blur.h"

#include "data/pixel_rows.h"

#include <math.h>
#include <string.h>

enum { PASSES = 3, REACH = 2, PAD = 3 * REACH }; /* PAD: bytes of continued edge on either side of a line */

/* The box's radius, a whole part and a fraction; single and double precision as in Pillow's _gaussian_blur_radius. */
static float box_radius(float radius)
{
    float variance = radius * radius / PASSES;
    float length = (float)sqrt(12.0 * (double)variance + 1.0);
    float whole = (float)floor(((double)length - 1.0) / 2.0);
    float fraction = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance);
    fraction /= 6 * (variance - (whole + 1) * (whole + 1));
    return whole + fraction;
}

/* The filter in 1/2^24: whole pixels of the box weigh `whole`, the two at its ends, `reach` away, weigh `end`. */
typedef struct filter {
    int reach;
    uint32_t whole, end;
} filter;

static filter make_filter(float radius)
{
    float box = box_radius(radius);
    uint32_t wide = (uint32_t)box * 2 + 1;
    uint32_t whole = (uint32_t)((float)(1u << 24) / (box * 2 + 1));
    return (filter){(int)box + 1, whole, ((1u << 24) - wide * whole) / 2};
}

static size_t line_bytes(int size)
{
    return (size_t)size * 3 + 2 * PAD;
}

size_t ij_blur_scratch(int size)
{
    return (size_t)size * (size_t)size * 3 + 2 * line_bytes(size);
}

static void continue_edges(uint8_t *line, size_t bytes)
{
    for (int i = 0; i < REACH; i++) {
        memcpy(line + 3 * i, line + PAD, 3);
        memcpy(line + PAD + bytes + 3 * i, line + PAD + bytes - 3, 3);
    }
}

/* All passes over one row: from `in`, through the two lines, to `out`. */
static void blur_row(const ij_pixel_rows *rows, const uint8_t *in, size_t bytes, filter f, uint8_t *lines[2],
                     uint8_t *out)
{
    memcpy(lines[0] + PAD, in, bytes);
    for (int pass = 0; pass < PASSES; pass++) {
        uint8_t *from = lines[pass % 2];
        continue_edges(from, bytes);
        const uint8_t *at[2 * REACH + 1];
        for (int k = 0; k <= 2 * REACH; k++)
            at[k] = from + 3 * k;
        rows->box(at, f.reach, f.whole, f.end, bytes, pass + 1 < PASSES ? lines[(pass + 1) % 2] + PAD : out);
    }
}

/* One pass down the columns. */
static void blur_down(const ij_pixel_rows *rows, const uint8_t *in, int size, filter f, uint8_t *out)
{
    size_t bytes = (size_t)size * 3;
    for (int y = 0; y < size; y++) {
        const uint8_t *at[2 * REACH + 1];
        for (int k = 0; k <= 2 * REACH; k++) {
            int row = y + k - REACH;
            row = row < 0 ? 0 : row > size - 1 ? size - 1 : row;
            at[k] = in + (size_t)row * bytes;
        }
        rows->box(at, f.reach, f.whole, f.end, bytes, out + (size_t)y * bytes);
    }
}

void ij_blur(uint8_t *pixels, int size, double radius, uint8_t *scratch)
{
    const ij_pixel_rows *rows = ij_pixel_rows_best();
    size_t bytes = (size_t)size * 3;
    uint8_t *image = scratch, *lines[2] = {scratch + (size_t)size * bytes, NULL};
    lines[1] = lines[0] + line_bytes(size);
    filter f = make_filter((float)radius);
    for (int y = 0; y < size; y++)
        blur_row(rows, pixels + (size_t)y * bytes, bytes, f, lines, image + (size_t)y * bytes);
    blur_down(rows, image, size, f, pixels);
    blur_down(rows, pixels, size, f, image);
    blur_down(rows, image, size, f, pixels);
}
