/* The decoder: every kind of JPEG, rectangles of it against the whole, damaged files, and with the resizer the golden
 * crops that Pillow computed. */
#include "data/decode.h"
#include "data/resize.h"
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

#ifdef IJ_HAVE_PNG
#include <png.h>
#endif

static ij_decoder *decoder;
static ij_resizer *resizer;

static int open_both(void **state)
{
    (void)state;
    return ij_decoder_create(&decoder, 0) || ij_resizer_create(&resizer);
}

static int close_both(void **state)
{
    (void)state;
    ij_decoder_destroy(decoder);
    ij_resizer_destroy(resizer);
    return 0;
}

/* ---- Golden crops ----------------------------------------------------------------------------------------------- */

/* The crop of an encoded image, resized to [size, size, 3]. */
static void make_crop(const uint8_t *bytes, size_t length, ij_rect crop, int size, ij_decode_mode mode, uint8_t *out)
{
    int width, height;
    ij_window window;
    if (ij_decoder_open(decoder, bytes, length, &width, &height) ||
        ij_decoder_start(decoder, crop, size, size, mode, &window))
        fail_msg("%s", ij_error());
    double scale = window.scale / 8.0;
    ij_box box = {crop.x * scale - window.rect.x, crop.y * scale - window.rect.y,
                  (crop.x + crop.width) * scale - window.rect.x, (crop.y + crop.height) * scale - window.rect.y};
    assert_int_equal(ij_resizer_start(resizer, window.rect.width, window.rect.height, box, size, false, out), IJ_OK);
    for (int y = 0; y < window.rect.height; y++) {
        const uint8_t *row;
        if (ij_decoder_row(decoder, &row))
            fail_msg("row %d: %s", y, ij_error());
        ij_resizer_push(resizer, row);
    }
}

static void compare(const char *name, const uint8_t *got, const uint8_t *expected, size_t count, int *worst,
                    double *mean)
{
    double sum = 0;
    *worst = 0;
    for (size_t i = 0; i < count; i++) {
        int difference = abs(got[i] - expected[i]);
        *worst = difference > *worst ? difference : *worst;
        sum += difference;
    }
    *mean = sum / (double)count;
    printf("  %-40s worst %d mean %.4f\n", name, *worst, *mean);
}

static void test_golden_crops(void **state)
{
    (void)state;
    enum { CROPS = 15 };
    const char *folder = IJEPA_GOLDEN "/crops";
    char path[1024], line[512];
    snprintf(path, sizeof path, "%s/crops.csv", folder);
    FILE *csv = fopen(path, "r");
    if (!csv)
        fail_msg("there is no %s", path);
    int seen = 0, failures = 0;
    assert_non_null(fgets(line, sizeof line, csv));
    while (fgets(line, sizeof line, csv)) {
        char file[128], mode[16], expected_file[128];
        int width, height, size;
        ij_rect crop;
        assert_int_equal(sscanf(line, "%127[^,],%15[^,],%d,%d,%d,%d,%d,%d,%d,%127s", file, mode, &width, &height,
                                &crop.x, &crop.y, &crop.width, &crop.height, &size, expected_file),
                         10);
        size_t length, expected_length, count = (size_t)size * (size_t)size * 3;
        snprintf(path, sizeof path, "%s/%s", folder, file);
        uint8_t *bytes = read_file(path, &length), *got = malloc(count);
        snprintf(path, sizeof path, "%s/%s", folder, expected_file);
        uint8_t *expected = read_file(path, &expected_length);
        assert_true(bytes && got && expected && expected_length == count);
        int worst;
        double mean;
        make_crop(bytes, length, crop, size, IJ_DECODE_EXACT, got);
        compare(expected_file, got, expected, count, &worst, &mean);
        failures += worst > 1;
        make_crop(bytes, length, crop, size, IJ_DECODE_FAST, got);
        compare("  the same, fast", got, expected, count, &worst, &mean);
        failures += mean >= 2;
        free(bytes);
        free(got);
        free(expected);
        seen++;
    }
    fclose(csv);
    assert_int_equal(failures, 0);
    assert_int_equal(seen, CROPS);
}

