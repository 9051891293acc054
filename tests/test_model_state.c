/* What a trainer knows and may tell: frozen features against the oracle, AdamW of a run that goes on, and what happens
 * to its weights when the device fails in the middle of a step. */
#include "engine/checkpoint.h"
#include "engine/opencl.h"
#include "tests/opencl_spy.h"
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

static const ij_hyper hyper = {.lr = 1e-3, .wd = 0.05, .ema = 0.99};

static float *floats(int64_t n)
{
    float *x = calloc((size_t)n, sizeof *x);
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

/* ---- Features ------------------------------------------------------------------------------------------------------
 */

/* A golden step's model with the weights it starts from, an encoder that was made before they were there, its batch,
 * and the features the oracle gives its images. */
typedef struct golden_case {
    golden golden;
    ij_trainer *t;
    ij_encoder *encoder;
    ij_safetensors *oracle;
    float *expected; /* [images, dim] */
    int images, dim;
} golden_case;

static void open_case(golden_case *c, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, IJEPA_TESTS "/golden/%s.safetensors", name);
    case_ok(golden_open(&c->golden, path));
    c->t = case_trainer(&c->golden.config);
    c->images = c->golden.config.batch;
    case_ok(ij_trainer_make_encoder(c->t, &(ij_encoder_options){.batch = c->images}, &c->encoder));
    for (int i = 0; i < ij_trainer_tensor_count(c->t); i++) {
        const ij_tensor_info *info = ij_trainer_tensor(c->t, i);
        float *values = floats(info->elements);
        case_ok(golden_floats(&c->golden, "", info->name, info->elements, values));
        case_ok(ij_trainer_write(c->t, i, IJ_STORE_WEIGHT, values));
        free(values);
    }
    case_ok(ij_safetensors_open(&c->oracle, IJEPA_TESTS "/golden/features/features.safetensors"));
    const ij_st_tensor *tensor = ij_safetensors_find(c->oracle, name);
    c->dim = c->golden.config.model.dim;
    assert_non_null(tensor);
    assert_int_equal(tensor->shape[0], c->images);
    assert_int_equal(tensor->shape[1], c->dim);
    c->expected = floats((int64_t)c->images * c->dim);
    case_ok(ij_safetensors_read_floats(c->oracle, tensor, c->expected));
}

static void close_case(golden_case *c)
{
    free(c->expected);
    ij_safetensors_close(c->oracle);
    ij_encoder_destroy(c->encoder);
    ij_trainer_destroy(c->t);
    golden_close(&c->golden);
}

static void expect_features(golden_case *c, const uint8_t *pixels, int images)
{
    float *features = floats((int64_t)images * c->dim);
    case_ok(ij_encoder_run(c->encoder, pixels, images, features));
    double error = relative_error(features, c->expected, (int64_t)images * c->dim);
    free(features);
    if (!(error <= 2e-6)) /* as golden outputs: a few roundings of float32 a layer */
        fail_msg("features of %d images are off by %.2g", images, error);
}

/* Of whole batches and of fewer images; then while slot 0 holds a batch that is being filled, whose step must be what
 * it would have been. */
static void features(const char *name)
{
    golden_case c;
    open_case(&c, name);
    size_t bytes = (size_t)c.images * (size_t)c.golden.config.model.crop * (size_t)c.golden.config.model.crop * 3;
    uint8_t *pixels = malloc(bytes), *before = malloc(bytes);
    assert_true(pixels && before);
    ij_batch *batch;
    case_ok(ij_trainer_slot(c.t, 0, &batch));
    case_ok(golden_fill(&c.golden, batch));
    memcpy(pixels, batch->pixels, bytes);
    for (size_t i = 0; i < bytes; i++) /* another batch is under way */
        batch->pixels[i] = (uint8_t)(255 - pixels[i]);
    memcpy(before, batch->pixels, bytes);
    expect_features(&c, pixels, c.images);
    expect_features(&c, pixels, 1);
    expect_features(&c, pixels, c.images - 1);
    assert_memory_equal(batch->pixels, before, bytes);

    double loss;
    ij_hyper first;
    ij_step_result result;
    case_ok(golden_step(&c.golden, 1, &loss, &first));
    memcpy(batch->pixels, pixels, bytes);
    case_ok(ij_trainer_step(c.t, 0, &first));
    case_ok(ij_trainer_result(c.t, 0, &result));
    assert_true(fabs(result.loss - loss) <= 1e-5 * loss);
    free(pixels);
    free(before);
    close_case(&c);
}

