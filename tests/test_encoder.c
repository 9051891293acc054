/* The encoder for inference against the oracle's features of golden models, from files of every form: a checkpoint, a
 * target encoder alone, with positions of its own; over a trainer's weights; fewer images than a batch; and it fits
 * where the trainer would not. */
#include "engine/checkpoint.h"
#include "engine/encoder.h"
#include "engine/files/safetensors.h"
#include "engine/opencl.h"
#include "engine/position.h"
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

static float *expected_of(const char *file, const char *name, int64_t *count)
{
    ij_safetensors *oracle;
    char oracle_path[1024];
    snprintf(oracle_path, sizeof oracle_path, IJEPA_TESTS "/golden/features/%s.safetensors", file);
    case_ok(ij_safetensors_open(&oracle, oracle_path));
    const ij_st_tensor *tensor = ij_safetensors_find(oracle, name);
    assert_non_null(tensor);
    *count = (int64_t)(tensor->bytes / sizeof(float));
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
    float *expected = expected_of("features", name, &count), *features = floats(count);
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

/* Images of `size` pixels a side out of those of a golden step, repeated to the right and below. */
static uint8_t *resized_pixels(const golden *g, int size)
{
    uint8_t *pixels = pixels_of(g), *larger = malloc((size_t)(g->config.batch * size * size * 3));
    int crop = g->config.model.crop;
    assert_non_null(larger);
    for (int i = 0; i < g->config.batch * size * size * 3; i++) {
        int channel = i % 3, x = i / 3 % size % crop, y = i / 3 / size % size % crop, image = i / 3 / size / size;
        larger[i] = pixels[((image * crop + y) * crop + x) * 3 + channel];
    }
    free(pixels);
    return larger;
}

/* The features of a golden step's images with `options` against the oracle's tensor "NAME.WHAT". */
static void check_options(const char *name, const char *what, ij_encoder_options options)
{
    char tensor[96];
    int64_t count;
    golden g;
    open_golden(&g, name);
    write_encoder(&g, "target_encoder.", 1.0f);
    snprintf(tensor, sizeof tensor, "%s.%s", name, what);
    float *expected = expected_of("encoder", tensor, &count), *features = floats(count);
    int crop = options.crop ? options.crop : g.config.model.crop;
    uint8_t *pixels = resized_pixels(&g, crop);
    ij_encoder *e = open_encoder(&options);
    int64_t each = ij_encoder_floats(e);
    assert_int_equal(each * g.config.batch, count);
    assert_int_equal(ij_encoder_model(e)->crop, crop);
    assert_true(ij_encoder_batch(e) >= g.config.batch);
    case_ok(ij_encoder_run(e, pixels, g.config.batch, features));
    case_ok(ij_encoder_run(e, pixels, 1, features)); /* a smaller batch after a larger one */
    double error = relative_error(features, expected, count);
    if (!(error <= 2e-6))
        fail_msg("%s is off by %.2g", tensor, error);
    ij_encoder_destroy(e);
    free(expected);
    free(features);
    free(pixels);
    golden_close(&g);
}

static void layers_and_sizes(void **state)
{
    (void)state;
    static const char *const names[] = {"tiny", "two-contexts"}; /* grids of 6 x 6 and 7 x 7 */
    static const int crops[] = {48, 56};
    for (size_t i = 0; i < 2; i++) {
        const ij_encoder_options larger = {.crop = crops[i] + 16}, smaller = {.crop = crops[i] - 16};
        ij_encoder_options other = {.layers = 2, .pool = IJ_POOL_NONE};
        check_options(names[i], "layers", other);
        other.pool = IJ_POOL_2X2;
        check_options(names[i], "quadrants", other);
        check_options(names[i], "larger", larger);
        check_options(names[i], "smaller", smaller);
        other = larger;
        other.positions = IJ_POSITIONS_INTERPOLATED;
        check_options(names[i], "larger.interpolated", other);
        other.crop = smaller.crop;
        check_options(names[i], "smaller.interpolated", other);
    }
}

static void bicubic(void **state)
{
    (void)state;
    static const int sides[] = {1, 3, 5, 7, 16};
    int64_t count;
    float *from = expected_of("encoder", "bicubic.from", &count);
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
        char name[32];
        snprintf(name, sizeof name, "bicubic.to.%d", sides[i]);
        float *expected = expected_of("encoder", name, &count), *got = floats(count);
        ij_position_interpolate(from, 5, got, sides[i], 8);
        assert_true(relative_error(got, expected, count) <= 1e-7); /* one rounding to float32 each */
        if (sides[i] == 5)
            assert_memory_equal(got, from, (size_t)count * sizeof *got);
        free(expected);
        free(got);
    }
    free(from);
}

