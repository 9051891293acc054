/* The gradients that the engine computes against finite differences of the loss that it computes: the whole model as
 * one function of its weights, tensor by tensor, along random directions.
 *
 * For a direction d whose elements are about 1, g . d is about |g|: that is the scale of errors here. A step of h =
 * 1/40 of the weights' own size changes the loss by 1e-4 to 1e-2 of itself. The loss is a float32 forward pass, right
 * to about 1e-7 of itself, so differences are right to 1e-4 of |g| and better. The third derivative's share, of order
 * h^2, goes by Richardson's extrapolation from h and 2h; what is left is of order h^4, or h^2 where an element passes
 * smooth_l1's kink. Worst seen: 5e-4. The tolerance, 2e-3, finds a gradient that is wrong by 1 % of itself in any one
 * tensor with 8 in 10 for each direction; most mistakes are larger and reach many tensors. */
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

#define STEP      0.025
#define TOLERANCE 2e-3

enum { BATCH = 5, DIRECTIONS = 3 }; /* BATCH: the seed of its pixels and masks */

/* The size of a tensor's weights: large enough that every part of the model matters and bends. */
static float scale_of(const ij_tensor_info *info)
{
    if (info->dims == 2 || info->dims == 4)
        return 1.0f / sqrtf((float)(info->elements / info->shape[0]));
    return info->dims == 3 ? 1.0f : 0.5f; /* mask token; biases and gains */
}

static bool is_gain(const ij_tensor_info *info)
{
    return info->dims == 1 && strstr(info->name, ".weight");
}

static float *floats(int64_t n)
{
    float *x = calloc((size_t)n, sizeof *x);
    assert_non_null(x);
    return x;
}

static void draw_weights(ij_trainer *t)
{
    ij_random r;
    ij_random_start(&r, 3, IJ_STREAM_TEST, 1, 0);
    for (int i = 0; i < ij_trainer_tensor_count(t); i++) {
        const ij_tensor_info *info = ij_trainer_tensor(t, i);
        float *w = floats(info->elements);
        for (int64_t k = 0; k < info->elements; k++)
            w[k] = (is_gain(info) ? 1.0f : 0.0f) + scale_of(info) * ij_random_normal(&r);
        case_ok(ij_trainer_write(t, i, IJ_STORE_WEIGHT, w));
        free(w);
    }
}

/* A step that changes nothing but gradients. */
static double loss_now(ij_trainer *t)
{
    static const ij_hyper measure = {.lr = 0.0, .wd = 0.0, .ema = 1.0};
    ij_step_result result;
    int64_t k = ij_trainer_steps(t);
    case_step(t, (int)(k % 2), BATCH, measure);
    case_ok(ij_trainer_result(t, k, &result));
    return result.loss;
}

/* One tensor under test: its weights, gradient, a direction, and weights on the way. */
typedef struct probe {
    ij_trainer *t;
    int tensor;
    const ij_tensor_info *info;
    float *w, *g, *d, *moved;
} probe;

/* (loss(w + h d) - loss(w - h d)) / 2h less what the gradient says, for the steps that float32 really took. */
static double difference(const probe *p, double h)
{
    double loss[2], predicted = 0.0;
    for (int side = 0; side < 2; side++) {
        double sign = side ? 1.0 : -1.0;
        for (int64_t i = 0; i < p->info->elements; i++) {
            p->moved[i] = (float)((double)p->w[i] + sign * h * (double)p->d[i]);
            predicted += sign * ((double)p->moved[i] - (double)p->w[i]) * (double)p->g[i];
        }
        case_ok(ij_trainer_write(p->t, p->tensor, IJ_STORE_WEIGHT, p->moved));
        loss[side] = loss_now(p->t);
    }
    return (loss[1] - loss[0] - predicted) / (2.0 * h);
}

