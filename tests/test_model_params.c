/* The parameter store as the trainer shows it: names and shapes, copies in and out whatever the layout on the device,
 * initial weights, which tensors decay. */
#include "tests/test_model_case.h"

#include "engine/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_target(const ij_tensor_info *info)
{
    return strncmp(info->name, "target_", 7) == 0;
}

static bool is_bias(const ij_tensor_info *info)
{
    return strstr(info->name, ".bias") != NULL;
}

/* LayerNorm's. */
static bool is_gain(const ij_tensor_info *info)
{
    return info->dims == 1 && !is_bias(info);
}

static float *read_tensor(ij_trainer *t, int i, ij_store store)
{
    float *x = calloc((size_t)ij_trainer_tensor(t, i)->elements, sizeof *x);
    assert_non_null(x);
    case_ok(ij_trainer_read(t, i, store, x));
    return x;
}

/* ---- Names ------------------------------------------------------------------------------------------------------- */

static void expect(const ij_trainer *t, int *next, const char *name, const char *shape)
{
    assert_true(*next < ij_trainer_tensor_count(t));
    const ij_tensor_info *info = ij_trainer_tensor(t, (*next)++);
    assert_string_equal(info->name, name);
    char text[64] = "";
    int64_t elements = 1;
    for (int d = 0; d < info->dims; d++) {
        elements *= info->shape[d];
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d", d ? "," : "", (int)info->shape[d]);
    }
    assert_string_equal(text, shape);
    assert_int_equal(elements, info->elements);
}

static void expect_block(const ij_trainer *t, int *next, const char *prefix, int dim, int hidden)
{
    const struct {
        const char *name;
        int rows, columns; /* rows 0: a vector */
    } parts[] = {{"norm1.weight", 0, dim},      {"norm1.bias", 0, dim},          {"attn.qkv.weight", 3 * dim, dim},
                 {"attn.qkv.bias", 0, 3 * dim}, {"attn.proj.weight", dim, dim},  {"attn.proj.bias", 0, dim},
                 {"norm2.weight", 0, dim},      {"norm2.bias", 0, dim},          {"mlp.fc1.weight", hidden, dim},
                 {"mlp.fc1.bias", 0, hidden},   {"mlp.fc2.weight", dim, hidden}, {"mlp.fc2.bias", 0, dim}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char name[128], shape[32];
        snprintf(name, sizeof name, "%s.%s", prefix, parts[i].name);
        if (parts[i].rows)
            snprintf(shape, sizeof shape, "%d,%d", parts[i].rows, parts[i].columns);
        else
            snprintf(shape, sizeof shape, "%d", parts[i].columns);
        expect(t, next, name, shape);
    }
}

static void expect_encoder(const ij_trainer *t, int *next, const char *prefix)
{
    char name[128];
    const char *const first[][2] = {{"patch_embed.proj.weight", "16,3,4,4"}, {"patch_embed.proj.bias", "16"}};
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s.%s", prefix, first[i][0]);
        expect(t, next, name, first[i][1]);
    }
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s.blocks.%d", prefix, i);
        expect_block(t, next, name, 16, 45);
    }
    snprintf(name, sizeof name, "%s.norm.weight", prefix);
    expect(t, next, name, "16");
    snprintf(name, sizeof name, "%s.norm.bias", prefix);
    expect(t, next, name, "16");
}

static void official_names(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    ij_trainer *t = case_trainer(&config);
    int next = 0;
    expect_encoder(t, &next, "encoder");
    expect(t, &next, "predictor.mask_token", "1,1,32");
    expect(t, &next, "predictor.predictor_embed.weight", "32,16");
    expect(t, &next, "predictor.predictor_embed.bias", "32");
    expect_block(t, &next, "predictor.predictor_blocks.0", 32, 128);
    expect_block(t, &next, "predictor.predictor_blocks.1", 32, 128);
    expect(t, &next, "predictor.predictor_norm.weight", "32");
    expect(t, &next, "predictor.predictor_norm.bias", "32");
    expect(t, &next, "predictor.predictor_proj.weight", "16,32");
    expect(t, &next, "predictor.predictor_proj.bias", "16");
    expect_encoder(t, &next, "target_encoder");
    assert_int_equal(next, ij_trainer_tensor_count(t));
    ij_trainer_destroy(t);
}

/* ---- Copies ------------------------------------------------------------------------------------------------------ */

