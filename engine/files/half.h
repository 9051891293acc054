/* Float32 to the 16-bit kinds, rounding to nearest, ties to even (IEEE 754-2019, 4.3.1), for files in half the size. */
#ifndef IJ_HALF_H
#define IJ_HALF_H

#include <stdint.h>

/* To IEEE binary16, subnormal numbers included. What is too large becomes an infinity; a NaN stays one, quiet, with its
 * sign. */
uint16_t ij_f16_of(float value);
/* To bfloat16, the upper half of a float32. NaNs as above. */
uint16_t ij_bf16_of(float value);

#endif