/* The worst error along random directions, relative to |g|. */
static double probe_tensor(ij_trainer *t, int tensor, ij_random *r)
{
    const ij_tensor_info *info = ij_trainer_tensor(t, tensor);
    int64_t n = info->elements;
    probe p = {t, tensor, info, floats(n), floats(n), floats(n), floats(n)};
    case_ok(ij_trainer_read(t, tensor, IJ_STORE_WEIGHT, p.w));
    case_ok(ij_trainer_read(t, tensor, IJ_STORE_GRADIENT, p.g));
    double size = 0.0, worst = 0.0, h = STEP * (double)scale_of(info);
    for (int64_t i = 0; i < n; i++)
        size += (double)p.g[i] * (double)p.g[i];
    assert_true(size > 0.0);
    for (int k = 0; k < DIRECTIONS; k++) {
        for (int64_t i = 0; i < n; i++)
            p.d[i] = ij_random_normal(r);
        double error = fabs(4.0 * difference(&p, h) - difference(&p, 2.0 * h)) / 3.0 / sqrt(size);
        assert_true(isfinite(error)); /* fmax would pass over a NaN */
        worst = fmax(worst, error);
    }
    case_ok(ij_trainer_write(t, tensor, IJ_STORE_WEIGHT, p.w));
    free(p.w);
    free(p.g);
    free(p.d);
    free(p.moved);
    return worst;
}

static void check_gradients(ij_loss loss)
{
    ij_trainer_config config = case_config();
    config.loss = loss;
    ij_trainer *t = case_trainer(&config);
    draw_weights(t);
    double worst = 0.0;
    const char *worst_at = "";
    ij_random r;
    ij_random_start(&r, 4, IJ_STREAM_TEST, 2, 0);
    for (int i = 0; i < ij_trainer_tensor_count(t); i++) {
        const char *name = ij_trainer_tensor(t, i)->name;
        if (strncmp(name, "target_", 7) == 0)
            continue;
        loss_now(t); /* the gradient at the weights themselves */
        double error = probe_tensor(t, i, &r);
        if (!(error <= TOLERANCE))
            fail_msg("the gradient of %s is off by %.2g of its size", name, error);
        if (error > worst) {
            worst = error;
            worst_at = name;
        }
    }
    print_message("             worst %.1e in %s\n", worst, worst_at);
    ij_trainer_destroy(t);
}

static void gradients_l2(void **state)
{
    (void)state;
    check_gradients(IJ_LOSS_L2);
}

static void gradients_smooth_l1(void **state)
{
    (void)state;
    check_gradients(IJ_LOSS_SMOOTH_L1);
}

/* No gradient reaches the target encoder, and its weights do not hang on a step that leaves the encoder alone. */
static void target_stands_still(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    ij_trainer *t = case_trainer(&config);
    draw_weights(t);
    int tensor = case_tensor(t, "target_encoder.blocks.1.mlp.fc1.weight");
    int64_t n = ij_trainer_tensor(t, tensor)->elements;
    float *before = floats(n), *after = floats(n);
    case_ok(ij_trainer_read(t, tensor, IJ_STORE_WEIGHT, before));
    loss_now(t);
    case_ok(ij_trainer_read(t, tensor, IJ_STORE_WEIGHT, after));
    assert_memory_equal(before, after, (size_t)n * sizeof *before);
    assert_int_equal(ij_trainer_read(t, tensor, IJ_STORE_GRADIENT, after), IJ_EINVAL);
    assert_non_null(strstr(ij_error(), "encoder.blocks.1.mlp.fc1.weight"));
    free(before);
    free(after);
    ij_trainer_destroy(t);
}

int main(void)
{
    if (!case_device())
        return CASE_NO_DEVICE;
    const struct CMUnitTest tests[] = {cmocka_unit_test(gradients_l2), cmocka_unit_test(gradients_smooth_l1),
                                       cmocka_unit_test(target_stands_still)};
    int failed = cmocka_run_group_tests_name("model", tests, NULL, NULL);
    case_close();
    return failed;
}
