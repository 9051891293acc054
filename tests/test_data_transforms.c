/* Colour changes and blur against what Pillow gives, byte by byte, and the draws of I-JEPA's transforms. */
#include "data/augment.h"
#include "data/blur.h"
#include "data/colour.h"
#include "data/pixel_rows.h"
#include "engine/base/random.h"
#include "tests/images.h"

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

/* ---- Pillow's numbers: the format is described in make_transform_vectors.py ------------------------------------- */

enum { KIND_BLUR = 5, KIND_ALL = 16 };

typedef struct vectors {
    uint8_t *bytes;
    size_t size, at;
} vectors;

static uint32_t next_u32(vectors *v)
{
    assert_true(v->at + 4 <= v->size);
    const uint8_t *p = v->bytes + v->at;
    v->at += 4;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static double next_f64(vectors *v)
{
    uint64_t bits = next_u32(v);
    bits |= (uint64_t)next_u32(v) << 32;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static const uint8_t *next_pixels(vectors *v, size_t bytes)
{
    assert_true(v->at + bytes <= v->size);
    v->at += bytes;
    return v->bytes + v->at - bytes;
}

static void change(uint32_t kind, double amount, uint8_t *pixels, int side)
{
    if (kind != KIND_BLUR) {
        ij_colour((ij_colour_change)kind, amount, pixels, (size_t)side * (size_t)side);
        return;
    }
    uint8_t *scratch = malloc(ij_blur_scratch(side));
    assert_non_null(scratch);
    ij_blur(pixels, side, amount, scratch);
    free(scratch);
}

static uint32_t crc_32(const uint8_t *bytes, size_t size)
{
    uint32_t table[256], crc = UINT32_MAX;
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xEDB88320u : 0);
    }
    for (size_t i = 0; i < size; i++)
        crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 255];
    return ~crc;
}

static void test_all_colours(uint32_t kind, double amount, uint32_t expected)
{
    enum { SIDE = 4096 };
    uint8_t *rgb = malloc((size_t)SIDE * SIDE * 3);
    assert_non_null(rgb);
    for (uint32_t i = 0; i < SIDE * SIDE; i++)
        for (uint32_t c = 0; c < 3; c++)
            rgb[3 * i + c] = (uint8_t)(i >> 8 * c);
    change(kind, amount, rgb, SIDE);
    uint32_t crc = crc_32(rgb, (size_t)SIDE * SIDE * 3);
    free(rgb);
    if (crc != expected)
        fail_msg("change %u by %g of all colours gives other bytes than Pillow", kind, amount);
}

static void test_equals_pillow(void **state)
{
    (void)state;
    vectors v = {0};
    v.bytes = read_file(IJEPA_TESTS "/transform_vectors.bin", &v.size);
    assert_non_null(v.bytes);
    uint32_t side = next_u32(&v);
    size_t bytes = (size_t)side * side * 3;
    const uint8_t *image = next_pixels(&v, bytes);
    uint8_t *got = malloc(bytes);
    assert_non_null(got);
    int records = 0;
    for (; v.at < v.size; records++) {
        uint32_t kind = next_u32(&v);
        double amount = next_f64(&v);
        if (kind >= KIND_ALL) {
            test_all_colours(kind - KIND_ALL, amount, next_u32(&v));
            continue;
        }
        const uint8_t *want = next_pixels(&v, bytes);
        memcpy(got, image, bytes);
        change(kind, amount, got, (int)side);
        for (size_t i = 0; i < bytes; i++)
            if (got[i] != want[i])
                fail_msg("change %u by %g: byte %zu is %d, not %d", kind, amount, i, got[i], want[i]);
    }
    assert_true(records > 40);
    free(got);
    free(v.bytes);
}

/* ---- Instruction sets and small images -------------------------------------------------------------------------- */

static void same_rows(const ij_pixel_rows *a, const ij_pixel_rows *b, ij_random *random)
{
    enum { MOST = 300, ROWS = 5 };
    static uint8_t in[ROWS][MOST * 3], out[2][MOST * 3 + 1];
    size_t count = 1 + ij_random_below(random, MOST);
    float factor = 2 * ij_random_uniform(random);
    uint8_t shift = (uint8_t)ij_random_u32(random);
    const uint8_t *at[ROWS];
    for (int k = 0; k < ROWS; k++) {
        at[k] = in[k];
        for (int i = 0; i < MOST * 3; i++)
            in[k][i] = (uint8_t)ij_random_u32(random);
    }
    for (int step = 0; step < 5; step++) {
        memset(out, 0x55, sizeof out);
        for (int side = 0; side < 2; side++) {
            const ij_pixel_rows *rows = side ? b : a;
            memcpy(out[side], in[0], count * 3);
            if (step == 0)
                rows->saturate(out[side], count, factor);
            else if (step == 1)
                rows->turn_hue(out[side], count, shift);
            else if (step == 2)
                rows->grey(out[side], count);
            else
                rows->box(at, step - 2, 3000000, 2000000, count * 3, out[side]);
            assert_int_equal(out[side][count * 3], 0x55);
        }
        assert_memory_equal(out[0], out[1], sizeof out[0]);
    }
    assert_int_equal(a->sum_luma(in[0], count), b->sum_luma(in[0], count));
}

