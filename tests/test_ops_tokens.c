/* Moving tokens about: patches out of images, the predictor's sequences and back, sums and means of rows.
 *
 * Tolerance: copies and single additions are right to a rounding, 2^-24; sums of n terms to about sqrt(n) of those:
 * 1e-6 for the 600 rows here. */
#include "engine/ops/tokens.h"

#include "tests/checkcl.h"
#include "tests/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define TOLERANCE 1e-6

static size_t product(int a, int b)
{
    return (size_t)a * (size_t)b;
}

static cl_mem floats(check *c, const float *x, size_t n)
{
    return check_input(c, x, n * sizeof *x);
}

static cl_mem ints(check *c, const int32_t *x, size_t n)
{
    return check_input(c, x, n * sizeof *x);
}

static int draw_width(check *c)
{
    static const int widths[] = {4, 8, 12, 24, 48, 88, 176, 200, 384};
    return widths[check_draw(c, 0, (int)(sizeof widths / sizeof *widths) - 1)];
}

static void patchify(check *c)
{
    static const int sizes[][2] = {{8, 4}, {12, 4}, {15, 5}, {28, 7}, {32, 16}, {3, 1}, {6, 6}};
    ij_tokens t;
    check_ok(c, ij_tokens_create(&t, c->device));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int crop = sizes[i][0], size = sizes[i][1], images = check_draw(c, 1, 5), count = check_draw(c, 1, 60);
        int first = check_draw(c, 0, 2);
        check_shape(c, "%d patches of %d in %d images of %d from %d on", count, size, images, crop, first);
        size_t area = product(crop * crop, 3), bytes = (size_t)(first + images) * area,
               n = product(count, 3 * size * size);
        uint8_t *pixels = check_host(c, bytes);
        for (size_t k = 0; k < bytes; k++)
            pixels[k] = (uint8_t)check_draw(c, 0, 255);
        int32_t *image = check_numbers(c, count, images);
        int32_t *patch = check_numbers(c, count, crop / size * (crop / size));
        double *want = check_doubles(c, n);
        cl_mem out = check_output(c, n);
        reference_patchify(pixels + (size_t)first * area, image, patch, count, crop, size, want);
        check_ok(c, ij_patchify(&t, check_input(c, pixels, bytes), first, ints(c, image, (size_t)count),
                                ints(c, patch, (size_t)count), out, count, crop, size));
        check_close(c, "patches", check_read(c, out), want, n, TOLERANCE);
        check_end(c);
    }
    ij_tokens_destroy(&t);
}

/* A patch of one colour among them: all of it is zero. */
static void pixel_targets(check *c)
{
    static const int sizes[][2] = {{8, 4}, {15, 5}, {28, 7}, {32, 16}, {3, 1}, {6, 6}};
    ij_tokens t;
    check_ok(c, ij_tokens_create(&t, c->device));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int crop = sizes[i][0], size = sizes[i][1], images = check_draw(c, 1, 5), count = check_draw(c, 1, 60);
        int patches = crop / size * (crop / size), width = 3 * size * size, first = check_draw(c, 0, 2);
        check_shape(c, "%d patches of %d in %d images of %d from %d on", count, size, images, crop, first);
        size_t area = product(crop * crop, 3), bytes = (size_t)(first + images) * area, n = product(count, width);
        uint8_t *pixels = check_host(c, bytes);
        for (size_t k = 0; k < bytes; k++)
            pixels[k] = (uint8_t)(i == 1 ? 77 : check_draw(c, 0, 255));
        int32_t *rows = check_numbers(c, count, images * patches);
        double *want = check_doubles(c, n);
        cl_mem out = check_output(c, n);
        reference_pixel_targets(pixels + (size_t)first * area, rows, count, crop, size, 1e-3, want);
        check_ok(c, ij_pixel_targets(&t, check_input(c, pixels, bytes), first, ints(c, rows, (size_t)count), out, count,
                                     crop, size, 1e-3f));
        /* a sum of hundreds of values, and what is left of a value without its mean */
        check_close(c, "normalised patches", check_read(c, out), want, n, 4e-6);
        check_end(c);
    }
    ij_tokens_destroy(&t);
}

