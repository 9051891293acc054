/* A queue that holds little at a time, whose driver may reset it or take memory for it: what is computed is the same,
 * and the kernels between two waits are few. The device is any; it is told to be a GPU, for whose events the host
 * sleeps. */
#include "engine/opencl.h"

#include "tests/opencl_spy.h"
#include "tests/test_model_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const ij_hyper hyper = {.lr = 1e-3, .wd = 0.05, .ema = 0.9};

static double run_steps(ij_trainer *t, int steps)
{
    ij_step_result result;
    double sum = 0;
    for (int64_t k = ij_trainer_steps(t), end = k + steps; k < end; k++) {
        case_step(t, (int)(k % 2), (uint64_t)k, hyper);
        case_ok(ij_trainer_result(t, k, &result));
        sum += result.loss;
    }
    case_ok(ij_trainer_finish(t));
    return sum;
}

/* Steps on a device with this bound and first window; the losses' sum, and the most kernels between two waits. */
static double with_bound(double seconds, ij_device_type type, int window, ij_gemm_backend gemm, int *most)
{
    ij_device *d = case_device();
    ij_device_type real = d->info.type;
    ij_pace before = d->pace;
    ij_trainer_config config = case_config();
    config.gemm = gemm;
    ij_trainer *t = case_trainer(&config);
    d->info.type = type;
    d->pace = (ij_pace){.seconds = seconds, .window = window};
    spy_most_in_flight();
    double sum = run_steps(t, 6);
    *most = spy_most_in_flight();
    ij_trainer_destroy(t);
    ij_pace_end(&d->pace);
    d->pace = before;
    d->info.type = real;
    return sum;
}

static void bounded(ij_gemm_backend gemm)
{
    int free_most, few, many;
    double plain = with_bound(0, IJ_DEVICE_CPU, 32, gemm, &free_most);
    double little = with_bound(1e-9, IJ_DEVICE_GPU, 8, gemm, &few);
    double much = with_bound(1e6, IJ_DEVICE_GPU, 8, gemm, &many);
    assert_true(isfinite(plain) && plain > 0);
    assert_memory_equal(&plain, &little, sizeof plain);
    assert_memory_equal(&plain, &much, sizeof plain);
    assert_true(free_most > 60); /* a whole step */
    assert_true(few <= 2 * 8);   /* two windows at most: the first ones, which then shrink */
    assert_true(many > few && many <= free_most + 1);
}

static void own_products(void **state)
{
    (void)state;
    bounded(IJ_GEMM_OWN);
}

static void clblast_products(void **state)
{
    (void)state;
    int free_most, few;
    double plain = with_bound(0, IJ_DEVICE_CPU, 32, IJ_GEMM_CLBLAST, &free_most);
    double little = with_bound(1e-9, IJ_DEVICE_GPU, 8, IJ_GEMM_CLBLAST, &few);
    assert_memory_equal(&plain, &little, sizeof plain);
    assert_true(few < free_most / 2); /* one product may be several kernels */
}

/* The window follows the time that kernels take. */
static void adapts(void **state)
{
    (void)state;
    ij_device *d = case_device();
    ij_pace before = d->pace;
    ij_trainer_config config = case_config();
    ij_trainer *t = case_trainer(&config);
    d->pace = (ij_pace){.seconds = 1e-9, .window = 64};
    run_steps(t, 10);
    assert_int_equal(d->pace.window, 4);
    ij_pace_end(&d->pace);
    d->pace = (ij_pace){.seconds = 1e6, .window = 4};
    run_steps(t, 10);
    assert_true(d->pace.window >= 256);
    ij_pace_end(&d->pace);
    d->pace = before;
    ij_trainer_destroy(t);
}

/* What i915 does to a GPU that worked for too long is told from want of memory. */
static void reset(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    ij_trainer *t = case_trainer(&config);
    ij_step_result result;
    case_step(t, 0, 0, hyper);
    spy_fail(SPY_WAIT, 0, CL_OUT_OF_RESOURCES);
    assert_int_equal(ij_trainer_result(t, 0, &result), IJ_ENOMEM);
    assert_false(spy_forget(SPY_WAIT));
    assert_non_null(strstr(ij_error(), "i915"));
    assert_non_null(strstr(ij_error(), "IJEPA_IN_FLIGHT"));
    ij_trainer_destroy(t);
}

static void environment(void **state)
{
    (void)state;
    static const struct {
        const char *told;
        double seconds; /* negative: refused */
    } cases[] = {{NULL, 1}, {"", 1}, {"0", 0}, {"0.2", 0.2}, {"-1", -1}, {"1s", -1}, {"nan", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ij_pace p;
        if (cases[i].told)
            setenv("IJEPA_IN_FLIGHT", cases[i].told, 1);
        else
            unsetenv("IJEPA_IN_FLIGHT");
        ij_status status = ij_pace_start(&p);
        assert_int_equal(status, cases[i].seconds < 0 ? IJ_EINVAL : IJ_OK);
        if (!status)
            assert_true(p.seconds == cases[i].seconds);
    }
    unsetenv("IJEPA_IN_FLIGHT");
}

/* A GPU that shares the host's memory and says it has little: the allocation decides. */
static void generous_memory(void **state)
{
    (void)state;
    ij_device_info *info = &case_device()->info, real = *info;
    ij_trainer_config config = case_config();
    info->type = IJ_DEVICE_GPU;
    info->unified_memory = true;
    info->global_bytes = 100000;
    info->max_alloc_bytes = 20000;
    ij_trainer *t = case_trainer(&config);
    char text[2000] = "";
    FILE *out = tmpfile();
    ij_trainer_print_plan(t, out);
    rewind(out);
    size_t used = fread(text, 1, sizeof text - 1, out);
    fclose(out);
    text[used] = 0;
    assert_non_null(strstr(text, "more than the 0.1 MiB"));
    ij_trainer_destroy(t);
    spy_fail(SPY_CREATE_BUFFER, 3, CL_MEM_OBJECT_ALLOCATION_FAILURE);
    assert_int_equal(ij_trainer_create(&t, case_device(), &config), IJ_ENOMEM);
    assert_null(t);
    info->unified_memory = false;
    assert_int_equal(ij_trainer_create(&t, case_device(), &config), IJ_ENOMEM);
    assert_null(t);
    *info = real;
}

int main(void)
{
    if (!case_device())
        return CASE_NO_DEVICE;
    const struct CMUnitTest tests[] = {cmocka_unit_test(own_products), cmocka_unit_test(clblast_products),
                                       cmocka_unit_test(adapts),       cmocka_unit_test(reset),
                                       cmocka_unit_test(environment),  cmocka_unit_test(generous_memory)};
    int failed = cmocka_run_group_tests_name("pace", tests, NULL, NULL);
    case_close();
    return failed;
}