/* A random start has the weights that a trainer starts with, as the trainer's checkpoint says how to draw them. */
static void random_start(ij_init init)
{
    ij_trainer_config config = case_config();
    config.seed = 5;
    config.rescale_residual = true;
    config.init = init;
    config.model.position_scale = init ? 0.25f : 0;
    ij_trainer *t = case_trainer(&config);
    const ij_checkpoint_meta meta = {
        .model = config.model, .seed = config.seed, .rescale_residual = config.rescale_residual, .init = init};
    case_ok(ij_checkpoint_write(t, NULL, path, &meta));
    uint8_t pixels[12 * 12 * 3];
    float from_trainer[16], drawn[16];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 97 % 251);
    ij_encoder *over;
    case_ok(ij_trainer_make_encoder(t, &(ij_encoder_options){.batch = 1}, &over));
    case_ok(ij_encoder_run(over, pixels, 1, from_trainer));
    ij_encoder_destroy(over);
    ij_model_file *file;
    ij_drawing told;
    case_ok(ij_model_file_open(&file, path));
    assert_true(ij_checkpoint_drawn(file, &told));
    ij_model_file_close(file);
    const ij_drawing others[] = {told,
                                 {told.seed + 1, told.rescale_residual, told.init},
                                 {told.seed, !told.rescale_residual, told.init},
                                 {told.seed, told.rescale_residual, init ? IJ_INIT_OFFICIAL : IJ_INIT_XAVIER}};
    for (int i = 0; i < 4; i++) {
        ij_encoder *e = open_encoder(&(ij_encoder_options){.random_start = true, .start = others[i]});
        case_ok(ij_encoder_run(e, pixels, 1, drawn));
        ij_encoder_destroy(e);
        if (i == 0)
            assert_memory_equal(drawn, from_trainer, sizeof drawn);
        else
            assert_memory_not_equal(drawn, from_trainer, sizeof drawn);
    }
    ij_trainer_destroy(t);
}

static void random_start_official(void **state)
{
    (void)state;
    random_start(IJ_INIT_OFFICIAL);
}

static void random_start_xavier(void **state)
{
    (void)state;
    random_start(IJ_INIT_XAVIER);
}

/* Positions that were multiplied are so at another size too: as in a trainer of that size, which starts alike. */
static void scaled_positions(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    config.model.position_scale = 0.3f;
    ij_trainer *small = case_trainer(&config);
    case_ok(ij_checkpoint_write(small, NULL, path, &(ij_checkpoint_meta){.model = config.model}));
    ij_trainer_destroy(small);
    uint8_t pixels[20 * 20 * 3];
    float from_file[16], from_trainer[16];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 97 % 251);
    ij_encoder *e = open_encoder(&(ij_encoder_options){.crop = 20});
    case_ok(ij_encoder_run(e, pixels, 1, from_file));
    ij_encoder_destroy(e);
    for (int scaled = 1; scaled >= 0; scaled--) {
        config.model.crop = 20;
        config.model.position_scale = scaled ? 0.3f : 1;
        ij_trainer *large = case_trainer(&config);
        case_ok(ij_trainer_make_encoder(large, &(ij_encoder_options){.batch = 1}, &e));
        case_ok(ij_encoder_run(e, pixels, 1, from_trainer));
        ij_encoder_destroy(e);
        ij_trainer_destroy(large);
        assert_int_equal(memcmp(from_file, from_trainer, sizeof from_file) == 0, scaled);
    }
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
    float target[3 * 16], context[3 * 16], tokens[3 * 9 * 16], means[3 * 16] = {0};
    ij_encoder *a = open_encoder(&(ij_encoder_options){.batch = 3}),
               *b = open_encoder(&(ij_encoder_options){.which = IJ_ENCODER_CONTEXT, .batch = 4}),
               *all = open_encoder(&(ij_encoder_options){.batch = 3, .pool = IJ_POOL_NONE});
    case_ok(ij_encoder_run(a, pixels, 3, target));
    case_ok(ij_encoder_run(b, pixels, 3, context));
    case_ok(ij_encoder_run(all, pixels, 3, tokens));
    for (int i = 0; i < 3 * 9 * 16; i++)
        means[i / (9 * 16) * 16 + i % 16] += tokens[i] / 9.0f;
    assert_memory_not_equal(context, target, sizeof target);
    assert_true(relative_error(means, target, 3 * 16) <= 1e-6);
    assert_true(ij_encoder_device_bytes(a) < ij_trainer_device_bytes(t) / 3);
    ij_encoder_destroy(a);
    ij_encoder_destroy(b);
    ij_encoder_destroy(all);
    ij_trainer_destroy(t);
}