static void assemble(check *c)
{
    ij_tokens t;
    check_ok(c, ij_tokens_create(&t, c->device));
    for (int i = 0; i < 10; i++) {
        int dim = draw_width(c), tokens = check_draw(c, 1, 40), patches = check_draw(c, 1, 30);
        int count = i ? check_draw(c, 1, 300) : 1;
        check_shape(c, "%d rows of %d", count, dim);
        float *context = check_normals(c, product(tokens, dim), 0.0f, 1.0f);
        float *mask_token = check_normals(c, (size_t)dim, 0.0f, 1.0f);
        float *position = check_normals(c, product(patches, dim), 0.0f, 1.0f);
        int32_t *source = check_host(c, (size_t)count * sizeof *source);
        for (int r = 0; r < count; r++)
            source[r] = check_draw(c, -patches, tokens - 1);
        size_t n = product(count, dim);
        double *want = check_doubles(c, n);
        cl_mem out = check_output(c, n);
        reference_assemble(context, mask_token, position, source, count, dim, want);
        check_ok(c, ij_assemble(&t, floats(c, context, product(tokens, dim)), floats(c, mask_token, (size_t)dim),
                                floats(c, position, product(patches, dim)), ints(c, source, (size_t)count), out, count,
                                dim));
        check_close(c, "sequences", check_read(c, out), want, n, TOLERANCE);
        check_end(c);
    }
    ij_tokens_destroy(&t);
}

static void disassemble(check *c)
{
    ij_tokens t;
    check_ok(c, ij_tokens_create(&t, c->device));
    for (int i = 0; i < 10; i++) {
        int dim = draw_width(c), stride = check_draw(c, 1, 80), blocks = i % 5 + 1, tokens = check_draw(c, 1, stride);
        check_shape(c, "%d of %d rows in %d blocks of %d", tokens, stride, blocks, dim);
        float *d = check_normals(c, product(stride * blocks, dim), 0.0f, 1.0f);
        int32_t *place = check_distinct(c, tokens, stride);
        size_t n = product(tokens, dim);
        double *want = check_doubles(c, n);
        cl_mem dcontext = check_output(c, n);
        reference_disassemble(d, place, tokens, blocks, stride, dim, want);
        check_ok(c, ij_disassemble(&t, floats(c, d, product(stride * blocks, dim)), ints(c, place, (size_t)tokens),
                                   dcontext, tokens, blocks, stride, dim));
        check_close(c, "dcontext", check_read(c, dcontext), want, n, TOLERANCE);
        check_end(c);
    }
    ij_tokens_destroy(&t);
}

/* Some rows of many, out and back in. */
static void gather_scatter(check *c)
{
    ij_tokens t;
    check_ok(c, ij_tokens_create(&t, c->device));
    for (int i = 0; i < 10; i++) {
        int dim = draw_width(c), count = i ? check_draw(c, 1, 200) : 1, all = count + check_draw(c, 0, 100);
        check_shape(c, "%d of %d rows of %d", count, all, dim);
        size_t n = product(all, dim), width = (size_t)dim;
        float *x = check_normals(c, n, 0.0f, 1.0f), *some = check_normals(c, product(count, dim), 0.0f, 1.0f);
        int32_t *rows = check_distinct(c, count, all);
        double *gathered = check_doubles(c, product(count, dim)), *set = check_doubles(c, n),
               *sum = check_doubles(c, n);
        for (size_t k = 0; k < n; k++)
            set[k] = sum[k] = x[k];
        for (size_t k = 0; k < product(count, dim); k++) {
            size_t there = (size_t)rows[k / width] * width + k % width;
            gathered[k] = x[there];
            set[there] = some[k];
            sum[there] += some[k];
        }
        cl_mem list = ints(c, rows, (size_t)count), from = floats(c, some, product(count, dim));
        cl_mem out = check_output(c, product(count, dim));
        cl_mem to[] = {check_changing(c, x, n * sizeof *x), check_changing(c, x, n * sizeof *x)};
        check_ok(c, ij_gather_rows(&t, floats(c, x, n), list, out, count, dim));
        check_ok(c, ij_scatter_rows(&t, from, list, to[0], count, dim, false));
        check_ok(c, ij_scatter_rows(&t, from, list, to[1], count, dim, true));
        check_close(c, "gathered", check_read(c, out), gathered, product(count, dim), 0.0);
        check_close(c, "scattered", check_read(c, to[0]), set, n, 0.0);
        check_close(c, "added", check_read(c, to[1]), sum, n, TOLERANCE);
        check_end(c);
    }
    ij_tokens_destroy(&t);
}

