/* Philox4x32-10 against the known-answer vectors of Random123 (kat_vectors, Salmon et al.), and the properties of what
 * is built on it. */
#include "engine/base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void matches(const uint32_t counter[4], const uint32_t key[2], const uint32_t expected[4])
{
    ij_random random = {.key = {key[0], key[1]}, .used = 4};
    for (int i = 0; i < 4; i++)
        random.counter[i] = counter[i];
    for (int i = 0; i < 4; i++)
        assert_int_equal(ij_random_u32(&random), expected[i]);
}

static void test_known_answers(void **state)
{
    (void)state;
    matches((const uint32_t[]){0, 0, 0, 0}, (const uint32_t[]){0, 0},
            (const uint32_t[]){0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    matches((const uint32_t[]){0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
            (const uint32_t[]){0xffffffff, 0xffffffff},
            (const uint32_t[]){0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    matches((const uint32_t[]){0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
            (const uint32_t[]){0xa4093822, 0x299f31d0},
            (const uint32_t[]){0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

static void test_streams_differ(void **state)
{
    (void)state;
    uint32_t first[5];
    ij_random random;
    ij_random_start(&random, 7, IJ_STREAM_MASK, 1, 2);
    first[0] = ij_random_u32(&random);
    ij_random_start(&random, 8, IJ_STREAM_MASK, 1, 2);
    first[1] = ij_random_u32(&random);
    ij_random_start(&random, 7, IJ_STREAM_AUGMENT, 1, 2);
    first[2] = ij_random_u32(&random);
    ij_random_start(&random, 7, IJ_STREAM_MASK, 2, 2);
    first[3] = ij_random_u32(&random);
    ij_random_start(&random, 7, IJ_STREAM_MASK, 1, 3);
    first[4] = ij_random_u32(&random);
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < i; k++)
            assert_int_not_equal(first[i], first[k]);
}

static void test_below_is_uniform(void **state)
{
    (void)state;
    enum { N = 7, DRAWS = 70000 };
    int count[N] = {0};
    ij_random random;
    ij_random_start(&random, 1, IJ_STREAM_TEST, 0, 0);
    for (int i = 0; i < DRAWS; i++)
        count[ij_random_below(&random, N)]++;
    double chi = 0;
    for (int i = 0; i < N; i++)
        chi += pow(count[i] - DRAWS / (double)N, 2) / (DRAWS / (double)N);
    assert_true(chi < 25); /* 6 degrees of freedom: p = 0.0003 */
    for (int i = 0; i < 100; i++)
        assert_int_equal(ij_random_below(&random, 1), 0);
}

static void test_uniform_and_normal(void **state)
{
    (void)state;
    enum { DRAWS = 100000 };
    double sum = 0, square = 0, uniform = 0;
    ij_random random;
    ij_random_start(&random, 2, IJ_STREAM_TEST, 0, 0);
    for (int i = 0; i < DRAWS; i++) {
        double x = (double)ij_random_normal(&random), u = (double)ij_random_uniform(&random);
        assert_true(u >= 0 && u < 1 && isfinite(x));
        sum += x;
        square += x * x;
        uniform += u;
    }
    assert_true(fabs(sum / DRAWS) < 0.02);
    assert_true(fabs(square / DRAWS - 1) < 0.03);
    assert_true(fabs(uniform / DRAWS - 0.5) < 0.005);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_streams_differ),
        cmocka_unit_test(test_below_is_uniform),
        cmocka_unit_test(test_uniform_and_normal),
    };
    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
