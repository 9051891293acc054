/* Kinds of image files told apart by their content. */
#include "data/format.h"
#include "tests/images.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#ifdef IJ_HAVE_PNG
#include <png.h>
#endif

static ij_format of_jpeg(picture_kind kind, bool progressive, bool arithmetic)
{
    picture_options options = {.kind = kind,
                               .quality = 80,
                               .horizontal = 1,
                               .vertical = 1,
                               .progressive = progressive,
                               .arithmetic = arithmetic};
    size_t size;
    uint8_t *bytes = picture_jpeg(20, 16, 1, options, &size);
    ij_format format = ij_format_of(bytes, size);
    for (size_t part = 0; part < size; part++) { /* cut anywhere: never read beyond */
        uint8_t *cut = malloc(part + 1);
        assert_non_null(cut);
        memcpy(cut, bytes, part);
        uint8_t *exact = realloc(cut, part ? part : 1);
        assert_non_null(exact);
        ij_format_of(exact, part);
        free(exact);
    }
    free(bytes);
    return format;
}

static void test_jpeg(void **state)
{
    (void)state;
    assert_int_equal(of_jpeg(PICTURE_RGB, false, false), IJ_FORMAT_JPEG);
    assert_int_equal(of_jpeg(PICTURE_GREY, false, false), IJ_FORMAT_JPEG_GREY);
    assert_int_equal(of_jpeg(PICTURE_CMYK, false, false), IJ_FORMAT_JPEG_CMYK);
    assert_int_equal(of_jpeg(PICTURE_YCCK, true, false), IJ_FORMAT_PROGRESSIVE_CMYK);
    assert_int_equal(of_jpeg(PICTURE_RGB, true, false), IJ_FORMAT_PROGRESSIVE);
    assert_int_equal(of_jpeg(PICTURE_GREY, true, false), IJ_FORMAT_PROGRESSIVE_GREY);
    assert_int_equal(of_jpeg(PICTURE_RGB, false, true), IJ_FORMAT_ARITHMETIC);
    assert_int_equal(of_jpeg(PICTURE_GREY, true, true), IJ_FORMAT_ARITHMETIC_GREY);
}

static void test_others(void **state)
{
    (void)state;
    static const uint8_t nothing[] = "no image", pgm[] = "P5 1 1 255 x",
                         lossless[] = {0xFF, 0xD8, 0xFF, 0xC3, 0, 11, 8, 0, 1, 0, 1, 3};
    assert_int_equal(ij_format_of(nothing, sizeof nothing), IJ_FORMAT_UNKNOWN);
    assert_int_equal(ij_format_of(pgm, sizeof pgm), IJ_FORMAT_PGM);
    assert_int_equal(ij_format_of(NULL, 0), IJ_FORMAT_UNKNOWN);
    assert_int_equal(ij_format_of(lossless, sizeof lossless), IJ_FORMAT_JPEG_OTHER);
    for (int format = 0; format < IJ_FORMATS; format++)
        assert_non_null(ij_format_name((ij_format)format));
}

#ifdef IJ_HAVE_PNG
static ij_format of_png(int colour_type)
{
    uint8_t rgb[9 * 7 * 3];
    size_t size;
    uint8_t *bytes = picture_png(9, 7, 1, colour_type, 8, false, rgb, &size);
    ij_format format = ij_format_of(bytes, size);
    free(bytes);
    return format;
}

static void test_png(void **state)
{
    (void)state;
    assert_int_equal(of_png(PNG_COLOR_TYPE_RGB), IJ_FORMAT_PNG);
    assert_int_equal(of_png(PNG_COLOR_TYPE_GRAY), IJ_FORMAT_PNG_GREY);
    assert_int_equal(of_png(PNG_COLOR_TYPE_PALETTE), IJ_FORMAT_PNG_PALETTE);
    assert_int_equal(of_png(PNG_COLOR_TYPE_RGB_ALPHA), IJ_FORMAT_PNG_ALPHA);
    assert_int_equal(of_png(PNG_COLOR_TYPE_GRAY_ALPHA), IJ_FORMAT_PNG_ALPHA);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jpeg),
        cmocka_unit_test(test_others),
#ifdef IJ_HAVE_PNG
        cmocka_unit_test(test_png),
#endif
    };
    return cmocka_run_group_tests_name("data_format", tests, NULL, NULL);
}