static void test_instruction_sets(void **state)
{
    (void)state;
    if (ij_pixel_rows_best() == &ij_pixel_rows_plain)
        skip_because("this processor runs the plain loops only");
    printf("  plain against %s\n", ij_pixel_rows_best()->name);
    ij_random random;
    ij_random_start(&random, 9, IJ_STREAM_TEST, 0, 0);
    for (int round = 0; round < 300; round++)
        same_rows(&ij_pixel_rows_plain, ij_pixel_rows_best(), &random);
}

/* Where the filter reaches beyond both edges, and nothing beyond the image is touched. */
static void test_tiny_images(void **state)
{
    (void)state;
    for (int side = 1; side <= 6; side++) {
        size_t bytes = (size_t)side * (size_t)side * 3;
        uint8_t *pixels = malloc(bytes), *scratch = malloc(ij_blur_scratch(side));
        assert_true(pixels && scratch);
        memset(pixels, 77, bytes);
        ij_blur(pixels, side, IJ_BLUR_MAX_RADIUS, scratch);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(pixels[i], 77);
        for (int kind = IJ_COLOUR_BRIGHTNESS; kind <= IJ_COLOUR_GREY; kind++)
            ij_colour((ij_colour_change)kind, 0.3, pixels, (size_t)side * (size_t)side);
        free(pixels);
        free(scratch);
    }
}

/* ---- Draws ------------------------------------------------------------------------------------------------------ */

static void test_nothing_is_drawn_for_nothing(void **state)
{
    (void)state;
    const ij_augment_config config = {.scale = {0.3, 1}, .ratio = {0.75, 1.3}};
    ij_random random, untouched;
    ij_random_start(&random, 1, IJ_STREAM_AUGMENT, 0, 0);
    ij_random_start(&untouched, 1, IJ_STREAM_AUGMENT, 0, 0);
    ij_look look = ij_augment_look(&config, &random);
    assert_int_equal(look.changes, 0);
    assert_true(look.blur <= 0);
    assert_int_equal(ij_random_u32(&random), ij_random_u32(&untouched));
}

static void test_looks(void **state)
{
    (void)state;
    const ij_augment_config config = {.jitter = 0.8, .strength = 0.5, .grey = 0.2, .blur = 0.5};
    enum { DRAWS = 24000 };
    int jittered = 0, grey = 0, blurred = 0, first[4] = {0}, last[4] = {0};
    double sum[4] = {0}, least[4] = {9, 9, 9, 9}, most[4] = {-9, -9, -9, -9}, radius = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        ij_random random;
        ij_random_start(&random, 1, IJ_STREAM_AUGMENT, 0, i);
        ij_look look = ij_augment_look(&config, &random);
        bool is_grey = look.changes && look.change[look.changes - 1].change == IJ_COLOUR_GREY;
        grey += is_grey;
        assert_true(look.changes - is_grey == 0 || look.changes - is_grey == 4);
        if (look.blur > 0) {
            assert_true(look.blur >= 0.1 && look.blur < 2);
            blurred++;
            radius += look.blur;
        }
        if (look.changes < 4)
            continue;
        jittered++;
        first[look.change[0].change]++;
        last[look.change[3].change]++;
        int seen = 0;
        for (int k = 0; k < 4; k++) {
            int kind = (int)look.change[k].change;
            seen |= 1 << kind;
            sum[kind] += look.change[k].amount;
            least[kind] = fmin(least[kind], look.change[k].amount);
            most[kind] = fmax(most[kind], look.change[k].amount);
        }
        assert_int_equal(seen, 15);
    }
    assert_true(abs(jittered - DRAWS * 8 / 10) < 300 && abs(grey - DRAWS / 5) < 300 && abs(blurred - DRAWS / 2) < 400);
    assert_true(fabs(radius / blurred - 1.05) < 0.03);
    for (int kind = 0; kind < 4; kind++) {
        double middle = kind == IJ_COLOUR_HUE ? 0 : 1, reach = kind == IJ_COLOUR_HUE ? 0.1 : 0.4;
        assert_true(fabs(sum[kind] / jittered - middle) < 0.02 * reach + 0.002);
        assert_true(least[kind] >= middle - reach && least[kind] < middle - 0.98 * reach);
        assert_true(most[kind] <= middle + reach && most[kind] > middle + 0.98 * reach);
        assert_true(abs(first[kind] - jittered / 4) < 300 && abs(last[kind] - jittered / 4) < 300);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_instruction_sets),
        cmocka_unit_test(test_equals_pillow),
        cmocka_unit_test(test_tiny_images),
        cmocka_unit_test(test_nothing_is_drawn_for_nothing),
        cmocka_unit_test(test_looks),
    };
    return cmocka_run_group_tests_name("data_transforms", tests, NULL, NULL);
}
