/* libijepa through its public header, against the engine inside: the same numbers, to the bit; structures of older and
 * newer programs; what it refuses. */
#include "data/reader.h"
#include "engine/encoder.h"
#include "frontend/library/ijepa.h"
#include "tests/skip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define MODEL IJEPA_TESTS "/model_files/official.pth.tar"
#define CROPS IJEPA_TESTS "/golden/crops"
#define IMAGE "/n02666196_abacus.JPEG"

/* The model's: 8 x 8 pixels in 2 x 2 patches, 16 wide. */
enum { SIZE = 8, PATCHES = 16, WIDTH = 16, BYTES = SIZE * SIZE * 3, LARGEST = 12 };

static void ok(ijepa_status status)
{
    if (status)
        fail_msg("%s", ijepa_error());
}

static void engine_ok(ij_status status)
{
    if (status)
        fail_msg("%s", ij_error());
}

static void versions(void **state)
{
    (void)state;
    assert_string_equal(ijepa_version(), IJEPA_VERSION);
}

static void models(void **state)
{
    (void)state;
    ijepa_model *model;
    ijepa_model_info info = {.size = sizeof info};
    ok(ijepa_model_open(&model, MODEL));
    ok(ijepa_model_describe(model, &info));
    assert_int_equal(info.size, sizeof info);
    assert_int_equal(info.image_size, SIZE);
    assert_int_equal(info.patch_size, 2);
    assert_int_equal(info.width, WIDTH);
    assert_int_equal(info.depth, 2);
    assert_int_equal(info.heads, 1);
    assert_true(info.has_context && info.has_target);
    assert_int_equal(info.epoch, 3);
    assert_int_equal(info.step, 2);
    ijepa_model_close(model);
    ijepa_model_close(NULL);

    assert_int_equal(ijepa_model_open(&model, "/nowhere/x.safetensors"), IJEPA_EIO);
    assert_null(model);
    assert_non_null(strstr(ijepa_error(), "/nowhere/x.safetensors"));
    assert_int_equal(ijepa_model_open(&model, CROPS IMAGE), IJEPA_EFORMAT);
}

/* A program of an older header has a shorter structure, one of a newer header a longer one. */
static void growing(void **state)
{
    (void)state;
    ijepa_model *model;
    ok(ijepa_model_open(&model, MODEL));

    ijepa_model_info older;
    memset(&older, 0x55, sizeof older);
    older.size = offsetof(ijepa_model_info, depth);
    ok(ijepa_model_describe(model, &older));
    assert_int_equal(older.size, offsetof(ijepa_model_info, depth));
    assert_int_equal(older.width, WIDTH);
    assert_int_equal(older.depth, 0x55555555); /* lies behind its end */

    struct {
        ijepa_model_info known;
        int64_t more[2];
    } newer;
    memset(&newer, 0x55, sizeof newer);
    newer.known.size = sizeof newer;
    ok(ijepa_model_describe(model, &newer.known));
    assert_int_equal(newer.known.width, WIDTH);
    assert_true(newer.more[0] == 0 && newer.more[1] == 0);

    ijepa_model_info unset = {0};
    assert_int_equal(ijepa_model_describe(model, &unset), IJEPA_EINVAL);
    unset.size = SIZE_MAX;
    assert_int_equal(ijepa_model_describe(model, &unset), IJEPA_EINVAL);
    ijepa_model_close(model);
}

static void images(void **state)
{
    (void)state;
    uint8_t pixels[BYTES];
    ok(ijepa_image_read(CROPS IMAGE, SIZE, pixels));
    assert_int_equal(ijepa_image_read(CROPS "/crops.csv", SIZE, pixels), IJEPA_EFORMAT);
    assert_non_null(strstr(ijepa_error(), CROPS "/crops.csv: "));
    assert_int_equal(ijepa_image_read(CROPS "/nothing.jpg", SIZE, pixels), IJEPA_EIO);
    assert_int_equal(ijepa_image_read(CROPS, SIZE, pixels), IJEPA_EIO);
    assert_int_equal(ijepa_image_read(CROPS IMAGE, 0, pixels), IJEPA_EINVAL);
    assert_int_equal(ijepa_image_read(CROPS IMAGE, 1 << 20, pixels), IJEPA_EINVAL);
}