/* ---- Rectangles ------------------------------------------------------------------------------------------------- */

/* Decodes a rectangle into [height, width, 4]; the caller frees. NULL on failure. */
static uint8_t *decode(const uint8_t *bytes, size_t length, ij_rect rect, ij_decode_mode mode, ij_window *window)
{
    int width, height;
    if (ij_decoder_open(decoder, bytes, length, &width, &height))
        return NULL;
    if (rect.width == 0)
        rect = (ij_rect){0, 0, width, height};
    if (ij_decoder_start(decoder, rect, rect.width, rect.height, mode, window))
        return NULL;
    size_t row_bytes = (size_t)window->rect.width * 4;
    uint8_t *pixels = malloc(row_bytes * (size_t)window->rect.height);
    for (int y = 0; y < window->rect.height; y++) {
        const uint8_t *row;
        if (ij_decoder_row(decoder, &row)) {
            free(pixels);
            return NULL;
        }
        memcpy(pixels + (size_t)y * row_bytes, row, row_bytes);
    }
    return pixels;
}

static const picture_options kinds[] = {
    {.horizontal = 1, .vertical = 1},
    {.horizontal = 2, .vertical = 1},
    {.horizontal = 1, .vertical = 2},
    {.horizontal = 2, .vertical = 2},
    {.horizontal = 4, .vertical = 1},
    {.horizontal = 1, .vertical = 4},
    {.horizontal = 4, .vertical = 2},
    {.horizontal = 2, .vertical = 2, .quality = 40},
    {.horizontal = 2, .vertical = 2, .progressive = true},
    {.horizontal = 2, .vertical = 2, .arithmetic = true},
    {.horizontal = 2, .vertical = 2, .arithmetic = true, .progressive = true},
    {.kind = PICTURE_GREY},
    {.kind = PICTURE_GREY, .progressive = true},
    {.kind = PICTURE_CMYK},
    {.kind = PICTURE_YCCK, .horizontal = 2, .vertical = 2},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* Whatever part is decoded, its pixels are those of the whole image. */
static void test_rectangles_equal_the_whole(void **state)
{
    (void)state;
    ij_random random;
    ij_random_start(&random, 3, IJ_STREAM_TEST, 0, 0);
    for (int kind = 0; kind < KINDS; kind++)
        for (int round = 0; round < 25; round++) {
            int width = 1 + (int)ij_random_below(&random, 150), height = 1 + (int)ij_random_below(&random, 150);
            size_t length;
            uint8_t *bytes = picture_jpeg(width, height, (uint32_t)round, kinds[kind], &length);
            ij_window window;
            uint8_t *whole = decode(bytes, length, (ij_rect){0, 0, 0, 0}, IJ_DECODE_EXACT, &window);
            assert_non_null(whole);
            for (int part = 0; part < 10; part++) {
                ij_rect rect;
                rect.width = 1 + (int)ij_random_below(&random, (uint32_t)width);
                rect.height = 1 + (int)ij_random_below(&random, (uint32_t)height);
                rect.x = (int)ij_random_below(&random, (uint32_t)(width - rect.width + 1));
                rect.y = (int)ij_random_below(&random, (uint32_t)(height - rect.height + 1));
                uint8_t *pixels = decode(bytes, length, rect, IJ_DECODE_EXACT, &window);
                if (!pixels)
                    fail_msg("%s", ij_error());
                assert_memory_equal(&window.rect, &rect, sizeof rect);
                for (int y = 0; y < rect.height; y++)
                    for (int x = 0; x < rect.width; x++) {
                        const uint8_t *got = pixels + ((size_t)y * (size_t)rect.width + (size_t)x) * 4;
                        const uint8_t *want = whole + ((size_t)(y + rect.y) * (size_t)width + (size_t)(x + rect.x)) * 4;
                        if (memcmp(got, want, 3) != 0)
                            fail_msg("kind %d, %dx%d, part %dx%d+%d+%d: pixel %d,%d is %d %d %d, not %d %d %d", kind,
                                     width, height, rect.width, rect.height, rect.x, rect.y, x, y, got[0], got[1],
                                     got[2], want[0], want[1], want[2]);
                    }
                free(pixels);
            }
            free(whole);
            free(bytes);
        }
}

/* High quality leaves the picture close to what was encoded, in every colour space. */
static void test_colours(void **state)
{
    (void)state;
    enum { WIDTH = 64, HEIGHT = 48 };
    uint8_t *original = picture_pixels(WIDTH, HEIGHT, 5);
    for (int kind = 0; kind < KINDS; kind++) {
        picture_options options = kinds[kind];
        options.quality = 98;
        options.horizontal = options.vertical = 1;
        size_t length;
        uint8_t *bytes = picture_jpeg(WIDTH, HEIGHT, 5, options, &length);
        ij_window window;
        uint8_t *pixels = decode(bytes, length, (ij_rect){0, 0, 0, 0}, IJ_DECODE_EXACT, &window);
        assert_non_null(pixels);
        double sum = 0;
        for (int i = 0; i < WIDTH * HEIGHT; i++)
            for (int c = 0; c < 3; c++)
                sum += abs(pixels[i * 4 + c] - original[i * 3 + (options.kind == PICTURE_GREY ? 1 : c)]);
        assert_true(sum / (WIDTH * HEIGHT * 3) < 3);
        free(pixels);
        free(bytes);
    }
    free(original);
}

/* Fast decoding leaves at least the output's resolution, covers the crop, and stays close to exact. */
static void test_fast(void **state)
{
    (void)state;
    ij_random random;
    ij_random_start(&random, 4, IJ_STREAM_TEST, 0, 0);
    double total = 0;
    enum { SIZE = 48, ROUNDS = 60 };
    for (int round = 0; round < ROUNDS; round++) {
        int width = 40 + (int)ij_random_below(&random, 500), height = 40 + (int)ij_random_below(&random, 400);
        picture_options options = kinds[round % KINDS];
        size_t length;
        uint8_t *bytes = picture_jpeg(width, height, (uint32_t)round, options, &length);
        ij_rect crop = {width / 7, height / 5, width - width / 7 - width / 9, height - height / 5 - height / 8};
        int w, h;
        ij_window window;
        assert_int_equal(ij_decoder_open(decoder, bytes, length, &w, &h), IJ_OK);
        assert_int_equal(ij_decoder_start(decoder, crop, SIZE, SIZE, IJ_DECODE_FAST, &window), IJ_OK);
        assert_true(window.scale == 8 ||
                    (crop.width * window.scale >= SIZE * 8 && crop.height * window.scale >= SIZE * 8));
        assert_true(window.rect.x * 8 <= crop.x * window.scale);
        assert_true((window.rect.x + window.rect.width) * 8 >= (crop.x + crop.width) * window.scale);
        uint8_t exact[SIZE * SIZE * 3], fast[SIZE * SIZE * 3];
        make_crop(bytes, length, crop, SIZE, IJ_DECODE_EXACT, exact);
        make_crop(bytes, length, crop, SIZE, IJ_DECODE_FAST, fast);
        double sum = 0;
        for (size_t i = 0; i < sizeof exact; i++)
            sum += abs(exact[i] - fast[i]);
        assert_true(sum / sizeof exact < 4);
        total += sum / sizeof exact;
        free(bytes);
    }
    printf("  fast against exact: mean absolute difference %.3f\n", total / ROUNDS);
    assert_true(total / ROUNDS < 2);
}

/* ---- PNG -------------------------------------------------------------------------------------------------------- */

#ifdef IJ_HAVE_PNG

static const struct {
    int colour_type, depth;
} png_kinds[] = {{PNG_COLOR_TYPE_GRAY, 1},        {PNG_COLOR_TYPE_GRAY, 2},      {PNG_COLOR_TYPE_GRAY, 4},
                 {PNG_COLOR_TYPE_GRAY, 8},        {PNG_COLOR_TYPE_GRAY, 16},     {PNG_COLOR_TYPE_PALETTE, 1},
                 {PNG_COLOR_TYPE_PALETTE, 2},     {PNG_COLOR_TYPE_PALETTE, 4},   {PNG_COLOR_TYPE_PALETTE, 8},
                 {PNG_COLOR_TYPE_RGB, 8},         {PNG_COLOR_TYPE_RGB, 16},      {PNG_COLOR_TYPE_GRAY_ALPHA, 8},
                 {PNG_COLOR_TYPE_GRAY_ALPHA, 16}, {PNG_COLOR_TYPE_RGB_ALPHA, 8}, {PNG_COLOR_TYPE_RGB_ALPHA, 16}};
enum { PNG_KINDS = sizeof png_kinds / sizeof png_kinds[0], PNG_WIDTH = 37, PNG_HEIGHT = 29 };

static uint8_t *make_png(int kind, bool interlaced, uint8_t rgb[PNG_HEIGHT * PNG_WIDTH * 3], size_t *length)
{
    return picture_png(PNG_WIDTH, PNG_HEIGHT, (uint32_t)kind, png_kinds[kind].colour_type, png_kinds[kind].depth,
                       interlaced, rgb, length);
}

/* Every colour type and depth, interlaced or not, whole and in part, gives the pixels that went in. */
static void test_png(void **state)
{
    (void)state;
    const ij_rect rects[] = {{0, 0, PNG_WIDTH, PNG_HEIGHT}, {5, 7, 20, 11}, {PNG_WIDTH - 1, PNG_HEIGHT - 1, 1, 1}};
    for (int kind = 0; kind < PNG_KINDS; kind++)
        for (int variant = 0; variant < 6; variant++) {
            static uint8_t rgb[PNG_HEIGHT * PNG_WIDTH * 3];
            size_t length;
            uint8_t *bytes = make_png(kind, variant % 2, rgb, &length);
            ij_rect rect = rects[variant / 2];
            ij_window window;
            uint8_t *pixels = decode(bytes, length, rect, IJ_DECODE_FAST, &window);
            if (!pixels)
                fail_msg("kind %d: %s", kind, ij_error());
            assert_memory_equal(&window.rect, &rect, sizeof rect);
            for (int y = 0; y < rect.height; y++)
                for (int x = 0; x < rect.width; x++)
                    assert_memory_equal(pixels + (y * rect.width + x) * 4,
                                        rgb + ((y + rect.y) * PNG_WIDTH + x + rect.x) * 3, 3);
            free(pixels);
            free(bytes);
        }
}

static void test_damaged_png(void **state)
{
    (void)state;
    static uint8_t rgb[PNG_HEIGHT * PNG_WIDTH * 3];
    ij_random random;
    ij_random_start(&random, 6, IJ_STREAM_TEST, 0, 0);
    for (int round = 0; round < 600; round++) {
        size_t length, cut;
        uint8_t *bytes = make_png(round % PNG_KINDS, round / PNG_KINDS % 2, rgb, &length);
        ij_window window;
        cut = ij_random_below(&random, (uint32_t)length - 8);
        uint8_t *part = malloc(cut + 1);
        memcpy(part, bytes, cut);
        assert_null(decode(part, cut, (ij_rect){0, 0, 0, 0}, IJ_DECODE_EXACT, &window));
        free(part);
        bytes[24 + ij_random_below(&random, (uint32_t)length - 24)] ^= (uint8_t)(1 + ij_random_below(&random, 255));
        free(decode(bytes, length, (ij_rect){0, 0, 0, 0}, IJ_DECODE_EXACT, &window));
        free(bytes);
    }
}

#endif

/* ---- Damage ----------------------------------------------------------------------------------------------------- */

static void test_truncated(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        size_t length;
        uint8_t *bytes = picture_jpeg(90, 70, 1, kinds[kind], &length);
        for (size_t cut = 0; cut < length - 1; cut += 1 + length / 97) {
            uint8_t *part = malloc(cut + 1); /* exactly so long that a read past the end is seen */
            memcpy(part, bytes, cut);
            ij_window window;
            uint8_t *pixels = decode(part, cut, (ij_rect){0, 0, 0, 0}, IJ_DECODE_EXACT, &window);
            if (pixels)
                fail_msg("kind %d cut at %zu of %zu bytes was decoded", kind, cut, length);
            assert_true(strlen(ij_error()) > 0);
            free(part);
        }
        free(bytes);
    }
}

