/* The resizer against a plain double-precision copy of Pillow's Resample.c with its 22-bit fixed point, and the
 * geometry of the training and evaluation crops. */
#include "data/augment.h"
#include "data/resize.h"
#include "data/resize_rows.h"
#include "engine/base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/skip.h"

/* ---- Pillow, plainly -------------------------------------------------------------------------------------------- */

/* One pass over a line of `count` samples that lie `step` apart. */
static void pillow_line(const uint8_t *in, int count, size_t step, double from, double to, int size, uint8_t *out,
                        size_t out_step)
{
    double scale = (to - from) / size, stretch = fmax(scale, 1), support = stretch;
    for (int i = 0; i < size; i++) {
        double centre = from + (i + 0.5) * scale, sum = 0;
        int first = (int)(centre - support + 0.5), end = (int)(centre + support + 0.5);
        first = first < 0 ? 0 : first;
        end = end > count ? count : end;
        for (int x = first; x < end; x++)
            sum += fmax(0, 1 - fabs((x - centre + 0.5) / stretch));
        int total = 1 << 21;
        for (int x = first; x < end; x++)
            total +=
                in[(size_t)x * step] * (int)(0.5 + fmax(0, 1 - fabs((x - centre + 0.5) / stretch)) / sum * (1 << 22));
        out[(size_t)i * out_step] = (uint8_t)(total >> 22);
    }
}

/* [height, width, 4] to [size, size, 3]. */
static void pillow(const uint8_t *in, int width, int height, ij_box box, int size, uint8_t *out)
{
    uint8_t *middle = malloc((size_t)size * (size_t)height);
    assert_non_null(middle);
    size_t pitch = (size_t)width * 4, edge = (size_t)size;
    for (size_t c = 0; c < 3; c++) {
        for (size_t y = 0; y < (size_t)height; y++)
            pillow_line(in + y * pitch + c, width, 4, box.left, box.right, size, middle + y * edge, 1);
        for (size_t x = 0; x < edge; x++)
            pillow_line(middle + x, height, edge, box.top, box.bottom, size, out + x * 3 + c, edge * 3);
    }
    free(middle);
}

static void resize(ij_resizer *resizer, const uint8_t *in, int width, int height, ij_box box, int size, bool flip,
                   uint8_t *out)
{
    assert_int_equal(ij_resizer_start(resizer, width, height, box, size, flip, out), IJ_OK);
    for (int y = 0; y < height; y++)
        ij_resizer_push(resizer, in + (size_t)y * (size_t)width * 4);
}

static void test_equals_pillow(void **state)
{
    (void)state;
    ij_resizer *resizer;
    assert_int_equal(ij_resizer_create(&resizer), IJ_OK);
    ij_random random;
    ij_random_start(&random, 1, IJ_STREAM_TEST, 0, 0);
    size_t bytes_seen = 0, differing = 0;
    for (int round = 0; round < 400; round++) {
        int width = 1 + (int)ij_random_below(&random, 120), height = 1 + (int)ij_random_below(&random, 120);
        int size = 1 + (int)ij_random_below(&random, 80);
        ij_box box = {0, 0, width, height};
        if (round % 2) { /* any part, in fractions of pixels */
            box.left = (double)ij_random_uniform(&random) * width * 0.4;
            box.top = (double)ij_random_uniform(&random) * height * 0.4;
            box.right = box.left + (width - box.left) * (0.3 + 0.7 * (double)ij_random_uniform(&random));
            box.bottom = box.top + (height - box.top) * (0.3 + 0.7 * (double)ij_random_uniform(&random));
        }
        size_t bytes = (size_t)width * (size_t)height * 4, count = (size_t)size * (size_t)size * 3;
        uint8_t *in = malloc(bytes), *got = malloc(count), *want = malloc(count), *flipped = malloc(count);
        assert_true(in && got && want && flipped);
        for (size_t i = 0; i < bytes; i++)
            in[i] = (uint8_t)(round % 3 ? ij_random_u32(&random) : ij_random_below(&random, 2) * 255);
        memset(got, 0xA5, count);
        pillow(in, width, height, box, size, want);
        resize(resizer, in, width, height, box, size, false, got);
        resize(resizer, in, width, height, box, size, true, flipped);
        for (size_t i = 0; i < count; i++) {
            if (abs(got[i] - want[i]) > 1)
                fail_msg("%dx%d to %d: byte %zu is %d, not %d", width, height, size, i, got[i], want[i]);
            differing += got[i] != want[i];
        }
        for (int y = 0; y < size; y++)
            for (int x = 0; x < size; x++)
                assert_memory_equal(got + (y * size + x) * 3, flipped + (y * size + size - 1 - x) * 3, 3);
        bytes_seen += count;
        free(in);
        free(got);
        free(want);
        free(flipped);
    }
    ij_resizer_destroy(resizer);
    printf("  %zu of %zu bytes differ from Pillow's, by 1\n", differing, bytes_seen);
    assert_true(differing * 100 < bytes_seen);
}

