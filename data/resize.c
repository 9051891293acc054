/* Arithmetic is in float: 24 bits of mantissa hold Pillow's 22-bit fixed point, and float multiplication is what every
 * vector unit has. Only exact ties could differ, and those are exact in both. */
#include "data/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One direction: output i is the sum over k < taps of weight[i * taps + k] * source[start[i] + k]. */
typedef struct axis {
    int taps;
    int *start;
    float *weight;
    size_t start_capacity, weight_capacity;
} axis;

struct ij_resizer {
    axis across, down;
    float *line; /* the source row as floats, [width, 4] */
    float *ring; /* the last down.taps rows after the horizontal pass, row r at (r % taps) * stride */
    float *sum;  /* one output row before rounding */
    size_t line_capacity, ring_capacity, sum_capacity;
    int width, height, size;
    size_t stride; /* floats a ring row: 3 a pixel and room for the fourth lane of the last */
    int pushed;    /* source rows seen */
    int written;   /* output rows written */
    uint8_t *out;
};

ij_status ij_resizer_create(ij_resizer **resizer)
{
    *resizer = calloc(1, sizeof **resizer);
    return *resizer ? IJ_OK : ij_fail(IJ_ENOMEM, "no memory for an image resizer");
}

static void axis_free(axis *a)
{
    free(a->start);
    free(a->weight);
}

void ij_resizer_destroy(ij_resizer *resizer)
{
    if (!resizer)
        return;
    axis_free(&resizer->across);
    axis_free(&resizer->down);
    free(resizer->line);
    free(resizer->ring);
    free(resizer->sum);
    free(resizer);
}

/* Makes *memory hold `count` items of `size` bytes; what it held is lost. */
static ij_status reserve(void *memory, size_t *capacity, size_t count, size_t size)
{
    void **pointer = memory;
    if (count <= *capacity)
        return IJ_OK;
    free(*pointer);
    *capacity = 0;
    *pointer = malloc(count * size);
    if (!*pointer)
        return ij_fail(IJ_ENOMEM, "no memory to resize an image: %zu bytes", count * size);
    *capacity = count;
    return IJ_OK;
}

/* Pillow's precompute_coeffs for outputs of which `scale` source pixels make one, the first beginning at `from`.
 * Windows are cut to the taps that count and then all brought to one length, inside the source, by weights of zero. */
static ij_status axis_plan(axis *a, int source, double from, double to, int size, bool flip)
{
    double scale = (to - from) / size, stretch = scale < 1 ? 1 : scale, support = stretch;
    size_t most = (size_t)ceil(support) * 2 + 1;
    if (most > (size_t)source)
        most = (size_t)source;
    ij_status status = reserve(&a->start, &a->start_capacity, (size_t)size, sizeof *a->start);
    if (!status)
        status = reserve(&a->weight, &a->weight_capacity, (size_t)size * most, sizeof *a->weight);
    if (status)
        return status;
    a->taps = (int)most;
    for (int i = 0; i < size; i++) {
        double centre = from + (i + 0.5) * scale;
        int first = (int)fmax(centre - support + 0.5, 0), end = (int)fmin(centre + support + 0.5, source);
        if (end > first + a->taps)
            end = first + a->taps;
        int start = first + a->taps > source ? source - a->taps : first;
        int slot = flip ? size - 1 - i : i;
        float *weight = a->weight + (size_t)slot * most;
        a->start[slot] = start;
        double sum = 0;
        for (int x = first; x < end; x++)
            sum += fmax(0, 1 - fabs((x - centre + 0.5) / stretch));
        for (int k = 0; k < a->taps; k++) {
            int x = start + k;
            double w = x >= first && x < end ? fmax(0, 1 - fabs((x - centre + 0.5) / stretch)) : 0;
            weight[k] = sum > 0 ? (float)(w / sum) : 0;
        }
    }
    return IJ_OK;
}

ij_status ij_resizer_start(ij_resizer *r, int width, int height, ij_box box, int size, bool flip, uint8_t *out)
{
    ij_status status = axis_plan(&r->across, width, box.left, box.right, size, flip);
    if (!status)
        status = axis_plan(&r->down, height, box.top, box.bottom, size, false);
    r->stride = (size_t)size * 3 + 1;
    if (!status)
        status = reserve(&r->line, &r->line_capacity, (size_t)width * 4, sizeof(float));
    if (!status)
        status = reserve(&r->ring, &r->ring_capacity, r->stride * (size_t)r->down.taps, sizeof(float));
    if (!status)
        status = reserve(&r->sum, &r->sum_capacity, r->stride, sizeof(float));
    r->width = width;
    r->height = height;
    r->size = size;
    r->pushed = r->written = 0;
    r->out = out;
    return status;
}

/* Rounds as Pillow does between the passes and at the end; the weights add up to 1, so nothing needs clipping. */
static float rounded(float value)
{
    return (float)(int)(value + 0.5f);
}

static void widen(const uint8_t *restrict bytes, float *restrict line, size_t count)
{
    for (size_t i = 0; i < count; i++)
        line[i] = (float)bytes[i];
}

/* A pixel is four lanes, one vector; the fourth falls on the next pixel, which then overwrites it. */
static void across(const axis *a, const float *restrict line, int size, float *restrict out)
{
    for (int i = 0; i < size; i++) {
        const float *restrict pixel = line + (size_t)a->start[i] * 4;
        const float *restrict weight = a->weight + (size_t)i * (size_t)a->taps;
        float lane[4] = {0, 0, 0, 0};
        for (int k = 0; k < a->taps; k++)
            for (int c = 0; c < 4; c++)
                lane[c] += weight[k] * pixel[k * 4 + c];
        for (int c = 0; c < 4; c++)
            out[i * 3 + c] = rounded(lane[c]);
    }
}

static void accumulate(float *restrict sum, const float *restrict row, float weight, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += weight * row[i];
}

static void narrow(const float *restrict sum, uint8_t *restrict out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (uint8_t)(int)(sum[i] + 0.5f);
}

static void down(const ij_resizer *r, int row)
{
    int taps = r->down.taps, start = r->down.start[row];
    const float *weight = r->down.weight + (size_t)row * (size_t)taps;
    size_t count = (size_t)r->size * 3;
    memset(r->sum, 0, count * sizeof *r->sum);
    for (int k = 0; k < taps; k++)
        accumulate(r->sum, r->ring + (size_t)((start + k) % taps) * r->stride, weight[k], count);
    narrow(r->sum, r->out + (size_t)row * count, count);
}

void ij_resizer_push(ij_resizer *r, const uint8_t *rgbx)
{
    int taps = r->down.taps;
    widen(rgbx, r->line, (size_t)r->width * 4);
    across(&r->across, r->line, r->size, r->ring + (size_t)(r->pushed % taps) * r->stride);
    r->pushed++;
    while (r->written < r->size && r->down.start[r->written] + taps <= r->pushed)
        down(r, r->written++);
}
