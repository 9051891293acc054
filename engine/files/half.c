#include "engine/files/half.h"

#include <string.h>

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* n / 2^shift, ties to even; 1 <= shift <= 31. */
static uint32_t shift_rounded(uint32_t n, int shift)
{
    uint32_t kept = n >> shift, rest = n & ((1u << shift) - 1), half = 1u << (shift - 1);
    return kept + (rest > half || (rest == half && kept & 1));
}

uint16_t ij_f16_of(float value)
{
    enum { SHIFT = 23 - 10, BIAS = 127 - 15, SMALLEST_NORMAL = BIAS + 1 }; /* exponents as float32 stores them */
    uint32_t bits = bits_of(value), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    int exponent = (int)(size >> 23);
    if (size > 0x7f800000)
        return (uint16_t)(sign | 0x7e00);
    if (exponent >= SMALLEST_NORMAL) {
        /* A carry out of the fraction raises the exponent, as it should; past the largest it makes an infinity. */
        uint32_t half = shift_rounded(size - ((uint32_t)BIAS << 23), SHIFT);
        return (uint16_t)(sign | (half < 0x7c00 ? half : 0x7c00));
    }
    int shift = SHIFT + SMALLEST_NORMAL - exponent; /* a subnormal half: the unit is 2^-24 */
    if (shift > 24)
        return (uint16_t)sign; /* under half of the unit, as are all of float32's own subnormal numbers */
    return (uint16_t)(sign | shift_rounded((size & 0x7fffff) | 0x800000, shift));
}

uint16_t ij_bf16_of(float value)
{
    uint32_t bits = bits_of(value);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return (uint16_t)((bits >> 16 & 0x8000) | 0x7fc0);
    return (uint16_t)shift_rounded(bits, 16); /* a carry from the largest number makes an infinity */
}