/* The numbers that a tensor's store is filled with. */
static void draw(ij_random *r, int tensor, ij_store store, int64_t n, float *x)
{
    ij_random_start(r, 11, IJ_STREAM_TEST, (uint64_t)tensor, (uint32_t)store);
    for (int64_t k = 0; k < n; k++)
        x[k] = ij_random_normal(r);
}

/* Everything is written before anything is read: tensors that overlap would show. */
static void round_trip(ij_gemm_backend gemm)
{
    ij_trainer_config config = case_config();
    config.gemm = gemm;
    ij_trainer *t = case_trainer(&config);
    ij_random r;
    for (int reading = 0; reading < 2; reading++)
        for (int i = 0; i < ij_trainer_tensor_count(t); i++) {
            const ij_tensor_info *info = ij_trainer_tensor(t, i);
            float *x = calloc((size_t)info->elements, sizeof *x);
            assert_non_null(x);
            for (ij_store s = IJ_STORE_WEIGHT; s <= (is_target(info) ? IJ_STORE_WEIGHT : IJ_STORE_MOMENT2); s++) {
                draw(&r, i, s, info->elements, x);
                if (reading) {
                    float *y = read_tensor(t, i, s);
                    assert_memory_equal(x, y, (size_t)info->elements * sizeof *x);
                    free(y);
                } else {
                    case_ok(ij_trainer_write(t, i, s, x));
                }
            }
            free(x);
        }
    ij_trainer_destroy(t);
}

static void copies_own(void **state)
{
    (void)state;
    round_trip(IJ_GEMM_OWN);
}

static void copies_clblast(void **state)
{
    (void)state;
    round_trip(IJ_GEMM_CLBLAST);
}

/* Fills a tensor with zeros but for a 1 at `at`. */
static void write_one(ij_trainer *t, const char *name, int64_t at)
{
    int tensor = case_tensor(t, name);
    float *x = calloc((size_t)ij_trainer_tensor(t, tensor)->elements, sizeof *x);
    assert_non_null(x);
    if (at >= 0)
        x[at] = 1.0f;
    case_ok(ij_trainer_write(t, tensor, IJ_STORE_WEIGHT, x));
    free(x);
}

/* That copies come back as they went says nothing of what the kernels see: a predictor whose last norm gives a 1 for
 * feature `in` and whose projection is a 1 at [out, in] must predict a 1 for feature `out`, and nothing else. */
static void kernels_see(ij_gemm_backend gemm)
{
    enum { DIM = 16, PRED_DIM = 32 };
    static const ij_hyper nothing = {.lr = 0.0, .wd = 0.0, .ema = 1.0};
    ij_trainer_config config = case_config();
    config.gemm = gemm;
    ij_trainer *t = case_trainer(&config);
    write_one(t, "predictor.predictor_norm.weight", -1);
    write_one(t, "predictor.predictor_proj.bias", -1);
    for (int in = 0; in < PRED_DIM; in += 5) {
        int out = in * 7 % DIM;
        write_one(t, "predictor.predictor_norm.bias", in);
        write_one(t, "predictor.predictor_proj.weight", out * PRED_DIM + in);
        case_step(t, 0, 1, nothing);
        static float prediction[64 * DIM];
        int64_t tokens;
        case_ok(ij_trainer_output(t, IJ_OUTPUT_PREDICTION, prediction, 64 * DIM, &tokens));
        for (int i = 0; i < tokens * DIM; i++)
            assert_true(prediction[i] == (i % DIM == out ? 1.0f : 0.0f));
    }
    ij_trainer_destroy(t);
}

static void order_own(void **state)
{
    (void)state;
    kernels_see(IJ_GEMM_OWN);
}

static void order_clblast(void **state)
{
    (void)state;
    kernels_see(IJ_GEMM_CLBLAST);
}

/* ---- Initial weights --------------------------------------------------------------------------------------------- */

