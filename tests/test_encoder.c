/* The encoder for inference against the oracle's features of golden models, from files of every form: a checkpoint, a
 * target encoder alone, with positions of its own; fewer images than a batch; and it fits where the trainer would not.
 */
#include "engine/checkpoint.h"
#include "engine/encoder.h"
#include "engine/files/safetensors.h"
#include "engine/opencl.h"
#include "tests/test_model_case.h"
#include "tools/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/ijepa-encoder-XXXXXX";

static float *floats(int64_t n)
{
    float *x = calloc((size_t)n + 1, sizeof *x);
    assert_non_null(x);
    return x;
}

/* |a - b| / |b| */
static double relative_error(const float *a, const float *b, int64_t n)
{
    double difference = 0.0, size = 0.0;
    for (int64_t i = 0; i < n; i++) {
        difference += pow((double)a[i] - (double)b[i], 2.0);
        size += pow((double)b[i], 2.0);
    }
    return sqrt(difference / size);
}

/* Writes the golden step's target encoder to `path`, under the name of `network`, with a position table that is
 * `positions` times the sine-cosine one (0: without any). */
static void write_encoder(const golden *g, const char *network, float positions)
{
    enum { MOST = 64 };
    static const char prefix[] = "target_encoder.";
    char names[MOST][96];
    ij_st_entry entries[MOST];
    int n = 0;
    for (int i = 0; i < ij_safetensors_count(g->file); i++) {
        const ij_st_tensor *t = ij_safetensors_at(g->file, i);
        if (strncmp(t->name, prefix, strlen(prefix)) != 0)
            continue;
        assert_true(n < MOST - 1);
        snprintf(names[n], sizeof names[n], "%s%s", network, t->name + strlen(prefix));
        entries[n] = (ij_st_entry){.name = names[n], .dtype = IJ_F32, .dims = t->dims};
        memcpy(entries[n++].shape, t->shape, sizeof t->shape);
    }
    const ij_model_config *m = &g->config.model;
    int64_t table = (int64_t)ij_model_patches(m) * m->dim;
    int weights = n;
    if (positions != 0.0f) {
        snprintf(names[n], sizeof names[n], "%spos_embed", network);
        entries[n] = (ij_st_entry){names[n], IJ_F32, 3, {1, ij_model_patches(m), m->dim}};
        n++;
    }
    char heads[16], crop[16];
    snprintf(heads, sizeof heads, "%d", m->heads);
    snprintf(crop, sizeof crop, "%d", m->crop);
    const char *const metadata[][2] = {{"model.heads", heads}, {"model.crop", crop}};
    ij_st_writer *writer;
    case_ok(ij_safetensors_create(&writer, path, entries, n, metadata, 2));
    for (int i = 0; i < weights; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s", prefix, names[i] + strlen(network));
        const ij_st_tensor *t = ij_safetensors_find(g->file, name);
        float *values = floats((int64_t)(t->bytes / sizeof(float)));
        case_ok(ij_safetensors_read_floats(g->file, t, values));
        case_ok(ij_safetensors_write(writer, values, t->bytes));
        free(values);
    }
    if (n > weights) {
        float *values = floats(table);
        case_ok(golden_floats(g, "", "fixed.pos_embed", table, values));
        for (int64_t i = 0; i < table; i++)
            values[i] *= positions;
        case_ok(ij_safetensors_write(writer, values, (size_t)table * sizeof *values));
        free(values);
    }
    case_ok(ij_safetensors_finish(writer));
}

static ij_encoder *open_encoder(const ij_encoder_options *options)
{
    ij_model_file *file;
    ij_encoder *e;
    case_ok(ij_model_file_open(&file, path));
    case_ok(ij_encoder_create(&e, case_device(), file, options));
    ij_model_file_close(file);
    return e;
}

static uint8_t *pixels_of(const golden *g)
{
    const ij_st_tensor *image = ij_safetensors_find(g->file, "image");
    uint8_t *pixels = malloc(image->bytes);
    assert_non_null(pixels);
    case_ok(ij_safetensors_read(g->file, image, pixels));
    return pixels;
}

static float *expected_of(const char *name, int64_t *count)
{
    ij_safetensors *oracle;
    case_ok(ij_safetensors_open(&oracle, IJEPA_TESTS "/golden/features/features.safetensors"));
    const ij_st_tensor *tensor = ij_safetensors_find(oracle, name);
    assert_non_null(tensor);
    *count = tensor->shape[0] * tensor->shape[1];
    float *values = floats(*count);
    case_ok(ij_safetensors_read_floats(oracle, tensor, values));
    ij_safetensors_close(oracle);
    return values;
}

static void open_golden(golden *g, const char *name)
{
    char file[1024];
    snprintf(file, sizeof file, IJEPA_TESTS "/golden/%s.safetensors", name);
    case_ok(golden_open(g, file));
}

/* Features of a golden model's images, `batch` at a time. */
static double error_of(const char *name, const char *network, float positions, ij_encoder_which which, int batch)
{
    golden g;
    open_golden(&g, name);
    write_encoder(&g, network, positions);
    int64_t count;
    float *expected = expected_of(name, &count), *features = floats(count);
    uint8_t *pixels = pixels_of(&g);
    ij_encoder *e = open_encoder(&(ij_encoder_options){.which = which, .batch = batch});
    int dim = g.config.model.dim, crop = g.config.model.crop;
    assert_memory_equal(&ij_encoder_model(e)->dim, &dim, sizeof dim);
    for (int i = 0; i < g.config.batch; i += batch) {
        int n = g.config.batch - i < batch ? g.config.batch - i : batch;
        case_ok(ij_encoder_run(e, pixels + (size_t)i * (size_t)(crop * crop * 3), n, features + i * dim));
    }
    double error = relative_error(features, expected, count);
    ij_encoder_destroy(e);
    free(expected);
    free(features);
    free(pixels);
    golden_close(&g);
    return error;
}