/* Anything may come out of a corrupt file but a crash, and the decoder goes on with the next. */
static void test_corrupt(void **state)
{
    (void)state;
    ij_random random;
    ij_random_start(&random, 5, IJ_STREAM_TEST, 0, 0);
    int refused = 0;
    size_t lengths[KINDS];
    uint8_t *intact[KINDS];
    for (int kind = 0; kind < KINDS; kind++)
        intact[kind] = picture_jpeg(60, 50, 2, kinds[kind], &lengths[kind]);
    for (int round = 0; round < 3000; round++) {
        size_t length = lengths[round % KINDS];
        uint8_t *bytes = malloc(length);
        memcpy(bytes, intact[round % KINDS], length);
        for (uint32_t hits = 1 + ij_random_below(&random, 4); hits > 0; hits--)
            bytes[ij_random_below(&random, (uint32_t)length)] = (uint8_t)ij_random_u32(&random);
        int width, height;
        ij_window window;
        ij_rect rect = {0, 0, 0, 0};
        if (ij_decoder_open(decoder, bytes, length, &width, &height) == IJ_OK && width * height < 1000000) {
            if (round % 2 && width > 10 && height > 10)
                rect = (ij_rect){width / 3, height / 3, width / 2, height / 2};
            uint8_t *pixels = decode(bytes, length, rect, round % 3 ? IJ_DECODE_FAST : IJ_DECODE_EXACT, &window);
            refused += !pixels;
            free(pixels);
        }
        free(bytes);
    }
    assert_true(refused > 0);
    for (int kind = 0; kind < KINDS; kind++) {
        ij_window window;
        uint8_t *pixels = decode(intact[kind], lengths[kind], (ij_rect){0, 0, 0, 0}, IJ_DECODE_EXACT, &window);
        assert_non_null(pixels);
        free(pixels);
        free(intact[kind]);
    }
}