/* Every instruction set's inner loops give the same bits, at lengths that are no multiple of its vectors, and write
 * nothing beyond them. */
static void same_rows(const ij_resize_rows *a, const ij_resize_rows *b, ij_random *random)
{
    enum { MOST = 90, ROWS = 9 };
    static uint8_t bytes[MOST * 4], out[2][MOST * 4 + 1];
    static ij_pixel line[2][MOST + 1], weight[MOST * 8], across[2][MOST + 1];
    static float row[ROWS][MOST * 4], sum[MOST * 4];
    const float *source[ROWS];
    float weights[ROWS];
    ij_taps at[MOST];
    int size = 1 + (int)ij_random_below(random, MOST - 10), length = 2 * (1 + (int)ij_random_below(random, 4));
    size_t count = (size_t)size * 4;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)ij_random_u32(random);
    memset(line, 0x55, sizeof line);
    a->widen(bytes, line[0], count);
    b->widen(bytes, line[1], count);
    assert_memory_equal(line[0], line[1], sizeof line[0]);
    for (int i = 0; i < MOST; i++) {
        at[i] = (ij_taps){(int)ij_random_below(random, MOST - 8), length};
        for (int k = 0; k < length; k++)
            for (int c = 0; c < 4; c++)
                weight[i * length + k].lane[c] = ij_random_uniform(random) / (float)length;
    }
    a->widen(bytes, line[0], MOST * 4);
    memset(across, 0x55, sizeof across);
    a->across(at, weight, length, line[0], size, across[0]);
    b->across(at, weight, length, line[0], size, across[1]);
    assert_memory_equal(across[0], across[1], sizeof across[0]);
    for (int rows = 1; rows <= ROWS; rows++) {
        for (int k = 0; k < rows; k++) {
            source[k] = row[k];
            weights[k] = rows == 1 ? 1 : ij_random_uniform(random) / (float)rows;
            for (int i = 0; i < MOST * 4; i++)
                row[k][i] = (float)ij_random_below(random, 256);
        }
        memset(out, 0x55, sizeof out);
        a->down(source, weights, rows, count, sum, out[0]);
        b->down(source, weights, rows, count, sum, out[1]);
        assert_memory_equal(out[0], out[1], sizeof out[0]);
    }
}

static void test_instruction_sets(void **state)
{
    (void)state;
    const ij_resize_rows *best = ij_resize_rows_best();
    if (best == &ij_resize_rows_plain)
        skip_because("this processor runs the plain loops only");
    printf("  plain against %s\n", best->name);
    ij_random random;
    ij_random_start(&random, 9, IJ_STREAM_TEST, 0, 0);
    for (int round = 0; round < 300; round++)
        same_rows(&ij_resize_rows_plain, best, &random);
}

