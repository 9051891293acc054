/* The attention that a report shows: the weights against the plain C attention, whose result they must give; and the
 * queries, keys and values of an encoder's last block against the same block in plain C. */
#include "engine/attention_map.h"
#include "engine/base/random.h"
#include "engine/checkpoint.h"
#include "engine/encoder.h"
#include "tests/reference.h"
#include "tests/test_model_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/ijepa-attention-XXXXXX";

static void *room(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    assert_non_null(memory);
    return memory;
}

static void fill(float *x, int count, int seed)
{
    for (int i = 0; i < count; i++)
        x[i] = (float)(2.0 * sin(1.3 * i * (seed + 1) + 0.7 * seed));
}

static void weights(void **state)
{
    (void)state;
    enum { TOKENS = 11, HEADS = 3, HEAD_DIM = 8, WIDTH = HEADS * HEAD_DIM };
    static float qkv[TOKENS * 3 * WIDTH], map[HEADS * TOKENS];
    static double expected[TOKENS * WIDTH], lse[TOKENS * HEADS];
    const int32_t offset[] = {0, TOKENS};
    fill(qkv, TOKENS * 3 * WIDTH, 1);
    reference_attention_forward((reference_attention){offset, 1, HEADS, HEAD_DIM}, qkv, expected, lse);
    for (int query = 0; query < TOKENS; query++) {
        ij_attention_map(qkv, TOKENS, HEADS, HEAD_DIM, query, map);
        for (int h = 0; h < HEADS; h++) {
            double sum = 0;
            for (int t = 0; t < TOKENS; t++)
                sum += (double)map[h * TOKENS + t];
            assert_true(fabs(sum - 1) < 1e-6);
            for (int i = 0; i < HEAD_DIM; i++) {
                double out = 0;
                for (int t = 0; t < TOKENS; t++)
                    out += (double)map[h * TOKENS + t] * (double)qkv[(t * 3 + 2) * WIDTH + h * HEAD_DIM + i];
                assert_true(fabs(out - expected[query * WIDTH + h * HEAD_DIM + i]) < 1e-5);
            }
        }
    }
}

/* Scores far apart and far from zero: no infinity, no NaN. */
static void extremes(void **state)
{
    (void)state;
    float qkv[2 * 3] = {1000, 1000, 0, 0, -1000, 0}, map[2];
    ij_attention_map(qkv, 2, 1, 1, 0, map);
    assert_true(map[0] == 1.0f && map[1] == 0.0f);
}

static float *tensor(ij_model_file *file, const char *name)
{
    char full[96];
    snprintf(full, sizeof full, "target_encoder.%s", name);
    const ij_model_tensor *t = ij_model_file_find(file, full);
    assert_non_null(t);
    float *values = room((size_t)t->elements, sizeof *values);
    case_ok(ij_model_file_read(file, t, values));
    return values;
}

static float *narrow(double *x, int count)
{
    float *y = room((size_t)count, sizeof *y);
    for (int i = 0; i < count; i++)
        y[i] = (float)x[i];
    free(x);
    return y;
}

/* y = x W^T + b with the named weights. */
static float *linear(ij_model_file *file, const char *name, const float *x, reference_tail tail, int rows, int out,
                     int in)
{
    char part[64];
    snprintf(part, sizeof part, "%s.weight", name);
    float *w = tensor(file, part);
    snprintf(part, sizeof part, "%s.bias", name);
    float *b = tensor(file, part);
    double *y = room((size_t)(rows * out), sizeof *y), *pre = room((size_t)(rows * out), sizeof *pre);
    tail.bias = b;
    reference_linear_forward(x, w, tail, rows, out, in, pre, y);
    free(w);
    free(b);
    free(pre);
    return narrow(y, rows * out);
}

/* Of a model with one block: embedding, LayerNorm, qkv. */
static float *expected_qkv(ij_model_file *file, const ij_model_config *m, const uint8_t *pixels, int images)
{
    int patches = ij_model_patches(m), tokens = images * patches, in = 3 * m->patch * m->patch;
    int32_t *image = room((size_t)tokens, sizeof *image), *patch = room((size_t)tokens, sizeof *patch);
    for (int i = 0; i < tokens; i++) {
        image[i] = i / patches;
        patch[i] = i % patches;
    }
    double *flat = room((size_t)(tokens * in), sizeof *flat), *norm = room((size_t)(tokens * m->dim), sizeof *norm);
    reference_patchify(pixels, image, patch, tokens, m->crop, m->patch, flat);
    float *x = narrow(flat, tokens * in), *position = tensor(file, "pos_embed");
    float *embedded =
        linear(file, "patch_embed.proj", x, (reference_tail){.add = position, .rows = patch}, tokens, m->dim, in);
    float *gain = tensor(file, "blocks.0.norm1.weight"), *bias = tensor(file, "blocks.0.norm1.bias");
    reference_norm_forward((reference_norm){gain, bias, NULL, tokens, m->dim, (double)m->norm_eps}, embedded, norm);
    float *normed = narrow(norm, tokens * m->dim);
    float *qkv = linear(file, "blocks.0.attn.qkv", normed, (reference_tail){0}, tokens, 3 * m->dim, m->dim);
    free(image);
    free(patch);
    free(x);
    free(position);
    free(embedded);
    free(gain);
    free(bias);
    free(normed);
    return qkv;
}

static void last_block(void **state)
{
    (void)state;
    enum { IMAGES = 2 };
    ij_trainer_config config = case_config();
    config.model.depth = 1;
    ij_trainer *t = case_trainer(&config);
    for (int k = 0; k < 3; k++)
        case_step(t, k % 2, (uint64_t)k, (ij_hyper){.lr = 1e-2, .wd = 0.1, .ema = 0.5});
    case_ok(ij_checkpoint_write(t, NULL, path, &(ij_checkpoint_meta){.model = config.model, .iteration = 3}));
    ij_trainer_destroy(t);
    uint8_t pixels[IMAGES * 12 * 12 * 3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 97 % 251);
    ij_model_file *file;
    ij_encoder *e;
    case_ok(ij_model_file_open(&file, path));
    case_ok(ij_encoder_create(&e, case_device(), file, &(ij_encoder_options){.batch = IMAGES + 1}));
    const ij_model_config *m = ij_encoder_model(e);
    int count = IMAGES * ij_model_patches(m) * 3 * m->dim;
    float *qkv = room((size_t)count, sizeof *qkv), *expected = expected_qkv(file, m, pixels, IMAGES);
    case_ok(ij_encoder_last_qkv(e, pixels, IMAGES, qkv));
    for (int i = 0; i < count; i++)
        assert_true(fabs((double)qkv[i] - (double)expected[i]) < 1e-5);
    assert_int_equal(ij_encoder_last_qkv(e, pixels, IMAGES + 2, qkv), IJ_EINVAL);
    assert_int_equal(ij_encoder_last_qkv(e, pixels, 0, qkv), IJ_EINVAL);
    free(qkv);
    free(expected);
    ij_encoder_destroy(e);
    ij_model_file_close(file);
}

int main(void)
{
    if (!case_device())
        return CASE_NO_DEVICE;
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    const struct CMUnitTest tests[] = {cmocka_unit_test(weights), cmocka_unit_test(extremes),
                                       cmocka_unit_test(last_block)};
    int failed = cmocka_run_group_tests_name("attention_map", tests, NULL, NULL);
    unlink(path);
    case_close();
    return failed;
}