static void refuses(const void *bytes, size_t length, ij_status expected, const char *part_of_message)
{
    int width, height;
    assert_int_equal(ij_decoder_open(decoder, bytes, length, &width, &height), expected);
    if (!strstr(ij_error(), part_of_message))
        fail_msg("message \"%s\" does not say \"%s\"", ij_error(), part_of_message);
}

static void test_no_image(void **state)
{
    (void)state;
    refuses("", 0, IJ_EFORMAT, "empty");
    refuses("x", 1, IJ_EFORMAT, "neither JPEG nor PNG");
    refuses("GIF89a....", 10, IJ_EFORMAT, "GIF");
    refuses("<html>", 6, IJ_EFORMAT, "HTML");
    refuses("\xFF\xD8\xFF", 3, IJ_EFORMAT, "JPEG");
}

static void test_pixel_limit(void **state)
{
    (void)state;
    size_t length;
    uint8_t *bytes = picture_jpeg(100, 100, 1, kinds[0], &length);
    ij_decoder *small;
    int width, height;
    assert_int_equal(ij_decoder_create(&small, 9999), IJ_OK);
    assert_int_equal(ij_decoder_open(small, bytes, length, &width, &height), IJ_EINVAL);
    assert_non_null(strstr(ij_error(), "9999"));
    ij_decoder_destroy(small);
    assert_int_equal(ij_decoder_create(&small, 10000), IJ_OK);
    assert_int_equal(ij_decoder_open(small, bytes, length, &width, &height), IJ_OK);
    ij_decoder_destroy(small);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_crops), cmocka_unit_test(test_rectangles_equal_the_whole),
        cmocka_unit_test(test_colours),      cmocka_unit_test(test_fast),
        cmocka_unit_test(test_truncated),    cmocka_unit_test(test_corrupt),
        cmocka_unit_test(test_no_image),     cmocka_unit_test(test_pixel_limit),
#ifdef IJ_HAVE_PNG
        cmocka_unit_test(test_png),          cmocka_unit_test(test_damaged_png),
#endif
    };
    return cmocka_run_group_tests_name("data_decode", tests, open_both, close_both);
}
