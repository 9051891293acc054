/* Arithmetic is in float: 24 bits of mantissa hold Pillow's 22-bit fixed point but for exact ties, and float
 * multiplication is what every vector unit has. The inner loops are written for the compilers' vectorisers: fixed trip
 * counts, no aliasing, a pixel as four lanes. */
#include "data/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* R, G, B and unused: one vector register. */
typedef struct pixel {
    _Alignas(16) float lane[4];
} pixel;

/* The source samples that one output is made of. */
typedef struct window {
    int start, count;
} window;

/* One direction: output i is the sum over k < window[i].count of weight[i * taps + k] * source[window[i].start + k]. */
typedef struct axis {
    window *window;
    float *weight; /* [size, taps], zero from a window's count on */
    int taps;
    size_t window_capacity, weight_capacity;
} axis;

struct ij_resizer {
    axis across, down;
    pixel *spread;   /* the weights of `across`, each in every lane, [size, spread_taps] */
    int spread_taps; /* the longest window, rounded up to an even number */
    pixel *line;     /* the source row, [width] and spread_taps zeros that windows of weight zero reach */
    pixel *ring;     /* the last down.taps rows after the horizontal pass, [down.taps, size] */
    pixel *sum;      /* an output row while it is added up, [size] */
    uint8_t *row;    /* and when it is done, [size, 4] */
    size_t spread_capacity, line_capacity, ring_capacity, sum_capacity, row_capacity;
    int width, size;
    int pushed;  /* source rows seen */
    int written; /* output rows written */
    uint8_t *out;
};

ij_status ij_resizer_create(ij_resizer **resizer)
{
    *resizer = calloc(1, sizeof **resizer);
    return *resizer ? IJ_OK : ij_fail(IJ_ENOMEM, "no memory for an image resizer");
}

void ij_resizer_destroy(ij_resizer *resizer)
{
    if (!resizer)
        return;
    free(resizer->across.window);
    free(resizer->across.weight);
    free(resizer->down.window);
    free(resizer->down.weight);
    free(resizer->line);
    free(resizer->spread);
    free(resizer->ring);
    free(resizer->sum);
    free(resizer->row);
    free(resizer);
}

/* Makes *memory hold `count` items of `size` bytes, aligned for a pixel; what it held is lost. */
static ij_status reserve(void *memory, size_t *capacity, size_t count, size_t size)
{
    void **pointer = memory;
    if (count <= *capacity)
        return IJ_OK;
    free(*pointer);
    *capacity = 0;
    *pointer = aligned_alloc(sizeof(pixel), (count * size + sizeof(pixel) - 1) / sizeof(pixel) * sizeof(pixel));
    if (!*pointer)
        return ij_fail(IJ_ENOMEM, "no memory to resize an image: %zu bytes", count * size);
    *capacity = count;
    return IJ_OK;
}

/* ---- Weights ------------------------------------------------------------------------------------------------------
 */

static double triangle(double x)
{
    return fmax(0, 1 - fabs(x));
}

/* Pillow's precompute_coeffs for one output, less the taps of weight zero at its ends. */
static window window_at(double centre, double stretch, int source, float *weight)
{
    int first = (int)fmax(centre - stretch + 0.5, 0), end = (int)fmin(centre + stretch + 0.5, source);
    while (first < end - 1 && triangle((first - centre + 0.5) / stretch) <= 0)
        first++;
    while (first < end - 1 && triangle((end - 1 - centre + 0.5) / stretch) <= 0)
        end--;
    double sum = 0;
    for (int x = first; x < end; x++)
        sum += triangle((x - centre + 0.5) / stretch);
    for (int x = first; x < end; x++)
        weight[x - first] = (float)(triangle((x - centre + 0.5) / stretch) / sum);
    return (window){first, end - first};
}

/* Outputs of which each takes (to - from) / size source samples, the first beginning at `from`. */
static ij_status axis_plan(axis *a, int source, double from, double to, int size, bool flip)
{
    double scale = (to - from) / size, stretch = scale < 1 ? 1 : scale;
    a->taps = (int)ceil(stretch * 2) + 1;
    if (a->taps > source)
        a->taps = source;
    size_t weights = (size_t)size * (size_t)a->taps;
    ij_status status = reserve(&a->window, &a->window_capacity, (size_t)size, sizeof *a->window);
    if (!status)
        status = reserve(&a->weight, &a->weight_capacity, weights, sizeof *a->weight);
    if (status)
        return status;
    memset(a->weight, 0, weights * sizeof *a->weight);
    for (int i = 0; i < size; i++) {
        int slot = flip ? size - 1 - i : i;
        a->window[slot] =
            window_at(from + (i + 0.5) * scale, stretch, source, a->weight + (size_t)slot * (size_t)a->taps);
    }
    return IJ_OK;
}

/* The horizontal weights, each in every lane, windows rounded up to an even length. */
static ij_status spread_weights(ij_resizer *r, int size)
{
    const axis *a = &r->across;
    int longest = 1;
    for (int i = 0; i < size; i++)
        longest = a->window[i].count > longest ? a->window[i].count : longest;
    r->spread_taps = (longest + 1) / 2 * 2;
    size_t count = (size_t)size * (size_t)r->spread_taps;
    ij_status status = reserve(&r->spread, &r->spread_capacity, count, sizeof *r->spread);
    if (status)
        return status;
    pixel *out = r->spread;
    for (int i = 0; i < size; i++)
        for (int k = 0; k < r->spread_taps; k++, out++)
            for (int c = 0; c < 4; c++)
                out->lane[c] = k < a->window[i].count ? a->weight[(size_t)i * (size_t)a->taps + (size_t)k] : 0;
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
        status = reserve(&r->line, &r->line_capacity, (size_t)(width + r->spread_taps), sizeof *r->line);
    if (!status)
        status = reserve(&r->ring, &r->ring_capacity, (size_t)size * (size_t)r->down.taps, sizeof *r->ring);
    if (!status)
        status = reserve(&r->sum, &r->sum_capacity, (size_t)size, sizeof *r->sum);
    if (!status)
        status = reserve(&r->row, &r->row_capacity, (size_t)size * 4, 1);
    if (!status)
        memset(r->line + width, 0, (size_t)r->spread_taps * sizeof *r->line);
    return status;
}