/* Over a trainer's weights, with its kind of products and a batch of its own: bit for bit what the encoder of a
 * checkpoint gives, step after step, and without weights of its own. */
static void of_a_trainer(ij_gemm_backend gemm, ij_pooling pool)
{
    ij_trainer_config config = case_config();
    config.gemm = gemm;
    ij_trainer *t = case_trainer(&config);
    const ij_encoder_options options = {.batch = 5, .layers = 2, .pool = pool};
    const ij_checkpoint_meta meta = {.model = config.model};
    ij_encoder *over, *loaded = NULL;
    uint8_t pixels[5 * 12 * 12 * 3];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 97 % 251);
    case_ok(ij_trainer_make_encoder(t, &options, &over));
    int64_t n = 5 * ij_encoder_floats(over);
    float *before = floats(n), *a = floats(n), *b = floats(n), batch[3 * 16];
    assert_int_equal(ij_trainer_batch_features(t, batch), IJ_EINVAL); /* there is none yet */
    for (int k = 0; k < 3; k++) {
        case_step(t, k % 2, (uint64_t)k, (ij_hyper){.lr = 1e-2, .wd = 0.1, .ema = 0.9});
        memcpy(before, a, (size_t)n * sizeof *a);
        case_ok(ij_encoder_run(over, pixels, 5, a));
        case_ok(ij_checkpoint_write(t, NULL, path, &meta));
        ij_encoder_destroy(loaded);
        loaded = open_encoder(&options);
        case_ok(ij_encoder_run(loaded, pixels, 5, b));
        if (gemm == IJ_GEMM_AUTO)
            assert_memory_equal(a, b, (size_t)n * sizeof *a);
        else /* products of another kind, whose sums have another order */
            assert_true(relative_error(a, b, n) <= 1e-6);
        assert_memory_not_equal(a, before, (size_t)n * sizeof *a);
    }
    const ij_model_config *m = &config.model;
    uint64_t matrices = (uint64_t)m->depth * (uint64_t)(4 * m->dim + 2 * m->hidden) * (uint64_t)m->dim * sizeof(float);
    if (gemm != IJ_GEMM_CLBLAST) /* which takes temporary memory */
        assert_true(ij_encoder_device_bytes(loaded) - ij_encoder_device_bytes(over) > matrices);
    assert_int_equal(ij_encoder_run(over, pixels, 6, a), IJ_EINVAL);
    case_ok(ij_trainer_batch_features(t, batch));
    free(before);
    free(a);
    free(b);
    ij_encoder_destroy(loaded);
    ij_encoder_destroy(over);
    ij_trainer_destroy(t);
}

static void over_a_trainer(void **state)
{
    (void)state;
    of_a_trainer(IJ_GEMM_AUTO, IJ_POOL_MEAN);
    of_a_trainer(IJ_GEMM_OWN, IJ_POOL_NONE);
    of_a_trainer(IJ_GEMM_CLBLAST, IJ_POOL_2X2);
}

