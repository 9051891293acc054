/* Golden files whose tensors lie at any address: behind an image of an odd number of bytes no float and no index is
 * aligned. */
#include "tools/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/ijepa-golden-XXXXXX";

/* One image of 3 x 3 pixels in patches of one pixel; a context of two patches, padded to three, and a target of two. */
static void write_golden(void)
{
    static const char *const metadata[][2] = {
        {"model.loss", "l2"},       {"model.crop", "3"},         {"model.patch", "1"},
        {"model.dim", "4"},         {"model.depth", "1"},        {"model.heads", "1"},
        {"model.pdim", "4"},        {"model.pdepth", "1"},       {"model.mlp", "4"},
        {"layer_norm.eps", "1e-6"}, {"target_norm.eps", "1e-5"}, {"model.B", "1"},
        {"model.nenc", "1"},        {"model.npred", "1"},        {"steps", "1"},
        {"adam.beta1", "0.9"},      {"adam.beta2", "0.999"},     {"adam.eps", "1e-8"}};
    const ij_st_entry entries[] = {{"image", IJ_U8, 4, {1, 3, 3, 3}},
                                   {"mask.context.0", IJ_I32, 2, {1, 3}},
                                   {"mask.target.0", IJ_I32, 2, {1, 2}},
                                   {"after.x", IJ_F32, 1, {2}}};
    unsigned char image[27];
    const int32_t context[3] = {0, 5, -1}, target[2] = {3, 8};
    const float floats[2] = {1.5f, -0.25f};
    ij_st_writer *w;
    for (int i = 0; i < 27; i++)
        image[i] = (unsigned char)(i * 9);
    assert_int_equal(ij_safetensors_create(&w, path, entries, 4, metadata, sizeof metadata / sizeof metadata[0]),
                     IJ_OK);
    assert_int_equal(ij_safetensors_write(w, image, sizeof image), IJ_OK);
    assert_int_equal(ij_safetensors_write(w, context, sizeof context), IJ_OK);
    assert_int_equal(ij_safetensors_write(w, target, sizeof target), IJ_OK);
    assert_int_equal(ij_safetensors_write(w, floats, sizeof floats), IJ_OK);
    assert_int_equal(ij_safetensors_finish(w), IJ_OK);
}

static void unaligned(void **state)
{
    (void)state;
    golden g;
    float floats[2] = {0, 0};
    uint8_t pixels[27] = {0};
    int32_t context[3] = {0}, offset[2] = {0}, target[2] = {0};
    ij_batch batch = {.images = 1, .pixels = pixels, .context = context, .context_offset = offset, .target = target};
    write_golden();
    if (golden_open(&g, path))
        fail_msg("%s", ij_error());
    assert_int_not_equal(ij_safetensors_find(g.file, "after.x")->offset % sizeof(float), 0);
    if (golden_floats(&g, "after.", "x", 2, floats) || golden_fill(&g, &batch))
        fail_msg("%s", ij_error());
    assert_true(floats[0] == 1.5f && floats[1] == -0.25f);
    assert_int_equal(pixels[26], 234);
    assert_int_equal(offset[1], 2); /* without the padding */
    assert_int_equal(context[1], 5);
    assert_int_equal(target[0], 3);
    assert_int_equal(target[1], 8);
    assert_int_equal(golden_floats(&g, "after.", "x", 3, floats), IJ_EFORMAT);
    assert_int_equal(golden_floats(&g, "after.", "y", 2, floats), IJ_EFORMAT);
    golden_close(&g);
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(unaligned)};
    return cmocka_run_group_tests_name("golden", tests, make_file, remove_file);
}