static void features_tiny(void **state)
{
    (void)state;
    features("tiny");
}
static void features_ragged(void **state)
{
    (void)state;
    features("ragged");
}
static void features_two_contexts(void **state)
{
    (void)state;
    features("two-contexts");
}

/* ---- Going on at a step -------------------------------------------------------------------------------------------
 */

/* One tensor's weights, moments and target copy around a step. */
typedef struct parameter {
    float *w, *m, *v, *target;
} parameter;

static parameter read_parameter(ij_trainer *t, const char *name)
{
    char copy[128];
    int tensor = case_tensor(t, name);
    int64_t n = ij_trainer_tensor(t, tensor)->elements;
    parameter p = {floats(n), floats(n), floats(n), floats(n)};
    case_ok(ij_trainer_read(t, tensor, IJ_STORE_WEIGHT, p.w));
    case_ok(ij_trainer_read(t, tensor, IJ_STORE_MOMENT1, p.m));
    case_ok(ij_trainer_read(t, tensor, IJ_STORE_MOMENT2, p.v));
    snprintf(copy, sizeof copy, "target_%s", name);
    if (strncmp(name, "encoder.", 8) == 0)
        case_ok(ij_trainer_read(t, case_tensor(t, copy), IJ_STORE_WEIGHT, p.target));
    return p;
}

static void free_parameter(parameter *p)
{
    free(p->w);
    free(p->m);
    free(p->v);
    free(p->target);
}

/* AdamW as docs/method.md has it, in double; `s`: steps taken, this one included. */
static void expect_adamw(ij_trainer *t, const char *name, parameter *before, double s, bool decay)
{
    int tensor = case_tensor(t, name);
    int64_t n = ij_trainer_tensor(t, tensor)->elements;
    float *g = floats(n);
    case_ok(ij_trainer_read(t, tensor, IJ_STORE_GRADIENT, g));
    parameter after = read_parameter(t, name);
    float *moved = floats(n), *expected = floats(n);
    double c1 = 1.0 - pow(0.9, s), c2 = 1.0 - pow(0.999, s);
    for (int64_t i = 0; i < n; i++) {
        double m = 0.9 * (double)before->m[i] + 0.1 * (double)g[i];
        double v = 0.999 * (double)before->v[i] + 0.001 * (double)g[i] * (double)g[i];
        double w = (double)before->w[i] * (decay ? 1.0 - hyper.lr * hyper.wd : 1.0);
        expected[i] = (float)(w - hyper.lr * (m / c1) / (sqrt(v / c2) + 1e-8) - (double)before->w[i]);
        moved[i] = after.w[i] - before->w[i];
    }
    /* What the weights moved by, about 1e-3, says more than the weights, which are rounded by up to 2e-9. */
    double error = relative_error(moved, expected, n);
    if (!(error <= 2e-5))
        fail_msg("step %.0f moves %s by what is off by %.2g of it", s, name, error);
    if (strncmp(name, "encoder.", 8) == 0) {
        for (int64_t i = 0; i < n; i++)
            expected[i] = (float)(hyper.ema * (double)before->target[i] + (1.0 - hyper.ema) * (double)after.w[i]);
        assert_true(relative_error(after.target, expected, n) <= 1e-6);
    }
    free(g);
    free(moved);
    free(expected);
    free_parameter(&after);
}

/* The bias corrections follow the step that the run is told to go on from. */
static void adamw_goes_on(void **state)
{
    (void)state;
    static const int64_t steps[] = {0, 1, 7, 1000, 1000000};
    static const char weight[] = "encoder.blocks.1.mlp.fc1.weight", bias[] = "predictor.predictor_proj.bias";
    ij_trainer_config config = case_config();
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        ij_trainer *t = case_trainer(&config);
        case_step(t, 0, 1, hyper); /* moments that are not zero */
        case_step(t, 1, 2, hyper);
        case_ok(ij_trainer_finish(t));
        parameter w = read_parameter(t, weight), b = read_parameter(t, bias);
        case_ok(ij_trainer_set_step(t, steps[i]));
        case_step(t, 0, 3, hyper);
        case_ok(ij_trainer_finish(t));
        assert_int_equal(ij_trainer_steps(t), steps[i] + 1);
        expect_adamw(t, weight, &w, (double)steps[i] + 1.0, true);
        expect_adamw(t, bias, &b, (double)steps[i] + 1.0, false);
        free_parameter(&w);
        free_parameter(&b);
        ij_trainer_destroy(t);
    }
}

/* ---- The device fails in the middle of a step ----------------------------------------------------------------------
 */