static void sum_rows(check *c)
{
    ij_tokens t;
    check_ok(c, ij_tokens_create(&t, c->device));
    for (int i = 0; i < 10; i++) {
        int dim = draw_width(c), count = i ? check_draw(c, 1, 600) : 1, all = count + check_draw(c, 0, 100);
        check_shape(c, "%d of %d rows of %d", count, all, dim);
        t.partial = check_output(c, ij_tokens_partial(c->device, dim));
        float *d = check_normals(c, product(all, dim), 0.0f, 1.0f);
        int32_t *rows = check_distinct(c, count, all);
        double *want = check_doubles(c, (size_t)dim);
        cl_mem sum = check_output(c, (size_t)dim);
        reference_sum_rows(d, rows, count, dim, want);
        cl_mem d_mem = floats(c, d, product(all, dim)), rows_mem = ints(c, rows, (size_t)count);
        check_ok(c, ij_sum_rows(&t, d_mem, rows_mem, sum, count, dim, false));
        check_close(c, "sum", check_read(c, sum), want, (size_t)dim, TOLERANCE);
        check_ok(c, ij_sum_rows(&t, d_mem, rows_mem, sum, count, dim, true));
        for (int j = 0; j < dim; j++)
            want[j] *= 2;
        check_close(c, "sum, added", check_read(c, sum), want, (size_t)dim, TOLERANCE);
        check_end(c);
    }
    ij_tokens_destroy(&t);
}

static void mean_pool(check *c)
{
    ij_tokens t;
    check_ok(c, ij_tokens_create(&t, c->device));
    for (int i = 0; i < 10; i++) {
        int dim = draw_width(c), images = check_draw(c, 1, 7), side = i ? check_draw(c, 1, 16) : 1;
        int patches = side * side, cells = i % 3 + 1, rows = images * cells * cells, first = check_draw(c, 0, 2);
        check_shape(c, "%d images of %d x %d patches of %d, %d cells, from %d on", images, side, side, dim,
                    cells * cells, first);
        size_t n = product(images * patches, dim), width = product(rows, dim);
        float *x = check_normals(c, n, 0.0f, 1.0f);
        double *want = check_doubles(c, width);
        size_t before = product(first * cells * cells, dim);
        cl_mem features = check_output(c, before + width);
        reference_mean_pool(x, images, side, cells, dim, want);
        check_ok(c, ij_mean_pool(&t, floats(c, x, n), features, first, images, side, cells, dim));
        check_close(c, "features", check_read(c, features) + before, want, width, TOLERANCE);
        const float *got = check_read(c, features);
        for (size_t k = 0; k < before; k++) /* other images' are not touched */
            assert_true(check_poisoned(got + k));
        check_end(c);
    }
    ij_tokens_destroy(&t);
}

const check_case check_tokens[] = {
    {"tokens/patchify", patchify, false},
    {"tokens/pixel_targets", pixel_targets, false},
    {"tokens/assemble", assemble, false},
    {"tokens/disassemble", disassemble, false},
    {"tokens/gather_scatter", gather_scatter, false},
    {"tokens/sum_rows", sum_rows, false},
    {"tokens/mean_pool", mean_pool, false},
    {NULL, NULL, false},
};