static void test_extremes(void **state)
{
    (void)state;
    ij_resizer *resizer;
    assert_int_equal(ij_resizer_create(&resizer), IJ_OK);
    enum { WIDTH = 3000, HEIGHT = 2 };
    uint8_t *white = malloc(WIDTH * HEIGHT * 4), out[7 * 7 * 3];
    assert_non_null(white);
    memset(white, 255, WIDTH * HEIGHT * 4);
    resize(resizer, white, WIDTH, HEIGHT, (ij_box){0, 0, WIDTH, HEIGHT}, 7, false, out);
    for (size_t i = 0; i < sizeof out; i++)
        assert_int_equal(out[i], 255);
    resize(resizer, white, 1, 1, (ij_box){0, 0, 1, 1}, 7, true, out);
    for (size_t i = 0; i < sizeof out; i++)
        assert_int_equal(out[i], 255);
    free(white);
    ij_resizer_destroy(resizer);
}

/* ---- Geometry --------------------------------------------------------------------------------------------------- */

static void test_training_crops(void **state)
{
    (void)state;
    const ij_augment_config config = {.scale = {0.3, 1}, .ratio = {3.0 / 4, 4.0 / 3}, .flip = 0.25};
    enum { WIDTH = 500, HEIGHT = 375, DRAWS = 20000 };
    double area = 0, log_ratio = 0;
    int flips = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        ij_random random;
        ij_random_start(&random, 1, IJ_STREAM_AUGMENT, 0, i);
        ij_view v = ij_augment_draw(&config, WIDTH, HEIGHT, &random);
        assert_true(v.rect.x >= 0 && v.rect.y >= 0 && v.rect.width > 0 && v.rect.height > 0);
        assert_true(v.rect.x + v.rect.width <= WIDTH && v.rect.y + v.rect.height <= HEIGHT);
        assert_true(v.box.left == v.rect.x && v.box.bottom == v.rect.y + v.rect.height);
        double share = (double)v.rect.width * v.rect.height / (WIDTH * HEIGHT),
               ratio = (double)v.rect.width / v.rect.height;
        assert_true(share > 0.295 && share <= 1 && ratio > 0.74 && ratio < 1.35);
        area += share;
        log_ratio += log(ratio);
        flips += v.flip;
    }
    /* torchvision's get_params on images of this shape, averaged over 200,000 draws: 0.548 and 0.045 */
    assert_true(fabs(area / DRAWS - 0.548) < 0.005);
    assert_true(fabs(log_ratio / DRAWS - 0.045) < 0.005);
    assert_true(abs(flips - DRAWS / 4) < 300);
}

/* An image so flat that no try fits: the largest centre crop within the ratio. */
static void test_fallback_crop(void **state)
{
    (void)state;
    const ij_augment_config config = {.scale = {0.9, 1}, .ratio = {3.0 / 4, 4.0 / 3}};
    ij_random random;
    ij_random_start(&random, 1, IJ_STREAM_AUGMENT, 0, 0);
    ij_rect wide = ij_augment_draw(&config, 1000, 30, &random).rect;
    assert_int_equal(wide.width, 40);
    assert_int_equal(wide.height, 30);
    assert_int_equal(wide.x, 480);
    ij_rect high = ij_augment_draw(&config, 30, 1000, &random).rect;
    assert_int_equal(high.width, 30);
    assert_int_equal(high.height, 40);
    assert_int_equal(high.y, 480);
    ij_rect dot = ij_augment_draw(&config, 1, 1, &random).rect;
    assert_int_equal(dot.width * dot.height, 1);
}

