/* How a batch is shared out among ranks: whole images, all of them, one at least, by rates as close as can be. */
#include "frontend/shares.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

enum { MOST = 8 };

static void by_hand(void **state)
{
    (void)state;
    static const struct {
        int images, ranks;
        double rates[MOST];
        int shares[MOST];
    } cases[] = {
        {8, 1, {5}, {8}},
        {8, 2, {1, 1}, {4, 4}},
        {7, 2, {1, 1}, {4, 3}},
        {64, 2, {3, 1}, {48, 16}},
        {6, 2, {2, 1}, {4, 2}},
        {10, 3, {1, 1, 1}, {4, 3, 3}},
        {3, 3, {100, 1, 1}, {1, 1, 1}},
        {10, 3, {1000, 1, 1}, {8, 1, 1}},
        {100, 4, {0.5, 1.5, 1, 1}, {13, 37, 25, 25}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int shares[MOST];
        assert_int_equal(ij_shares_by_rates(cases[i].images, cases[i].ranks, cases[i].rates, shares), IJ_OK);
        assert_memory_equal(shares, cases[i].shares, (size_t)cases[i].ranks * sizeof *shares);
    }
}

/* Any rates: nothing lost, nobody without, none further than one image from what it should have, but for those who got
 * one instead of none. */
static void any_rates(void **state)
{
    (void)state;
    unsigned seed = 1;
    for (int i = 0; i < 20000; i++) {
        double rates[MOST], all = 0;
        int shares[MOST], sum = 0, small = 0;
        seed = seed * 1664525u + 1013904223u;
        int ranks = 1 + (int)(seed >> 16) % MOST, images = ranks + (int)(seed >> 8) % 100;
        for (int r = 0; r < ranks; r++) {
            seed = seed * 1664525u + 1013904223u;
            rates[r] = exp((double)(seed >> 8) / (1 << 24) * 6);
            all += rates[r];
        }
        assert_int_equal(ij_shares_by_rates(images, ranks, rates, shares), IJ_OK);
        for (int r = 0; r < ranks; r++) {
            assert_true(shares[r] >= 1);
            sum += shares[r];
            small += images * rates[r] / all < 1;
        }
        assert_int_equal(sum, images);
        for (int r = 0; r < ranks; r++)
            assert_true(shares[r] == 1 || fabs(shares[r] - images * rates[r] / all) < 1 + small);
    }
}

static void read_list(void **state)
{
    (void)state;
    double rates[3];
    assert_int_equal(ij_shares_read("3,1,0.5", 3, rates), IJ_OK);
    assert_true(rates[0] == 3 && rates[1] == 1 && rates[2] == 0.5);
    static const char *const wrong[] = {"3,1", "3,1,1,1", "3,1,", "3,0,1", "3,x,1", "", "3;1;1", "nan,1,1", "1,1,inf"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(ij_shares_read(wrong[i], 3, rates), IJ_EINVAL);
    const double one[2] = {1, 1};
    int shares[2];
    assert_int_equal(ij_shares_by_rates(1, 2, one, shares), IJ_EINVAL);
    assert_non_null(strstr(ij_error(), "cannot be shared by 2 ranks"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_hand), cmocka_unit_test(any_rates),
                                       cmocka_unit_test(read_list)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