static void expect_unusable(ij_trainer *t, const char *step)
{
    float value[1];
    int64_t tokens;
    ij_batch *batch;
    ij_encoder *encoder;
    float *weights = floats(ij_trainer_tensor(t, 0)->elements);
    assert_int_equal(ij_trainer_slot(t, 0, &batch), IJ_EDEVICE);
    assert_int_equal(ij_trainer_step(t, 0, &hyper), IJ_EDEVICE);
    assert_int_equal(ij_trainer_output(t, IJ_OUTPUT_CONTEXT, value, 1, &tokens), IJ_EDEVICE);
    assert_int_equal(ij_trainer_batch_features(t, value), IJ_EDEVICE);
    assert_int_equal(ij_trainer_make_encoder(t, &(ij_encoder_options){.batch = 1}, &encoder), IJ_EDEVICE);
    assert_null(encoder);
    assert_int_equal(ij_trainer_write(t, 0, IJ_STORE_WEIGHT, weights), IJ_EDEVICE);
    assert_int_equal(ij_trainer_read(t, 0, IJ_STORE_WEIGHT, weights), IJ_EDEVICE);
    assert_non_null(strstr(ij_error(), step));
    assert_non_null(strstr(ij_error(), "no longer be used"));
    assert_non_null(strstr(ij_error(), "last checkpoint"));
    free(weights);
}

/* Kernels of a whole step, the last of which are the optimiser's. */
static int kernels_of_a_step(void)
{
    ij_trainer_config config = case_config();
    ij_trainer *t = case_trainer(&config);
    case_step(t, 0, 1, hyper);
    int kernels = ij_trainer_kernels(t);
    ij_trainer_destroy(t);
    return kernels;
}

/* Reads the whole file. */
static char *contents(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = malloc(1 << 22);
    assert_non_null(text);
    *size = fread(text, 1, 1 << 22, file);
    fclose(file);
    return text;
}

/* The third segment's kernel is refused: two segments are a step ahead. Nothing of that reaches the checkpoint. */
static void optimizer_fails(void **state)
{
    (void)state;
    enum { SEGMENTS = 2 + 2 + 2 }; /* of the case's model: around the blocks, and one each, of both networks */
    char path[] = "/tmp/ijepa-state-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    ij_trainer_config config = case_config();
    ij_trainer *t = case_trainer(&config);
    ij_checkpoint_meta meta = {.model = config.model, .iteration = 1, .seed = config.seed};
    case_step(t, 0, 1, hyper);
    case_ok(ij_checkpoint_write(t, NULL, path, &meta));
    size_t size, size_after;
    char *good = contents(path, &size);

    int kernels = kernels_of_a_step();
    ij_batch *batch;
    case_ok(ij_trainer_slot(t, 1, &batch));
    case_fill(batch, 2);
    spy_fail(SPY_ENQUEUE_KERNEL, kernels - SEGMENTS + 2, CL_OUT_OF_RESOURCES);
    assert_int_equal(ij_trainer_step(t, 1, &hyper), IJ_ENOMEM);
    assert_int_equal(spy_forget(SPY_ENQUEUE_KERNEL), 0);
    assert_non_null(strstr(ij_error(), "adamw"));
    expect_unusable(t, "step 1 ");

    meta.iteration = 2;
    assert_int_equal(ij_checkpoint_write(t, NULL, path, &meta), IJ_EDEVICE);
    assert_non_null(strstr(ij_error(), "no longer be used"));
    char *now = contents(path, &size_after);
    assert_int_equal(size, size_after);
    assert_memory_equal(good, now, size);
    free(good);
    free(now);
    unlink(path);
    ij_trainer_destroy(t);
}

/* The same where the failure shows only when the step is waited for. */
static void wait_fails(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    ij_trainer *t = case_trainer(&config);
    ij_step_result result;
    case_step(t, 0, 1, hyper);
    case_step(t, 1, 2, hyper);
    case_ok(ij_trainer_result(t, 0, &result));
    spy_fail(SPY_WAIT, 0, CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST);
    assert_int_equal(ij_trainer_result(t, 1, &result), IJ_EDEVICE);
    expect_unusable(t, "step 1 ");
    ij_trainer_destroy(t);
}

int main(void)
{
    if (!case_device())
        return CASE_NO_DEVICE;
    const struct CMUnitTest tests[] = {cmocka_unit_test(features_tiny),         cmocka_unit_test(features_ragged),
                                       cmocka_unit_test(features_two_contexts), cmocka_unit_test(adamw_goes_on),
                                       cmocka_unit_test(optimizer_fails),       cmocka_unit_test(wait_fails)};
    int failed = cmocka_run_group_tests_name("state", tests, NULL, NULL);
    case_close();
    return failed;
}