/* The device, opened once; NULL where there is none. */
static ijepa_device *device;

static void devices(void **state)
{
    (void)state;
    if (!device)
        skip_because("there is no OpenCL device here");
    int count;
    ijepa_device_info info = {.size = sizeof info};
    ok(ijepa_device_count(&count));
    assert_true(count >= 1);
    ok(ijepa_device_describe(count - 1, &info));
    assert_true(info.name[0] && info.memory_bytes > 0);
    assert_int_equal(ijepa_device_describe(count, &info), IJEPA_EINVAL);
    assert_int_equal(ijepa_device_describe(-1, &info), IJEPA_EINVAL);
    ijepa_device *none;
    assert_int_equal(ijepa_device_open(&none, "no device is called so"), IJEPA_EINVAL);
    assert_null(none);
    ijepa_device_close(NULL);
}

/* What the engine gives for the first two of the crops, read as a data set. */
static void expect(const ij_encoder_options *options, int size, float *features)
{
    ij_device *inner;
    ij_model_file *file;
    ij_encoder *encoder;
    ij_dataset *dataset;
    ij_reader *reader;
    uint8_t pixels[2 * LARGEST * LARGEST * 3];
    engine_ok(ij_dataset_open(&dataset, CROPS));
    engine_ok(ij_reader_create(&reader, 0, false));
    for (int i = 0; i < 2; i++)
        engine_ok(
            ij_reader_eval(reader, dataset, i, IJ_FIT_SHORTER, IJ_DECODE_EXACT, size, pixels + i * size * size * 3));
    ij_reader_destroy(reader);
    ij_dataset_close(dataset);
    engine_ok(ij_device_open(&inner, NULL));
    engine_ok(ij_model_file_open(&file, MODEL));
    engine_ok(ij_encoder_create(&encoder, inner, file, options));
    engine_ok(ij_encoder_run(encoder, pixels, 2, features));
    ij_encoder_destroy(encoder);
    ij_model_file_close(file);
    ij_device_close(inner);
}

/* The same through the library: *rows x *width floats an image. */
static void embed(const ijepa_encoder_options *options, int size, float *features, int *rows, int *width)
{
    static const char *const paths[] = {CROPS "/n02037110_oystercatcher.JPEG", CROPS IMAGE};
    uint8_t pixels[2 * LARGEST * LARGEST * 3];
    ijepa_model *model;
    ijepa_encoder *encoder;
    for (int i = 0; i < 2; i++)
        ok(ijepa_image_read(paths[i], size, pixels + i * size * size * 3));
    ok(ijepa_model_open(&model, MODEL));
    ok(ijepa_encoder_create(&encoder, device, model, options));
    ijepa_model_close(model);
    assert_int_equal(ijepa_encoder_image_size(encoder), size);
    assert_int_equal(ijepa_encoder_batch(encoder), 2);
    *rows = ijepa_encoder_rows(encoder);
    *width = ijepa_encoder_width(encoder);
    assert_int_equal(ijepa_encoder_features(encoder, pixels, 3, features), IJEPA_EINVAL);
    ok(ijepa_encoder_features(encoder, pixels, 2, features));
    ijepa_encoder_destroy(encoder);
}