/* Resize(256) and CenterCrop(224) of 500x375: 341x256, from column 58 (58.5 rounds to even), row 16. */
static void test_evaluation_crop(void **state)
{
    (void)state;
    ij_view v = ij_augment_eval(500, 375, 224, IJ_FIT_SHORTER);
    assert_true(fabs(v.box.left - 58 * 500 / 341.0) < 1e-9);
    assert_true(fabs(v.box.right - (58 + 224) * 500 / 341.0) < 1e-9);
    assert_true(fabs(v.box.top - 16 * 375 / 256.0) < 1e-9);
    assert_true(fabs(v.box.bottom - 240 * 375 / 256.0) < 1e-9);
    for (int width = 1; width < 400; width += 13)
        for (int height = 1; height < 400; height += 17) {
            v = ij_augment_eval(width, height, 96, IJ_FIT_SHORTER);
            assert_true(v.rect.x >= 0 && v.rect.x + v.rect.width <= width && v.rect.width > 0);
            assert_true(v.rect.y >= 0 && v.rect.y + v.rect.height <= height && v.rect.height > 0);
            assert_true(v.box.left >= v.rect.x && v.box.right <= v.rect.x + v.rect.width + 1e-9);
        }
}

/* Resizing what the filter reaches gives what resizing everything and cropping gives. */
static void test_evaluation_pixels(void **state)
{
    (void)state;
    enum { WIDTH = 120, HEIGHT = 90, SIZE = 48, SIDE = SIZE * 256 / 224, LONG = SIDE * WIDTH / HEIGHT };
    static uint8_t in[HEIGHT][WIDTH][4], part[HEIGHT][WIDTH * 4], got[SIZE][SIZE][3];
    static uint8_t middle[3][HEIGHT][LONG], whole[SIDE][LONG][3];
    ij_random random;
    ij_random_start(&random, 8, IJ_STREAM_TEST, 0, 0);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int c = 0; c < 3; c++)
                in[y][x][c] = (uint8_t)ij_random_u32(&random);
    for (int c = 0; c < 3; c++) {
        for (int y = 0; y < HEIGHT; y++)
            pillow_line(&in[y][0][c], WIDTH, 4, 0, WIDTH, LONG, middle[c][y], 1);
        for (int x = 0; x < LONG; x++)
            pillow_line(&middle[c][0][x], HEIGHT, LONG, 0, HEIGHT, SIDE, &whole[0][x][c], LONG * 3);
    }
    ij_view v = ij_augment_eval(WIDTH, HEIGHT, SIZE, IJ_FIT_SHORTER);
    ij_resizer *resizer;
    assert_int_equal(ij_resizer_create(&resizer), IJ_OK);
    ij_box box = {v.box.left - v.rect.x, v.box.top - v.rect.y, v.box.right - v.rect.x, v.box.bottom - v.rect.y};
    assert_int_equal(ij_resizer_start(resizer, v.rect.width, v.rect.height, box, SIZE, false, &got[0][0][0]), IJ_OK);
    for (int y = 0; y < v.rect.height; y++) {
        memcpy(part[y], in[v.rect.y + y][v.rect.x], (size_t)v.rect.width * 4);
        ij_resizer_push(resizer, part[y]);
    }
    ij_resizer_destroy(resizer);
    int top = (int)rint((SIDE - SIZE) / 2.0), left = (int)rint((LONG - SIZE) / 2.0);
    for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < SIZE; x++)
            for (int c = 0; c < 3; c++)
                assert_true(abs(got[y][x][c] - whole[top + y][left + x][c]) <= 1);
}

/* Squashing shows all of the image. */
static void test_squash(void **state)
{
    (void)state;
    for (int width = 1; width < 400; width += 13)
        for (int height = 1; height < 400; height += 17) {
            ij_view v = ij_augment_eval(width, height, 96, IJ_FIT_SQUASH);
            assert_true(v.rect.x == 0 && v.rect.y == 0 && v.rect.width == width && v.rect.height == height);
            assert_true(v.box.left <= 0 && v.box.top <= 0 && v.box.right >= width && v.box.bottom >= height);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_instruction_sets),  cmocka_unit_test(test_equals_pillow),
        cmocka_unit_test(test_extremes),          cmocka_unit_test(test_training_crops),
        cmocka_unit_test(test_fallback_crop),     cmocka_unit_test(test_evaluation_crop),
        cmocka_unit_test(test_evaluation_pixels), cmocka_unit_test(test_squash),
    };
    return cmocka_run_group_tests_name("data_resize", tests, NULL, NULL);
}