static void initial_weights(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    ij_trainer *t = case_trainer(&config);
    int count = ij_trainer_tensor_count(t);
    double sum = 0.0, squares = 0.0;
    int64_t n = 0;
    for (int i = 0; i < count; i++) {
        const ij_tensor_info *info = ij_trainer_tensor(t, i);
        float *w = read_tensor(t, i, IJ_STORE_WEIGHT);
        for (int64_t k = 0; k < info->elements; k++) {
            if (is_bias(info) || is_gain(info)) {
                assert_true(w[k] == (is_gain(info) ? 1.0f : 0.0f));
                continue;
            }
            assert_true(fabsf(w[k]) <= 0.02f * 6.0f); /* and far within the cut at 2 */
            if (!is_target(info)) {
                sum += (double)w[k];
                squares += (double)w[k] * (double)w[k];
                n++;
            }
        }
        if (is_target(info)) { /* a copy of the encoder */
            float *encoder = read_tensor(t, case_tensor(t, info->name + strlen("target_")), IJ_STORE_WEIGHT);
            assert_memory_equal(w, encoder, (size_t)info->elements * sizeof *w);
            free(encoder);
        } else { /* nothing learnt yet */
            for (ij_store s = IJ_STORE_MOMENT1; s <= IJ_STORE_MOMENT2; s++) {
                float *moment = read_tensor(t, i, s);
                for (int64_t k = 0; k < info->elements; k++)
                    assert_true(moment[k] == 0.0f);
                free(moment);
            }
        }
        free(w);
    }
    /* Within four standard errors of mean 0 and of std 0.02. */
    double std = sqrt(squares / (double)n - pow(sum / (double)n, 2.0)), error = 0.02 / sqrt((double)n);
    assert_true(n > 20000);
    assert_true(fabs(sum / (double)n) <= 4.0 * error);
    assert_true(fabs(std - 0.02) <= 4.0 * error / sqrt(2.0));
    ij_trainer_destroy(t);
}

/* The block number, from 1, of a weight that rescale_residual divides; else 0. */
static int rescaled_block(const char *name)
{
    const char *at = strstr(name, "blocks.");
    return at && (strstr(name, "attn.proj.weight") || strstr(name, "mlp.fc2.weight")) ? at[7] - '0' + 1 : 0;
}

static void rescale_residual(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    ij_trainer *plain = case_trainer(&config);
    config.rescale_residual = true;
    ij_trainer *rescaled = case_trainer(&config);
    int divided = 0;
    for (int i = 0; i < ij_trainer_tensor_count(plain); i++) {
        const ij_tensor_info *info = ij_trainer_tensor(plain, i);
        int block = rescaled_block(info->name);
        double divisor = block ? sqrt(2.0 * block) : 1.0;
        float *a = read_tensor(plain, i, IJ_STORE_WEIGHT), *b = read_tensor(rescaled, i, IJ_STORE_WEIGHT);
        for (int64_t k = 0; k < info->elements; k++)
            assert_true(fabs((double)a[k] - divisor * (double)b[k]) <= 3e-7 * fabs((double)a[k]));
        divided += block > 0;
        free(a);
        free(b);
    }
    assert_int_equal(divided, 3 * 2 * 2); /* three networks of two blocks, two weights each */
    ij_trainer_destroy(plain);
    ij_trainer_destroy(rescaled);
}

/* What init = xavier promises of n values: uniform between -bound and bound, so of std bound / sqrt(3). */
static void assert_uniform(const char *what, const float *w, int64_t n, double bound)
{
    double sum = 0.0, squares = 0.0, most = 0.0;
    for (int64_t k = 0; k < n; k++) {
        double x = (double)w[k];
        sum += x;
        squares += x * x;
        most = fmax(most, fabs(x));
    }
    if (most > bound * (1 + 1e-6) || most < bound * (1 - 20.0 / (double)n)) /* of n draws, 20 in n are beyond: e^-20 */
        fail_msg("%s reaches %g where the bound is %g", what, most, bound);
    /* Within five standard errors. The square of a uniform number has variance (1/5 - 1/9) bound^4. */
    double root = sqrt((double)n);
    if (fabs(sum / (double)n) > 5.0 * bound / sqrt(3.0) / root ||
        fabs(squares / (double)n - bound * bound / 3.0) > 5.0 * sqrt(4.0 / 45.0) * bound * bound / root)
        fail_msg("%s has mean %g and mean square %g", what, sum / (double)n, squares / (double)n);
}

