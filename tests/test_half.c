/* Float32 to 16 bits: every number, every tie and both sides of it, for both kinds, and what lies beyond. */
#include "engine/base/dtype.h"
#include "engine/files/half.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

typedef uint16_t (*conversion)(float);

static float number(ij_dtype dtype, uint16_t half)
{
    float value;
    ij_dtype_to_floats(dtype, &half, 1, &value);
    return value;
}

static float of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof bits);
    return value;
}

/* `half` and its larger neighbour are finite: the way from one to the other, and the same below zero. */
static void check_gap(conversion convert, ij_dtype dtype, uint16_t half)
{
    float low = number(dtype, half), high = number(dtype, (uint16_t)(half + 1));
    float middle = (float)(((double)low + (double)high) / 2);
    uint16_t even = half & 1 ? (uint16_t)(half + 1) : half;
    assert_int_equal(convert(low), half);
    assert_int_equal(convert(middle), even);
    assert_int_equal(convert(nextafterf(middle, 0)), half);
    assert_int_equal(convert(nextafterf(middle, INFINITY)), half + 1);
    assert_int_equal(convert(-low), half | 0x8000);
    assert_int_equal(convert(-middle), even | 0x8000);
    assert_int_equal(convert(-nextafterf(middle, 0)), half | 0x8000);
    assert_int_equal(convert(-nextafterf(middle, INFINITY)), (half + 1) | 0x8000);
}

static void every_f16(void **state)
{
    (void)state;
    for (uint16_t half = 0; half < 0x7bff; half++)
        check_gap(ij_f16_of, IJ_F16, half);
}

/* bfloat16's last gaps are so wide that a double holds their middles and a float, too. */
static void every_bf16(void **state)
{
    (void)state;
    for (uint16_t half = 0; half < 0x7f7f; half++)
        check_gap(ij_bf16_of, IJ_BF16, half);
}

static void beyond(void **state)
{
    (void)state;
    static const struct {
        uint32_t from;
        uint16_t f16, bf16;
    } cases[] = {
        {0x477fe000, 0x7bff, 0x4780}, /* 65504, the largest f16; bfloat16's nearest is 65536 */
        {0x477fefff, 0x7bff, 0x4780}, /* under 65520, half way to what would be the next */
        {0x477ff000, 0x7c00, 0x4780}, /* 65520: the tie goes to infinity */
        {0x7f7f7fff, 0x7c00, 0x7f7f}, /* the largest float32 that is not infinity as bfloat16 */
        {0x7f7f8000, 0x7c00, 0x7f80}, /* the tie */
        {0x7f7fffff, 0x7c00, 0x7f80}, /* the largest float32 */
        {0x7f800000, 0x7c00, 0x7f80}, /* infinity */
        {0x7fc00000, 0x7e00, 0x7fc0}, /* NaN */
        {0x7f800001, 0x7e00, 0x7fc0}, /* a signalling one, whose fraction is cut off */
        {0x00000001, 0x0000, 0x0000}, /* the smallest float32 */
        {0x33000000, 0x0000, 0x3300}, /* 2^-25, half of the smallest f16: a tie, to zero */
        {0x33000001, 0x0001, 0x3300}, /* more than half */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (uint32_t sign = 0; sign < 2; sign++) {
            float value = of_bits(cases[i].from | sign << 31);
            assert_int_equal(ij_f16_of(value), cases[i].f16 | sign << 15);
            assert_int_equal(ij_bf16_of(value), cases[i].bf16 | sign << 15);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_f16), cmocka_unit_test(every_bf16),
                                       cmocka_unit_test(beyond)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