/* What a trainer has taken of the device is no room for an encoder, and free again after it. */
static void beside_a_trainer(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    ij_device_info *info = &case_device()->info;
    const ij_device_info real = *info;
    ij_trainer *t = case_trainer(&config);
    ij_encoder *e;
    info->global_bytes = ij_trainer_device_bytes(t) + 1024;
    assert_int_equal(ij_trainer_make_encoder(t, &(ij_encoder_options){.batch = 8}, &e), IJ_ENOMEM);
    assert_non_null(strstr(ij_error(), "in use"));
    assert_null(e);
    ij_trainer_destroy(t);
    t = case_trainer(&config);
    ij_trainer_destroy(t);
    *info = real;
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
    assert_int_equal(ij_encoder_create(&e, case_device(), file, &(ij_encoder_options){.batch = 0}), IJ_ENOMEM);
    case_device()->info.global_bytes = real;
    const ij_encoder_options wrong[] = {{.layers = 3}, {.layers = -1}, {.crop = 50}, {.crop = -8}, {.crop = 80000}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(ij_encoder_create(&e, case_device(), file, &wrong[i]), IJ_EINVAL);
        assert_null(e);
    }
    case_ok(ij_encoder_create(&e, case_device(), file, &(ij_encoder_options){.batch = 2}));
    assert_int_equal(ij_encoder_run(e, (const uint8_t *)"", 3, values), IJ_EINVAL);
    assert_int_equal(ij_encoder_run(e, (const uint8_t *)"", 0, values), IJ_EINVAL);
    ij_encoder_destroy(e);
    ij_model_file_close(file);
}

/* A table that is not sine-cosine cannot be computed for another grid, only interpolated. */
static void foreign_positions(void **state)
{
    (void)state;
    golden g;
    open_golden(&g, "tiny");
    write_encoder(&g, "encoder.", 2.0f);
    golden_close(&g);
    ij_model_file *file;
    ij_encoder *e;
    case_ok(ij_model_file_open(&file, path));
    assert_int_equal(ij_encoder_create(&e, case_device(), file, &(ij_encoder_options){.crop = 64}), IJ_EINVAL);
    assert_non_null(strstr(ij_error(), "interpolate"));
    case_ok(ij_encoder_create(&e, case_device(), file,
                              &(ij_encoder_options){.crop = 64, .positions = IJ_POSITIONS_INTERPOLATED}));
    ij_encoder_destroy(e);
    ij_model_file_close(file);
}

/* A batch that nobody asked for goes by the device: fewer images where it has less memory, or gives less at once. */
static void chosen_batch(void **state)
{
    (void)state;
    golden g;
    open_golden(&g, "tiny");
    write_encoder(&g, "encoder.", 1.0f);
    golden_close(&g);
    ij_device_info *info = &case_device()->info;
    const ij_device_info real = *info;
    ij_encoder *e = open_encoder(&(ij_encoder_options){.batch = 0});
    int most = ij_encoder_batch(e);
    uint64_t bytes = ij_encoder_device_bytes(e);
    ij_encoder_destroy(e);
    assert_int_equal(most, 256); /* 36 patches an image: 9216 tokens */
    info->global_bytes = bytes;
    e = open_encoder(&(ij_encoder_options){.batch = 0});
    assert_true(ij_encoder_batch(e) < most && ij_encoder_batch(e) >= 32);
    assert_true((double)ij_encoder_device_bytes(e) <= 0.75 * (double)bytes);
    ij_encoder_destroy(e);
    *info = real;
    info->max_alloc_bytes = 36 * 192 * 16 * sizeof(float); /* the widest activations, of 16 images */
    e = open_encoder(&(ij_encoder_options){.batch = 0});
    assert_int_equal(ij_encoder_batch(e), 16);
    ij_encoder_destroy(e);
    *info = real;
}

int main(void)
{
    if (!case_device())
        return CASE_NO_DEVICE;
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    const struct CMUnitTest tests[] = {cmocka_unit_test(against_the_oracle),
                                       cmocka_unit_test(files),
                                       cmocka_unit_test(scaled_positions),
                                       cmocka_unit_test(of_a_checkpoint),
                                       cmocka_unit_test(refusals),
                                       cmocka_unit_test(layers_and_sizes),
                                       cmocka_unit_test(bicubic),
                                       cmocka_unit_test(random_start_official),
                                       cmocka_unit_test(random_start_xavier),
                                       cmocka_unit_test(foreign_positions),
                                       cmocka_unit_test(chosen_batch),
                                       cmocka_unit_test(over_a_trainer),
                                       cmocka_unit_test(beside_a_trainer)};
    int failed = cmocka_run_group_tests_name("encoder", tests, NULL, NULL);
    unlink(path);
    case_close();
    return failed;
}
