/* Weights, and which rows are kept; the arithmetic is in resize_rows.c. It is in float: 24 bits of mantissa hold
 * Pillow's 22-bit fixed point but for exact ties, and float multiplication is what every vector unit has. */
#include "data/resize.h"

#include "data/resize_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One direction: output i is the sum over k < at[i].count of weight[i * most + k] * source[at[i].start + k]. */
typedef struct axis {
    ij_taps *at;
    float *weight; /* [size, most], zero from at[i].count on */
    int most;      /* taps an output can have */
    size_t at_capacity, weight_capacity;
} axis;

struct ij_resizer {
    const ij_resize_rows *rows;
    axis across, down;
    ij_pixel *spread;     /* the weights of `across`, each in every lane, [size, spread_length] */
    int spread_length;    /* the longest window, rounded up to an even number */
    ij_pixel *line;       /* the source row, [width] and spread_length zeros that windows of weight zero reach */
    ij_pixel *ring;       /* the last down.most rows after the horizontal pass, [down.most, size] */
    ij_pixel *sum;        /* an output row while it is added up, [size] */
    const float **source; /* the ring rows that make an output row, [down.most] */
    uint8_t *row;         /* and when it is done, [size, 4] */
    size_t spread_capacity, line_capacity, ring_capacity, sum_capacity, source_capacity, row_capacity;
    int width, size;
    int pushed;  /* source rows seen */
    int written; /* output rows written */
    uint8_t *out;
};

ij_status ij_resizer_create(ij_resizer **resizer)
{
    *resizer = calloc(1, sizeof **resizer);
    if (!*resizer)
        return ij_fail(IJ_ENOMEM, "no memory for an image resizer");
    (*resizer)->rows = ij_resize_rows_best();
    return IJ_OK;
}

void ij_resizer_destroy(ij_resizer *resizer)
{
    if (!resizer)
        return;
    free(resizer->across.at);
    free(resizer->across.weight);
    free(resizer->down.at);
    free(resizer->down.weight);
    free(resizer->line);
    free(resizer->spread);
    free(resizer->ring);
    free(resizer->sum);
    free(resizer->source);
    free(resizer->row);
    free(resizer);
}

/* The longest list of taps that axis_plan makes. */
static size_t most_taps(int source, int size)
{
    size_t most = 2 * ((size_t)source / (size_t)size + 1) + 1;
    return most < (size_t)source ? most : (size_t)source;
}

size_t ij_resizer_bytes(int width, int height, int size)
{
    size_t edge = (size_t)size, across = most_taps(width, size), down = most_taps(height, size);
    size_t weights = edge * (across + down) * sizeof(float) + 2 * edge * sizeof(ij_taps);
    size_t spread = edge * (across + 1) * sizeof(ij_pixel), line = ((size_t)width + across + 1) * sizeof(ij_pixel);
    size_t rows = edge * (down + 1) * sizeof(ij_pixel) + down * sizeof(float *) + edge * 4;
    return sizeof(ij_resizer) + weights + spread + line + rows + 8 * sizeof(ij_pixel);
}

/* Makes *memory hold `count` items of `size` bytes, aligned for a pixel; what it held is lost. */
static ij_status reserve(void *memory, size_t *capacity, size_t count, size_t size)
{
    void **pointer = memory;
    if (count <= *capacity)
        return IJ_OK;
    free(*pointer);
    *capacity = 0;
    *pointer =
        aligned_alloc(sizeof(ij_pixel), (count * size + sizeof(ij_pixel) - 1) / sizeof(ij_pixel) * sizeof(ij_pixel));
    if (!*pointer)
        return ij_fail(IJ_ENOMEM, "no memory to resize an image: %zu bytes", count * size);
    *capacity = count;
    return IJ_OK;
}

/* ---- Weights ---------------------------------------------------------------------------------------------------- */

static double triangle(double x)
{
    double y = 1 - fabs(x);
    return y > 0 ? y : 0; /* fmax is a call */
}

/* Pillow's precompute_coeffs for one output, less the taps of weight zero at its ends; in steps of 2^-22, as its
 * normalize_coeffs_8bpc, which float holds exactly. */
static ij_taps taps_at(double centre, double stretch, int source, float *weight)
{
    double begins = centre - stretch + 0.5, ends = centre + stretch + 0.5, shrink = 1 / stretch;
    int first = begins > 0 ? (int)begins : 0, end = ends < source ? (int)ends : source;
    while (first < end - 1 && triangle((first - centre + 0.5) * shrink) <= 0)
        first++;
    while (first < end - 1 && triangle((end - 1 - centre + 0.5) * shrink) <= 0)
        end--;
    double sum = 0;
    for (int x = first; x < end; x++)
        sum += triangle((x - centre + 0.5) * shrink);
    for (int x = first; x < end; x++)
        weight[x - first] = (float)(floor(triangle((x - centre + 0.5) * shrink) / sum * 0x1p22 + 0.5) * 0x1p-22);
    return (ij_taps){first, end - first};
}

