/* Same seed, same bits: weights, gradients, moments and target encoder after several steps, whatever lies between: the
 * slot a batch came through, waiting for the device or not, what the batch before left in memory. */
#include "tests/test_model_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 5 };

static const ij_hyper hyper = {.lr = 1e-2, .wd = 0.1, .ema = 0.9};

/* Which slot step k goes through. */
typedef int slot_of(int k);

static int alternating(int k)
{
    return k % 2;
}
static int other_way(int k)
{
    return 1 - k % 2;
}
static int always_first(int k)
{
    (void)k;
    return 0;
}
static int in_pairs(int k)
{
    return k / 2 % 2;
}

/* State after STEPS steps of a new trainer; results are read as they come where `patient`. */
static float *run(const ij_trainer_config *config, slot_of *slot, bool patient, int64_t *count, double losses[STEPS])
{
    ij_trainer *t = case_trainer(config);
    for (int k = 0; k < STEPS; k++) {
        ij_step_result result;
        case_step(t, slot(k), 100 + (uint64_t)k, hyper);
        if (patient) {
            case_ok(ij_trainer_result(t, k, &result));
            losses[k] = result.loss;
        }
    }
    case_ok(ij_trainer_finish(t));
    float *state = case_state(t, count);
    ij_trainer_destroy(t);
    return state;
}

/* Two runs end in the same bits. */
static void compare(const ij_trainer_config *config, slot_of *slot, bool patient)
{
    double losses[STEPS], again[STEPS];
    int64_t count, count_again;
    float *state = run(config, alternating, true, &count, losses);
    float *other = run(config, slot, patient, &count_again, again);
    assert_int_equal(count, count_again);
    assert_memory_equal(state, other, (size_t)count * sizeof *state);
    if (patient)
        assert_memory_equal(losses, again, sizeof losses);
    free(state);
    free(other);
}

static void two_runs(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    compare(&config, alternating, true);
    config.loss = IJ_LOSS_SMOOTH_L1;
    compare(&config, alternating, true);
}

static void two_runs_clblast(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    config.gemm = IJ_GEMM_CLBLAST;
    compare(&config, alternating, true);
}

/* A second context: nothing of the first is needed. */
static void new_device(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    double losses[STEPS];
    int64_t count, count_again;
    float *first = run(&config, alternating, true, &count, losses);
    case_close();
    float *second = run(&config, alternating, true, &count_again, losses);
    assert_int_equal(count, count_again);
    assert_memory_equal(first, second, (size_t)count * sizeof *first);
    free(first);
    free(second);
}

static void any_slot(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    compare(&config, other_way, true);
    compare(&config, always_first, true);
    compare(&config, in_pairs, true);
}

static void without_waiting(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    for (int i = 0; i < 4; i++) {
        compare(&config, alternating, false);
        compare(&config, always_first, false);
    }
}

/* Another seed, or another batch, is another run: the comparisons above could fail. */
static void seeds_differ(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    double losses[STEPS];
    int64_t count;
    float *first = run(&config, alternating, true, &count, losses);
    config.seed++;
    float *second = run(&config, alternating, true, &count, losses);
    assert_memory_not_equal(first, second, (size_t)count * sizeof *first);
    free(first);
    free(second);
}

/* A batch's gradients do not hang on what a longer one left in the buffers. */
static void nothing_left_over(void **state)
{
    (void)state;
    static const ij_hyper nothing = {.lr = 0.0, .wd = 0.0, .ema = 1.0};
    ij_trainer_config config = case_config();
    ij_trainer *fresh = case_trainer(&config), *used = case_trainer(&config);
    ij_batch *batch;
    case_ok(ij_trainer_slot(used, 0, &batch));
    case_fill_longest(batch, 1);
    case_ok(ij_trainer_step(used, 0, &nothing));
    case_step(used, 1, 2, nothing);
    case_step(fresh, 0, 2, nothing);
    int tensors = ij_trainer_tensor_count(fresh);
    for (int i = 0; i < tensors; i++) {
        const ij_tensor_info *info = ij_trainer_tensor(fresh, i);
        if (strncmp(info->name, "target_", 7) == 0)
            continue;
        float *a = calloc((size_t)info->elements, sizeof *a), *b = calloc((size_t)info->elements, sizeof *b);
        assert_true(a && b);
        case_ok(ij_trainer_read(fresh, i, IJ_STORE_GRADIENT, a));
        case_ok(ij_trainer_read(used, i, IJ_STORE_GRADIENT, b));
        if (memcmp(a, b, (size_t)info->elements * sizeof *a) != 0)
            fail_msg("the gradient of %s depends on the batch before", info->name);
        free(a);
        free(b);
    }
    ij_trainer_destroy(fresh);
    ij_trainer_destroy(used);
}

int main(void)
{
    if (!case_device())
        return CASE_NO_DEVICE;
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_runs),         cmocka_unit_test(two_runs_clblast),
                                       cmocka_unit_test(new_device),       cmocka_unit_test(any_slot),
                                       cmocka_unit_test(without_waiting),  cmocka_unit_test(seeds_differ),
                                       cmocka_unit_test(nothing_left_over)};
    int failed = cmocka_run_group_tests_name("determinism", tests, NULL, NULL);
    case_close();
    return failed;
}
