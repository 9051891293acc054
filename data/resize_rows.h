/* The inner loops of the resizer, behind one table of functions for each instruction set: the same source compiled more
 * than once. All tables give the same bits. Used by resize.c and its test. */
#ifndef IJ_DATA_RESIZE_ROWS_H
#define IJ_DATA_RESIZE_ROWS_H

#include <stddef.h>
#include <stdint.h>

/* R, G, B and unused: one vector register. */
typedef struct ij_pixel {
    _Alignas(16) float lane[4];
} ij_pixel;

/* The source samples that one output is made of. */
typedef struct ij_taps {
    int start, count;
} ij_taps;

typedef struct ij_resize_rows {
    const char *name;

    /* line[i] = bytes[i], `count` of them. */
    void (*widen)(const uint8_t *bytes, ij_pixel *line, size_t count);

    /* The horizontal pass: out[i] = sum over k < length of weight[i * length + k] * line[at[i].start + k] for i < size,
     * rounded to whole numbers as Pillow does between the passes. `length` is even. */
    void (*across)(const ij_taps *at, const ij_pixel *weight, int length, const ij_pixel *line, int size,
                   ij_pixel *out);

    /* The vertical pass: out[i] = sum over k < rows of weight[k] * source[k][i], rounded, for i < count. `sum` holds
     * `count` floats of scratch. */
    void (*down)(const float *const *source, const float *weight, int rows, size_t count, float *sum, uint8_t *out);
} ij_resize_rows;

extern const ij_resize_rows ij_resize_rows_plain;
#ifdef IJ_HAVE_AVX2
extern const ij_resize_rows ij_resize_rows_avx2;
#endif

/* The fastest table that this machine can run. */
const ij_resize_rows *ij_resize_rows_best(void);

#endif
