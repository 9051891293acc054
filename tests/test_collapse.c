/* When a training is told that its features collapse, and when not: by how runs go that are sound, and that are not. */
#include "frontend/collapse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

static char text[IJ_COLLAPSE_TEXT];

/* Steps begin .. end-1 of a run whose spread is `target_std` and which nobody looks at. Returns the warnings. */
static int steps(ij_collapse *c, int64_t begin, int64_t end, double target_std)
{
    int warnings = 0;
    for (int64_t k = begin; k < end; k++)
        warnings += ij_collapse_see(c, k, target_std, NAN, text);
    return warnings;
}

static void sound(void **state)
{
    (void)state;
    ij_collapse c = {0};
    for (int64_t k = 0; k < 2000; k++) { /* the spread halves and comes back; the rank goes up and down by half */
        double swing = sin(0.01 * (double)k), rank = k % 100 ? NAN : 20 + 7 * swing;
        assert_false(ij_collapse_see(&c, k, 0.3 + 0.1 * swing, rank, text));
    }
}

/* Ranks of small models in their first epochs: of the quick start's on 1280 images, and worse ones. */
static void small_ranks(void **state)
{
    (void)state;
    static const double ranks[][10] = {{4.83, 4.42, 4.11, 3.66, 3.00, 2.89, 2.60, 2.94, 2.64, 2.97},
                                       {2.1, 3.2, 2.4, 1.7, 1.2, 2.8, 4.5, 6.3, 5.1, 9.7}};
    for (int run = 0; run < 2; run++) {
        ij_collapse c = {0};
        for (int i = 0; i < 10; i++) {
            assert_int_equal(steps(&c, 40 * i, 40 * i + 39, 0.2), 0);
            assert_false(ij_collapse_see(&c, 40 * i + 39, 0.2, ranks[run][i], text));
        }
    }
}

/* Small from the beginning, but not by itself a collapse: a fall is one of the same run. */
static void small_spread(void **state)
{
    (void)state;
    ij_collapse c = {0};
    assert_int_equal(steps(&c, 0, 100, 0.0021), 0);
    assert_int_equal(steps(&c, 100, 200, 0.0011), 0);
    assert_int_equal(steps(&c, 200, 300, 0.0009), 1);
}

static void spread_falls(void **state)
{
    (void)state;
    ij_collapse c = {0};
    assert_int_equal(steps(&c, 0, 10, 0.5), 0);
    assert_int_equal(steps(&c, 10, 20, 0.0051), 0);
    assert_true(ij_collapse_see(&c, 20, 0.0049, NAN, text));
    assert_non_null(strstr(text, "the features collapse: target_std fell to 0.0049 (0.5 at first) at step 20"));
    assert_non_null(strstr(text, "try a smaller learning rate, a longer warm-up or a larger ema"));
    assert_int_equal(steps(&c, 21, 100, 0.0), 0); /* once */
    assert_false(ij_collapse_see(&c, 100, 0.0, 30.0, text));
    assert_false(ij_collapse_see(&c, 101, 0.0, 1.0, text)); /* it goes without saying */
}

static void rank_falls(void **state)
{
    (void)state;
    ij_collapse c = {0};
    assert_false(ij_collapse_see(&c, 0, 0.4, 11.0, text));
    assert_false(ij_collapse_see(&c, 99, 0.4, 24.0, text));
    assert_false(ij_collapse_see(&c, 199, 0.3, 6.1, text));
    assert_true(ij_collapse_see(&c, 299, 0.3, 5.9, text));
    assert_non_null(strstr(text, "the features lose rank: at step 299 they use 5.9 directions, 24.0 at most before"));
    assert_non_null(strstr(text, "larger target blocks (mask.pred_mask_scale, or block_side"));
    assert_false(ij_collapse_see(&c, 399, 0.3, 3.0, text)); /* once */
    assert_int_equal(steps(&c, 400, 500, 0.001 - 1e-9), 1); /* what it foretold is told of, too */
}

/* A run that goes on has not seen its beginning: what is nearly nothing is told of at once. */
static void gone_on_with(void **state)
{
    (void)state;
    ij_collapse c = {0};
    assert_true(ij_collapse_see(&c, 5000, 1e-5, NAN, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sound),        cmocka_unit_test(small_ranks),
                                       cmocka_unit_test(small_spread), cmocka_unit_test(spread_falls),
                                       cmocka_unit_test(rank_falls),   cmocka_unit_test(gone_on_with)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
