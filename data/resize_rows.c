/* Written for the compilers' vectorisers: fixed trip counts, no aliasing, a pixel as four lanes. Compiled once as it is
 * and once for AVX2, without fused multiply-add, which would round differently. */
#include "data/resize_rows.h"

#include <string.h>

static void widen(const uint8_t *restrict bytes, ij_pixel *restrict line, size_t count)
{
    float *restrict lane = line->lane;
    for (size_t i = 0; i < count; i++)
        lane[i] = (float)bytes[i];
}

/* The weights add up to 1, so nothing needs clipping. */
static inline void across_length(const ij_taps *restrict at, const ij_pixel *restrict weight, int length,
                                 const ij_pixel *restrict line, int size, ij_pixel *restrict out)
{
#ifdef __clang__ /* it would gather several pixels' lanes; one pixel is the vector */
#pragma clang loop vectorize(disable)
#endif
    for (int i = 0; i < size; i++) {
        const ij_pixel *restrict p = line + at[i].start;
        const ij_pixel *restrict w = weight + (size_t)i * (size_t)length;
        ij_pixel sum = {{0.5f, 0.5f, 0.5f, 0.5f}};
        for (int k = 0; k < length; k += 2)
            for (int c = 0; c < 4; c++)
                sum.lane[c] += w[k].lane[c] * p[k].lane[c] + w[k + 1].lane[c] * p[k + 1].lane[c];
        for (int c = 0; c < 4; c++)
            out[i].lane[c] = (float)(int)sum.lane[c];
    }
}

/* The usual lengths as constants, for the compiler to unroll. */
static void across(const ij_taps *at, const ij_pixel *weight, int length, const ij_pixel *line, int size, ij_pixel *out)
{
    switch (length) {
    case 2:
        across_length(at, weight, 2, line, size, out);
        break;
    case 4:
        across_length(at, weight, 4, line, size, out);
        break;
    case 6:
        across_length(at, weight, 6, line, size, out);
        break;
    default:
        across_length(at, weight, length, line, size, out);
    }
}

static void down_1(const float *restrict a, size_t count, uint8_t *restrict out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (uint8_t)(int)(a[i] + 0.5f);
}

static void down_2(const float *restrict a, const float *restrict b, const float *weight, size_t count,
                   uint8_t *restrict out)
{
    float u = weight[0], v = weight[1];
    for (size_t i = 0; i < count; i++)
        out[i] = (uint8_t)(int)(u * a[i] + v * b[i] + 0.5f);
}

static void down_3(const float *restrict a, const float *restrict b, const float *restrict c, const float *weight,
                   size_t count, uint8_t *restrict out)
{
    float u = weight[0], v = weight[1], w = weight[2];
    for (size_t i = 0; i < count; i++)
        out[i] = (uint8_t)(int)(u * a[i] + v * b[i] + w * c[i] + 0.5f);
}

static void down_4(const float *restrict a, const float *restrict b, const float *restrict c, const float *restrict d,
                   const float *weight, size_t count, uint8_t *restrict out)
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

static void down(const float *const *source, const float *weight, int rows, size_t count, float *sum, uint8_t *out)
{
    switch (rows) {
    case 1:
        down_1(source[0], count, out); /* its weight is 1 */
        break;
    case 2:
        down_2(source[0], source[1], weight, count, out);
        break;
    case 3:
        down_3(source[0], source[1], source[2], weight, count, out);
        break;
    case 4:
        down_4(source[0], source[1], source[2], source[3], weight, count, out);
        break;
    default:
        memset(sum, 0, count * sizeof *sum);
        for (int k = 0; k < rows; k++)
            add(source[k], weight[k], count, sum);
        down_1(sum, count, out);
    }
}

#ifdef IJ_BUILD_AVX2

const ij_resize_rows ij_resize_rows_avx2 = {"AVX2", widen, across, down};

#else

const ij_resize_rows ij_resize_rows_plain = {"plain", widen, across, down};

const ij_resize_rows *ij_resize_rows_best(void)
{
#ifdef IJ_HAVE_AVX2
    if (__builtin_cpu_supports("avx2"))
        return &ij_resize_rows_avx2;
#endif
    return &ij_resize_rows_plain;
}

#endif
