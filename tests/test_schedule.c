/* The schedules: points computed by hand, and every point of the reference's CSV files. */
#include "engine/schedule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* cmocka.h last: it needs the four headers above it */
#include <cmocka.h>

/* docs/method.md, "Schedules": the two that the CSV files hold. */
static const ij_schedule short_run = {2e-4, 1e-3, 1e-6, 0.04, 0.4, 0.996, 1.0, 1.0, 1.0, 5, 40, 0, 0, 0};
static const ij_schedule scaled_run = {1e-4, 5e-4, 1e-6, 0.05, 0.05, 0.99, 1.0, 1.0, 1.25, 4, 50, 0, 0, 0};

static void assert_near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-12 * fmax(fabs(expected), 1e-6)))
        fail_msg("%.17g, expected %.17g", value, expected);
}

static void learning_rate_by_hand(void **state)
{
    (void)state;
    assert_near(ij_schedule_at(&short_run, 0).lr, 2e-4 + 8e-4 / 40);    /* the first of 40 warm-up steps */
    assert_near(ij_schedule_at(&short_run, 19).lr, 6e-4);               /* half-way up */
    assert_near(ij_schedule_at(&short_run, 39).lr, 1e-3);               /* the top: s = W */
    assert_near(ij_schedule_at(&short_run, 119).lr, (1e-3 + 1e-6) / 2); /* half-way down: s = 120 of 40..200 */
    assert_near(ij_schedule_at(&short_run, 199).lr, 1e-6);              /* the last step */
}

static void weight_decay_by_hand(void **state)
{
    (void)state;
    assert_near(ij_schedule_at(&short_run, 99).wd, (0.04 + 0.4) / 2);
    assert_near(ij_schedule_at(&short_run, 199).wd, 0.4);
    assert_near(ij_schedule_at(&scaled_run, 7).wd, 0.05); /* constant where both ends are equal */
    ij_schedule falling = short_run;
    falling.wd_start = 0.4;
    falling.wd_final = 0.04;
    assert_near(ij_schedule_at(&falling, 99).wd, (0.04 + 0.4) / 2);
    assert_near(ij_schedule_at(&falling, 199).wd, 0.04);
}

static void momentum_by_hand(void **state)
{
    (void)state;
    assert_near(ij_schedule_at(&short_run, 0).ema, 0.996);
    assert_near(ij_schedule_at(&short_run, 100).ema, 0.998);
    assert_near(ij_schedule_at(&scaled_run, 125).ema, 0.995); /* 250 steps of schedule, 200 of run */
}

/* A constant momentum whose mean age of what it averages is a share of the run. */
static void momentum_by_horizon(void **state)
{
    (void)state;
    ij_schedule s = short_run;
    s.ema_horizon = 0.1; /* 20 of 200 steps */
    for (int i = 0; i < 200; i += 199)
        assert_near(ij_schedule_at(&s, i).ema, 0.95);
    assert_near(ij_schedule_at(&s, 77).lr, ij_schedule_at(&short_run, 77).lr);
    s.ipe_scale = 1.25; /* stretches the schedules, not the run */
    assert_near(ij_schedule_at(&s, 50).ema, 0.95);
    s.pixel_start = 0.5;
    assert_true(ij_schedule_at(&s, 99).ema == 0);
    assert_near(ij_schedule_at(&s, 100).ema, 0.95);
    s.steps = 1000;
    assert_near(ij_schedule_at(&s, 500).ema, 0.99);
    s.ema_horizon = 1e-4; /* a tenth of a step: the target is the encoder */
    assert_true(ij_schedule_at(&s, 500).ema == 0);
}

static void pixels_first(void **state)
{
    (void)state;
    ij_schedule s = short_run;
    assert_int_equal(ij_schedule_at(&s, 0).features_from, 0);
    s.pixel_start = 0.4;
    assert_int_equal(ij_schedule_length(&s), 200);
    assert_int_equal(ij_schedule_at(&s, 79).features_from, 80);
    assert_true(ij_schedule_at(&s, 79).ema == 0);
    assert_near(ij_schedule_at(&s, 80).ema, 0.996 + 0.004 * 80 / 200);
    assert_near(ij_schedule_at(&s, 79).lr, ij_schedule_at(&short_run, 79).lr);
    s.pixel_start = 1;
    assert_int_equal(ij_schedule_at(&s, 199).features_from, 200);
}

/* A run of so many steps is one of as many in whole epochs. */
static void by_steps(void **state)
{
    (void)state;
    ij_schedule s = scaled_run;
    s.epochs = 999;
    s.steps = 200;
    assert_int_equal(ij_schedule_length(&s), 200);
    for (int i = 0; i < 200; i += 7) {
        ij_hyper a = ij_schedule_at(&s, i), b = ij_schedule_at(&scaled_run, i);
        assert_true(a.lr == b.lr && a.wd == b.wd && a.ema == b.ema);
    }
}

static void warmup_of_nothing_and_of_everything(void **state)
{
    (void)state;
    ij_schedule none = short_run, all = short_run;
    none.warmup = 0;
    all.warmup = 5;
    assert_near(ij_schedule_at(&none, 99).lr, (1e-3 + 1e-6) / 2);
    assert_near(ij_schedule_at(&all, 99).lr, 6e-4);
    assert_near(ij_schedule_at(&all, 199).lr, 1e-3);
}

static void every_value_stays_within_its_ends(void **state)
{
    (void)state;
    for (int64_t i = 0; i < 200; i++) {
        ij_hyper h = ij_schedule_at(&short_run, i);
        assert_true(h.lr >= 1e-6 && h.lr <= 1e-3);
        assert_true(h.wd >= 0.04 && h.wd <= 0.4);
        assert_true(h.ema >= 0.996 && h.ema <= 1.0);
    }
}

static void compare_with_file(const ij_schedule *schedule, const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file)
        fail_msg("there is no %s", path);
    char header[128];
    long long step;
    double lr, wd, ema;
    int lines = 0;
    assert_non_null(fgets(header, sizeof header, file));
    while (fscanf(file, "%lld,%lf,%lf,%lf", &step, &lr, &wd, &ema) == 4) {
        ij_hyper h = ij_schedule_at(schedule, step);
        assert_near(h.lr, lr);
        assert_near(h.wd, wd);
        assert_near(h.ema, ema);
        lines++;
    }
    fclose(file);
    assert_int_equal(lines, schedule->epochs * schedule->ipe);
}

static void short_run_as_the_reference(void **state)
{
    (void)state;
    compare_with_file(&short_run, IJEPA_GOLDEN "/schedule-short.csv");
}

static void scaled_run_as_the_reference(void **state)
{
    (void)state;
    compare_with_file(&scaled_run, IJEPA_GOLDEN "/schedule-scaled.csv");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learning_rate_by_hand),
        cmocka_unit_test(weight_decay_by_hand),
        cmocka_unit_test(momentum_by_hand),
        cmocka_unit_test(momentum_by_horizon),
        cmocka_unit_test(pixels_first),
        cmocka_unit_test(by_steps),
        cmocka_unit_test(warmup_of_nothing_and_of_everything),
        cmocka_unit_test(every_value_stays_within_its_ends),
        cmocka_unit_test(short_run_as_the_reference),
        cmocka_unit_test(scaled_run_as_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