static void against_the_oracle(void **state)
{
    (void)state;
    static const char *const names[] = {"tiny", "ragged", "two-contexts"};
    for (size_t i = 0; i < 3; i++)
        for (int batch = 1; batch <= 6; batch++) {
            double error = error_of(names[i], "target_encoder.", 1.0f, IJ_ENCODER_TARGET, batch);
            if (!(error <= 2e-6)) /* as golden outputs: a few roundings of float32 a layer */
                fail_msg("features of %s, %d at a time, are off by %.2g", names[i], batch, error);
        }
}

/* One encoder stands for the other; positions are the file's where it has any. */
static void files(void **state)
{
    (void)state;
    assert_true(error_of("tiny", "encoder.", 1.0f, IJ_ENCODER_TARGET, 3) <= 2e-6);
    assert_true(error_of("tiny", "encoder.", 1.0f, IJ_ENCODER_CONTEXT, 3) <= 2e-6);
    assert_true(error_of("tiny", "target_encoder.", 1.0f, IJ_ENCODER_CONTEXT, 3) <= 2e-6);
    assert_true(error_of("tiny", "target_encoder.", 0.0f, IJ_ENCODER_TARGET, 3) <= 2e-6);
    assert_true(error_of("tiny", "target_encoder.", 2.0f, IJ_ENCODER_TARGET, 3) > 1e-3);
}

/* Context and target encoder of one checkpoint; tokens whose means are the features; the trainer's features. */
static void of_a_checkpoint(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    ij_trainer *t = case_trainer(&config);
    for (int k = 0; k < 3; k++)
        case_step(t, k % 2, (uint64_t)k, (ij_hyper){.lr = 1e-2, .wd = 0.1, .ema = 0.9});
    const ij_checkpoint_meta meta = {.model = config.model, .iteration = 3};
    case_ok(ij_checkpoint_write(t, NULL, path, &meta));
    uint8_t pixels[3 * 12 * 12 * 3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 97 % 251);
    float from_trainer[3 * 16], target[3 * 16], context[3 * 16], tokens[3 * 9 * 16], means[3 * 16] = {0};
    case_ok(ij_trainer_features(t, pixels, 3, from_trainer));
    ij_encoder *a = open_encoder(&(ij_encoder_options){.batch = 3}),
               *b = open_encoder(&(ij_encoder_options){.which = IJ_ENCODER_CONTEXT, .batch = 4}),
               *all = open_encoder(&(ij_encoder_options){.batch = 3, .pool = IJ_POOL_NONE});
    case_ok(ij_encoder_run(a, pixels, 3, target));
    case_ok(ij_encoder_run(b, pixels, 3, context));
    case_ok(ij_encoder_run(all, pixels, 3, tokens));
    for (int i = 0; i < 3 * 9 * 16; i++)
        means[i / (9 * 16) * 16 + i % 16] += tokens[i] / 9.0f;
    assert_memory_equal(target, from_trainer, sizeof target);
    assert_memory_not_equal(context, target, sizeof target);
    assert_true(relative_error(means, target, 3 * 16) <= 1e-6);
    assert_true(ij_encoder_device_bytes(a) < ij_trainer_device_bytes(t) / 3);
    ij_encoder_destroy(a);
    ij_encoder_destroy(b);
    ij_encoder_destroy(all);
    ij_trainer_destroy(t);
}

static void refusals(void **state)
{
    (void)state;
    golden g;
    open_golden(&g, "tiny");
    write_encoder(&g, "encoder.", 1.0f);
    golden_close(&g);
    ij_model_file *file;
    ij_encoder *e;
    float values[48];
    case_ok(ij_model_file_open(&file, path));
    assert_int_equal(ij_encoder_create(&e, case_device(), file, &(ij_encoder_options){.batch = -1}), IJ_EINVAL);
    assert_int_equal(ij_encoder_create(&e, case_device(), file, &(ij_encoder_options){.batch = 2000000000}), IJ_EINVAL);
    uint64_t real = case_device()->info.global_bytes;
    case_device()->info.global_bytes = 10000;
    assert_int_equal(ij_encoder_create(&e, case_device(), file, &(ij_encoder_options){.batch = 2}), IJ_ENOMEM);
    assert_null(e);
    case_device()->info.global_bytes = real;
    case_ok(ij_encoder_create(&e, case_device(), file, &(ij_encoder_options){.batch = 2}));
    assert_int_equal(ij_encoder_run(e, (const uint8_t *)"", 3, values), IJ_EINVAL);
    assert_int_equal(ij_encoder_run(e, (const uint8_t *)"", 0, values), IJ_EINVAL);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(against_the_oracle), cmocka_unit_test(files),
                                       cmocka_unit_test(of_a_checkpoint), cmocka_unit_test(refusals)};
    int failed = cmocka_run_group_tests_name("encoder", tests, NULL, NULL);
    unlink(path);
    case_close();
    return failed;
}