/* Outputs of which each takes (to - from) / size source samples, the first beginning at `from`. */
static ij_status axis_plan(axis *a, int source, double from, double to, int size, bool flip)
{
    double scale = (to - from) / size, stretch = scale < 1 ? 1 : scale;
    a->most = (int)ceil(stretch * 2) + 1;
    if (a->most > source)
        a->most = source;
    size_t weights = (size_t)size * (size_t)a->most;
    ij_status status = reserve(&a->at, &a->at_capacity, (size_t)size, sizeof *a->at);
    if (!status)
        status = reserve(&a->weight, &a->weight_capacity, weights, sizeof *a->weight);
    if (status)
        return status;
    memset(a->weight, 0, weights * sizeof *a->weight);
    for (int i = 0; i < size; i++) {
        int slot = flip ? size - 1 - i : i;
        a->at[slot] = taps_at(from + (i + 0.5) * scale, stretch, source, a->weight + (size_t)slot * (size_t)a->most);
    }
    return IJ_OK;
}

/* The horizontal weights, each in every lane, windows rounded up to an even length. */
static ij_status spread_weights(ij_resizer *r, int size)
{
    const axis *a = &r->across;
    int longest = 1;
    for (int i = 0; i < size; i++)
        longest = a->at[i].count > longest ? a->at[i].count : longest;
    r->spread_length = (longest + 1) / 2 * 2;
    size_t count = (size_t)size * (size_t)r->spread_length;
    ij_status status = reserve(&r->spread, &r->spread_capacity, count, sizeof *r->spread);
    if (status)
        return status;
    ij_pixel *out = r->spread;
    for (int i = 0; i < size; i++)
        for (int k = 0; k < r->spread_length; k++, out++)
            for (int c = 0; c < 4; c++)
                out->lane[c] = k < a->at[i].count ? a->weight[(size_t)i * (size_t)a->most + (size_t)k] : 0;
    return IJ_OK;
}

ij_status ij_resizer_start(ij_resizer *r, int width, int height, ij_box box, int size, bool flip, uint8_t *out)
{
    r->width = width;
    r->size = size;
    r->pushed = r->written = 0;
    r->out = out;
    ij_status status = axis_plan(&r->across, width, box.left, box.right, size, flip);
    if (!status)
        status = axis_plan(&r->down, height, box.top, box.bottom, size, false);
    if (!status)
        status = spread_weights(r, size);
    if (!status)
        status = reserve(&r->line, &r->line_capacity, (size_t)(width + r->spread_length), sizeof *r->line);
    if (!status)
        status = reserve(&r->ring, &r->ring_capacity, (size_t)size * (size_t)r->down.most, sizeof *r->ring);
    if (!status)
        status = reserve(&r->sum, &r->sum_capacity, (size_t)size, sizeof *r->sum);
    if (!status)
        status = reserve(&r->source, &r->source_capacity, (size_t)r->down.most, sizeof *r->source);
    if (!status)
        status = reserve(&r->row, &r->row_capacity, (size_t)size * 4, 1);
    if (!status)
        memset(r->line + width, 0, (size_t)r->spread_length * sizeof *r->line);
    return status;
}

/* ---- Rows ------------------------------------------------------------------------------------------------------- */

/* Drops the fourth byte of every pixel: each is written with it and overwritten by the next. */
static void pack(const uint8_t *restrict rgbx, int size, uint8_t *restrict rgb)
{
    for (int i = 0; i < size - 1; i++)
        memcpy(rgb + i * 3, rgbx + i * 4, 4);
    memcpy(rgb + (size - 1) * 3, rgbx + (size - 1) * 4, 3);
}

/* Source row `row` after the horizontal pass, [size]. */
static ij_pixel *ring_row(const ij_resizer *r, int row)
{
    return r->ring + (size_t)(row % r->down.most) * (size_t)r->size;
}

static void write_row(ij_resizer *r, int row)
{
    ij_taps at = r->down.at[row];
    const float *weight = r->down.weight + (size_t)row * (size_t)r->down.most;
    for (int k = 0; k < at.count; k++)
        r->source[k] = ring_row(r, at.start + k)->lane;
    r->rows->down(r->source, weight, at.count, (size_t)r->size * 4, r->sum->lane, r->row);
    pack(r->row, r->size, r->out + (size_t)row * (size_t)r->size * 3);
}

void ij_resizer_push(ij_resizer *r, const uint8_t *rgbx)
{
    r->rows->widen(rgbx, r->line, (size_t)r->width * 4);
    r->rows->across(r->across.at, r->spread, r->spread_length, r->line, r->size, ring_row(r, r->pushed));
    r->pushed++;
    while (r->written < r->size && r->down.at[r->written].start + r->down.at[r->written].count <= r->pushed)
        write_row(r, r->written++);
}