/* Each option on its own, and what it is inside. */
static void encoders(void **state)
{
    (void)state;
    if (!device)
        skip_because("there is no OpenCL device here");
    enum { TWELVE = LARGEST, TWELVES_PATCHES = 36 };
    const struct {
        ijepa_encoder_options options;
        ij_encoder_options inner;
        int size, rows, width;
    } cases[] = {
        {{.context = 0}, {.which = IJ_ENCODER_TARGET}, SIZE, 1, WIDTH},
        {{.context = 1}, {.which = IJ_ENCODER_CONTEXT}, SIZE, 1, WIDTH},
        {{.pool = IJEPA_POOL_2X2}, {.pool = IJ_POOL_2X2}, SIZE, 4, WIDTH},
        {{.pool = IJEPA_POOL_NONE}, {.pool = IJ_POOL_NONE}, SIZE, PATCHES, WIDTH},
        {{.layers = 2}, {.layers = 2}, SIZE, 1, 2 * WIDTH},
        {{.image_size = TWELVE, .pool = IJEPA_POOL_NONE, .positions = IJEPA_POSITIONS_INTERPOLATED},
         {.crop = TWELVE, .pool = IJ_POOL_NONE, .positions = IJ_POSITIONS_INTERPOLATED},
         TWELVE,
         TWELVES_PATCHES,
         WIDTH},
    };
    enum { CASES = sizeof cases / sizeof *cases, MOST = 2 * TWELVES_PATCHES * WIDTH };
    static float features[CASES][MOST], inner[MOST];
    for (int i = 0; i < CASES; i++) {
        int rows, width;
        ijepa_encoder_options options = cases[i].options;
        options.size = sizeof options;
        options.batch = 2;
        ij_encoder_options inner_options = cases[i].inner;
        inner_options.batch = 2;
        embed(&options, cases[i].size, features[i], &rows, &width);
        assert_int_equal(rows, cases[i].rows);
        assert_int_equal(width, cases[i].width);
        expect(&inner_options, cases[i].size, inner);
        assert_memory_equal(features[i], inner, sizeof(float) * (size_t)(2 * rows * width));
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(features[i], features[k], sizeof(float) * WIDTH);
    }
}

static void encoder_options(void **state)
{
    (void)state;
    if (!device)
        skip_because("there is no OpenCL device here");
    ijepa_model *model;
    ijepa_encoder *encoder;
    struct {
        ijepa_encoder_options known;
        int64_t more;
    } newer = {.known.size = sizeof newer};
    ok(ijepa_model_open(&model, MODEL));
    ok(ijepa_encoder_create(&encoder, device, model, &newer.known)); /* asks for nothing that is new */
    ijepa_encoder_destroy(encoder);
    newer.more = 1;
    assert_int_equal(ijepa_encoder_create(&encoder, device, model, &newer.known), IJEPA_EINVAL);
    assert_null(encoder);
    ijepa_encoder_options wrong = {.size = sizeof wrong, .context = 2};
    assert_int_equal(ijepa_encoder_create(&encoder, device, model, &wrong), IJEPA_EINVAL);
    wrong = (ijepa_encoder_options){.size = sizeof wrong, .batch = -1};
    assert_int_equal(ijepa_encoder_create(&encoder, device, model, &wrong), IJEPA_EINVAL);
    wrong = (ijepa_encoder_options){.size = sizeof wrong, .layers = 3};
    assert_int_equal(ijepa_encoder_create(&encoder, device, model, &wrong), IJEPA_EINVAL);
    wrong = (ijepa_encoder_options){.size = sizeof wrong, .image_size = 9};
    assert_int_equal(ijepa_encoder_create(&encoder, device, model, &wrong), IJEPA_EINVAL);
    wrong = (ijepa_encoder_options){.size = sizeof wrong, .image_size = 12}; /* this model's positions are its own */
    assert_int_equal(ijepa_encoder_create(&encoder, device, model, &wrong), IJEPA_EINVAL);
    assert_non_null(strstr(ijepa_error(), "interpolated"));
    wrong = (ijepa_encoder_options){.size = sizeof wrong, .positions = -1};
    assert_int_equal(ijepa_encoder_create(&encoder, device, model, &wrong), IJEPA_EINVAL);
    wrong = (ijepa_encoder_options){.size = sizeof wrong, .pool = 7};
    assert_int_equal(ijepa_encoder_create(&encoder, device, model, &wrong), IJEPA_EINVAL);
    wrong = (ijepa_encoder_options){.batch = 1};
    assert_int_equal(ijepa_encoder_create(&encoder, device, model, &wrong), IJEPA_EINVAL);
    ijepa_encoder_destroy(NULL);
    ijepa_model_close(model);
}

int main(void)
{
    if (ijepa_device_open(&device, NULL) && !strstr(ijepa_error(), "no OpenCL device found")) {
        fprintf(stderr, "FAILED: %s\n", ijepa_error());
        return 1;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(versions),       cmocka_unit_test(models),
                                       cmocka_unit_test(growing),        cmocka_unit_test(images),
                                       cmocka_unit_test(devices),        cmocka_unit_test(encoders),
                                       cmocka_unit_test(encoder_options)};
    int failed = cmocka_run_group_tests_name("library", tests, NULL, NULL);
    ijepa_device_close(device);
    return failed;
}
