/* Drivers that allow little: work-groups of 256 and 32 KiB of local memory, as phones' and Apple's GPUs have, and
 * kernels that are allowed less than their device says. The device is any; its kernels are those for GPUs. */
#include "engine/opencl.h"
#include "engine/ops/implementations.h"

#include "tests/opencl_spy.h"
#include "tests/test_model_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

static const ij_hyper hyper = {.lr = 1e-3, .wd = 0.05, .ema = 0.9};

typedef struct saved {
    ij_device_info info;
    ij_tuning tuning;
} saved;

/* The device with work-groups of `items`, `local` bytes and the implementations for GPUs. */
static saved pretend(ij_device *d, size_t items, size_t local)
{
    saved before = {d->info, d->tuning};
    d->info.max_work_group = items;
    d->info.local_bytes = local;
    ij_tuning_start(&d->tuning, &d->info);
    assert_null(ij_tuning_take(&d->tuning, "tile group"));
    return before;
}

static void end(ij_device *d, const saved *before)
{
    spy_allow(0);
    d->info = before->info;
    d->tuning = before->tuning;
}

static double losses(ij_trainer *t)
{
    ij_step_result result;
    double sum = 0;
    for (int64_t k = ij_trainer_steps(t), last = k + 4; k < last; k++) {
        case_step(t, (int)(k % 2), (uint64_t)k, hyper);
        case_ok(ij_trainer_result(t, k, &result));
        sum += result.loss;
    }
    case_ok(ij_trainer_finish(t));
    return sum;
}

static double losses_of(void)
{
    ij_trainer_config config = case_config();
    ij_trainer *t = case_trainer(&config);
    double sum = losses(t);
    ij_trainer_destroy(t);
    return sum;
}

static int items_of(const ij_tuning *t, const ij_implementation *of)
{
    const ij_choice *c = ij_choice_for(t, of, 0, 0);
    return ij_choice_value(of, c, "WGM") / ij_choice_value(of, c, "TM") * ij_choice_value(of, c, "WGN") /
           ij_choice_value(of, c, "TN");
}

/* Whatever a kernel takes is checked when it is made (engine/program.c): that all of them are made is the test. */
static void small_device(void **state)
{
    (void)state;
    ij_device *d = case_device();
    double plain = losses_of();
    saved before = pretend(d, 256, 32 * 1024);
    double small = losses_of();
    assert_int_equal(d->tuning.shrunk[0], 0);
    for (int g = 0; g < IJ_GROUPS; g++) {
        const ij_implementation *of = d->tuning.row[g];
        assert_null(ij_choice_illegal(&d->tuning, of, ij_choice_for(&d->tuning, of, 0, 0)));
    }
    end(d, &before);
    assert_true(fabs(small - plain) < 1e-5 * plain);
}

/* Work-groups of 64 are what the smallest tiles and attention need. */
static void kernels_are_allowed_less(void **state)
{
    (void)state;
    ij_device *d = case_device();
    saved before = pretend(d, 256, 32 * 1024);
    const ij_implementation *gemm = &ij_gemm_tile.kernels, *gradient = &ij_gradient_tile.kernels;
    double plain = losses_of();
    assert_true(items_of(&d->tuning, gemm) > 64 && items_of(&d->tuning, gradient) > 64);
    spy_allow(64);
    double shrunk = losses_of();
    assert_int_equal(items_of(&d->tuning, gemm), 64);
    assert_int_equal(items_of(&d->tuning, gradient), 64);
    end(d, &before);
    assert_true(fabs(shrunk - plain) < 1e-5 * plain);
}

/* In the middle of a run: kernels that were made before stay with the grid that they were made for. */
static void less_in_the_middle(void **state)
{
    (void)state;
    ij_device *d = case_device();
    saved before = pretend(d, 256, 32 * 1024);
    ij_trainer_config config = case_config();
    ij_trainer *t = case_trainer(&config);
    double first = losses(t), second = losses(t);
    ij_trainer_destroy(t);
    t = case_trainer(&config);
    double again = losses(t);
    assert_memory_equal(&again, &first, sizeof first);
    spy_allow(64);
    double other = losses_of(); /* a second trainer beside the first one shrinks what both begin with */
    double after = losses(t);
    ij_trainer_destroy(t);
    end(d, &before);
    assert_true(fabs(other - first) < 1e-5 * first);
    assert_true(fabs(after - second) < 1e-5 * second);
}

/* Where nothing is small enough the message says what is needed and what there is. */
static void nothing_fits(void **state)
{
    (void)state;
    ij_device *d = case_device();
    saved before = pretend(d, 256, 32 * 1024);
    ij_trainer_config config = case_config();
    ij_trainer *t;
    spy_allow(16);
    int kernels = spy_count(SPY_CREATE_KERNEL) - spy_count(SPY_RELEASE_KERNEL);
    assert_int_equal(ij_trainer_create(&t, d, &config), IJ_EBUILD);
    assert_null(t);
    assert_non_null(strstr(ij_error(), "needs work-groups of 64, and the driver"));
    assert_non_null(strstr(ij_error(), "allows it 16"));
    assert_int_equal(spy_count(SPY_CREATE_KERNEL) - spy_count(SPY_RELEASE_KERNEL), kernels);
    end(d, &before);
}

int main(void)
{
    if (!case_device())
        return CASE_NO_DEVICE;
    const struct CMUnitTest tests[] = {cmocka_unit_test(small_device), cmocka_unit_test(kernels_are_allowed_less),
                                       cmocka_unit_test(less_in_the_middle), cmocka_unit_test(nothing_fits)};
    int failed = cmocka_run_group_tests_name("limits", tests, NULL, NULL);
    case_close();
    return failed;
}