static void xavier(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    ij_trainer *official = case_trainer(&config);
    config.init = IJ_INIT_XAVIER;
    ij_trainer *t = case_trainer(&config), *again = case_trainer(&config);
    int matrices = 0;
    for (int i = 0; i < ij_trainer_tensor_count(t); i++) {
        const ij_tensor_info *info = ij_trainer_tensor(t, i);
        float *w = read_tensor(t, i, IJ_STORE_WEIGHT), *same = read_tensor(again, i, IJ_STORE_WEIGHT),
              *other = read_tensor(official, i, IJ_STORE_WEIGHT);
        size_t bytes = (size_t)info->elements * sizeof *w;
        assert_memory_equal(w, same, bytes);
        if (is_bias(info) || is_gain(info) || strstr(info->name, "mask_token")) {
            assert_memory_equal(w, other, bytes);
        } else {
            int64_t fan_out = info->shape[0], fan_in = info->elements / fan_out;
            int parts = strstr(info->name, "attn.qkv") ? 3 : 1; /* queries, keys, values: each a layer of its own */
            fan_out /= parts;
            for (int k = 0; k < parts; k++)
                assert_uniform(info->name, w + k * fan_out * fan_in, fan_out * fan_in,
                               sqrt(6.0 / (double)(fan_in + fan_out)));
            matrices++;
        }
        free(w);
        free(same);
        free(other);
    }
    assert_int_equal(matrices, 3 * 2 * 4 + 2 + 2); /* of three networks' blocks; two patch_embed; the predictor's two */
    ij_trainer_destroy(t);
    ij_trainer_destroy(again);
    ij_trainer_destroy(official);
}

/* Another seed, another tensor: other weights. */
static void seeds(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    ij_trainer *t = case_trainer(&config);
    config.seed = 8;
    ij_trainer *other = case_trainer(&config);
    int first = case_tensor(t, "encoder.blocks.0.attn.qkv.weight"),
        second = case_tensor(t, "encoder.blocks.1.attn.qkv.weight");
    float *a = read_tensor(t, first, IJ_STORE_WEIGHT), *b = read_tensor(other, first, IJ_STORE_WEIGHT);
    float *c = read_tensor(t, second, IJ_STORE_WEIGHT);
    size_t bytes = (size_t)ij_trainer_tensor(t, first)->elements * sizeof *a;
    assert_memory_not_equal(a, b, bytes);
    assert_memory_not_equal(a, c, bytes);
    free(a);
    free(b);
    free(c);
    ij_trainer_destroy(t);
    ij_trainer_destroy(other);
}

/* ---- Weight decay ------------------------------------------------------------------------------------------------ */

/* After one step with decay and one without, everything differs by lr wd w, or not at all: biases, gains. */
static void what_decays(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    ij_trainer *plain = case_trainer(&config), *decayed = case_trainer(&config);
    case_step(plain, 0, 1, (ij_hyper){.lr = 1e-3, .wd = 0.0, .ema = 1.0});
    case_step(decayed, 0, 1, (ij_hyper){.lr = 1e-3, .wd = 100.0, .ema = 1.0});
    for (int i = 0; i < ij_trainer_tensor_count(plain); i++) {
        const ij_tensor_info *info = ij_trainer_tensor(plain, i);
        if (is_target(info))
            continue;
        bool decays = !is_bias(info) && !is_gain(info);
        float *a = read_tensor(plain, i, IJ_STORE_WEIGHT), *b = read_tensor(decayed, i, IJ_STORE_WEIGHT);
        double change = 0.0, size = 0.0;
        for (int64_t k = 0; k < info->elements; k++) {
            change += pow((double)a[k] - (double)b[k], 2.0);
            size += pow((double)a[k], 2.0);
        }
        if (!decays && change > 0.0)
            fail_msg("%s decays", info->name);
        /* lr wd = 0.1 of the weights before the step; AdamW's first step moves each by lr = 0.001 beside their 0.02 */
        if (decays && fabs(sqrt(change / size) - 0.1) > 0.01)
            fail_msg("%s decays by %g of itself where 0.1 is right", info->name, sqrt(change / size));
        free(a);
        free(b);
    }
    ij_trainer_destroy(plain);
    ij_trainer_destroy(decayed);
}

int main(void)
{
    if (!case_device())
        return CASE_NO_DEVICE;
    const struct CMUnitTest tests[] = {cmocka_unit_test(official_names),   cmocka_unit_test(copies_own),
                                       cmocka_unit_test(copies_clblast),   cmocka_unit_test(order_own),
                                       cmocka_unit_test(order_clblast),    cmocka_unit_test(initial_weights),
                                       cmocka_unit_test(rescale_residual), cmocka_unit_test(seeds),
                                       cmocka_unit_test(xavier),           cmocka_unit_test(what_decays)};
    int failed = cmocka_run_group_tests_name("parameters", tests, NULL, NULL);
    case_close();
    return failed;
}