/* ---- Rows ---------------------------------------------------------------------------------------------------------
 */

static void widen(const uint8_t *restrict bytes, float *restrict line, size_t count)
{
    for (size_t i = 0; i < count; i++)
        line[i] = (float)bytes[i];
}

/* The horizontal pass, with rounding to whole numbers as Pillow does between the passes; the weights add up to 1, so
 * nothing needs clipping. */
static inline void across(const window *restrict at, const pixel *restrict weight, int taps, const pixel *restrict line,
                          int size, pixel *restrict out)
{
    for (int i = 0; i < size; i++) {
        const pixel *restrict p = line + at[i].start;
        const pixel *restrict w = weight + (size_t)i * (size_t)taps;
        pixel sum = {{0.5f, 0.5f, 0.5f, 0.5f}};
        for (int k = 0; k < taps; k += 2)
            for (int c = 0; c < 4; c++)
                sum.lane[c] += w[k].lane[c] * p[k].lane[c] + w[k + 1].lane[c] * p[k + 1].lane[c];
        for (int c = 0; c < 4; c++)
            out[i].lane[c] = (float)(int)sum.lane[c];
    }
}

/* The usual lengths as constants, for the compiler to unroll. */
static void across_any(const ij_resizer *r, pixel *out)
{
    switch (r->spread_taps) {
    case 2:
        across(r->across.window, r->spread, 2, r->line, r->size, out);
        break;
    case 4:
        across(r->across.window, r->spread, 4, r->line, r->size, out);
        break;
    case 6:
        across(r->across.window, r->spread, 6, r->line, r->size, out);
        break;
    default:
        across(r->across.window, r->spread, r->spread_taps, r->line, r->size, out);
    }
}

static void blend_2(const float *restrict a, const float *restrict b, const float weight[2], size_t count,
                    uint8_t *restrict out)
{
    float u = weight[0], v = weight[1];
    for (size_t i = 0; i < count; i++)
        out[i] = (uint8_t)(int)(u * a[i] + v * b[i] + 0.5f);
}

static void blend_4(const float *restrict a, const float *restrict b, const float *restrict c, const float *restrict d,
                    const float weight[4], size_t count, uint8_t *restrict out)
{
    float u = weight[0], v = weight[1], w = weight[2], x = weight[3];
    for (size_t i = 0; i < count; i++)
        out[i] = (uint8_t)(int)(u * a[i] + v * b[i] + w * c[i] + x * d[i] + 0.5f);
}

static void add(const float *restrict row, float weight, size_t count, float *restrict sum)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += weight * row[i];
}

static void narrow(const float *restrict sum, size_t count, uint8_t *restrict out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (uint8_t)(int)(sum[i] + 0.5f);
}

/* Source row `row` after the horizontal pass. */
static float *ring_row(const ij_resizer *r, int row)
{
    return r->ring[(size_t)(row % r->down.taps) * (size_t)r->size].lane;
}

/* Output row `row`, [size, 4], into r->row. */
static void blend(ij_resizer *r, int row)
{
    window at = r->down.window[row];
    const float *weight = r->down.weight + (size_t)row * (size_t)r->down.taps, *source[4];
    float padded[4] = {0};
    size_t count = (size_t)r->size * 4;
    if (at.count <= 4) {
        for (int k = 0; k < 4; k++) { /* beyond the window any row will do */
            source[k] = ring_row(r, at.start + (k < at.count ? k : 0));
            padded[k] = k < at.count ? weight[k] : 0;
        }
        if (at.count <= 2)
            blend_2(source[0], source[1], padded, count, r->row);
        else
            blend_4(source[0], source[1], source[2], source[3], padded, count, r->row);
        return;
    }
    memset(r->sum, 0, count * sizeof(float));
    for (int k = 0; k < at.count; k++)
        add(ring_row(r, at.start + k), weight[k], count, r->sum->lane);
    narrow(r->sum->lane, count, r->row);
}

/* Drops the fourth byte of every pixel: each is written with it and overwritten by the next. */
static void pack(const uint8_t *restrict rgbx, int size, uint8_t *restrict rgb)
{
    for (int i = 0; i < size - 1; i++)
        memcpy(rgb + i * 3, rgbx + i * 4, 4);
    memcpy(rgb + (size - 1) * 3, rgbx + (size - 1) * 4, 3);
}

void ij_resizer_push(ij_resizer *r, const uint8_t *rgbx)
{
    widen(rgbx, r->line->lane, (size_t)r->width * 4);
    across_any(r, r->ring + (size_t)(r->pushed % r->down.taps) * (size_t)r->size);
    r->pushed++;
    for (; r->written < r->size; r->written++) {
        window at = r->down.window[r->written];
        if (at.start + at.count > r->pushed)
            return;
        blend(r, r->written);
        pack(r->row, r->size, r->out + (size_t)r->written * (size_t)r->size * 3);
    }
}
