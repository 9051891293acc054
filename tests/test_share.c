/* A trainer that computes a share of every batch: the shares' losses and gradients, added up, are those of the batch.
 */
#include "tests/test_model_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

enum { BATCH = 5, SHARES = 3, STEPS = 3 };

/* Images first .. first + images - 1 of each batch. */
typedef struct share {
    int first, images, micro_batch;
} share;

/* Steps with a learning rate of zero, so that the weights stay what they were drawn as; the last one's gradients. */
static float *gradients(const share *s, double losses[STEPS], int64_t *floats)
{
    const ij_hyper hyper = {.ema = 1};
    ij_trainer_config c = case_config_pixels(BATCH);
    c.share = s->images < BATCH ? BATCH - 1 : 0; /* more than is used */
    c.micro_batch = s->micro_batch;
    ij_trainer *t = case_trainer(&c);
    case_ok(ij_trainer_set_share(t, s->first, s->images));
    for (int k = 0; k < STEPS; k++) {
        ij_step_result result;
        case_step(t, k % 2, (uint64_t)k, hyper);
        case_ok(ij_trainer_result(t, k, &result));
        losses[k] += result.loss;
    }
    *floats = 0;
    int count = ij_trainer_tensor_count(t);
    for (int i = 0; i < count; i++)
        *floats += ij_trainer_tensor(t, i)->elements;
    float *values = calloc((size_t)*floats, sizeof *values), *to = values;
    assert_non_null(values);
    for (int i = 0; i < count; to += ij_trainer_tensor(t, i++)->elements)
        if (ij_trainer_tensor(t, i)->name[0] != 't') /* the target encoder has none */
            case_ok(ij_trainer_read(t, i, IJ_STORE_GRADIENT, to));
    ij_trainer_destroy(t);
    return values;
}

/* Ragged contexts, unequal shares, one of them in micro-batches. Means of the shares' means would be wrong here. */
static void add_up(void **state)
{
    (void)state;
    const share whole = {0, BATCH, 0}, shares[SHARES] = {{0, 1, 0}, {1, 3, 2}, {4, 1, 0}};
    double want[STEPS] = {0}, got[STEPS] = {0}, difference = 0, size = 0;
    int64_t floats, same;
    float *all = gradients(&whole, want, &floats), *sum = calloc((size_t)floats, sizeof *sum);
    assert_non_null(sum);
    for (int i = 0; i < SHARES; i++) {
        float *part = gradients(&shares[i], got, &same);
        assert_int_equal(same, floats);
        for (int64_t j = 0; j < floats; j++)
            sum[j] += part[j];
        free(part);
    }
    for (int k = 0; k < STEPS; k++)
        assert_true(fabs(got[k] - want[k]) < 1e-6 * want[k]);
    for (int64_t j = 0; j < floats; j++) {
        difference += ((double)sum[j] - (double)all[j]) * ((double)sum[j] - (double)all[j]);
        size += (double)all[j] * (double)all[j];
    }
    assert_true(size > 0);
    assert_true(sqrt(difference / size) < 1e-6);
    free(all);
    free(sum);
}

static void refused(void **state)
{
    (void)state;
    ij_trainer_config c = case_config_pixels(BATCH);
    ij_trainer *t;
    c.share = 2;
    t = case_trainer(&c);
    assert_int_equal(ij_trainer_set_share(t, 0, 3), IJ_EINVAL);
    assert_int_equal(ij_trainer_set_share(t, 4, 2), IJ_EINVAL);
    assert_int_equal(ij_trainer_set_share(t, 0, 0), IJ_EINVAL);
    assert_int_equal(ij_trainer_set_share(t, 3, 2), IJ_OK);
    ij_trainer_destroy(t);
    c.variance_weight = 1;
    assert_int_equal(ij_trainer_create(&t, case_device(), &c), IJ_EINVAL);
    c.variance_weight = 0;
    c.share = BATCH + 1;
    assert_int_equal(ij_trainer_create(&t, case_device(), &c), IJ_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(add_up), cmocka_unit_test(refused)};
    if (!case_device())
        return CASE_NO_DEVICE;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    case_close();
    return failed;
}
