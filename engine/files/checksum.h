/* The checksum of a safetensors file in its own header: 16 hexadecimal digits under the metadata's key IJ_ST_CHECKSUM,
 * XXH64 (seed 0) of the file from its ninth byte on, these digits taken as zeros. */
#ifndef IJ_CHECKSUM_H
#define IJ_CHECKSUM_H

#include <stdint.h>

enum { IJ_CHECKSUM_DIGITS = 16 };

/* The zeros that stand for digits that are not known yet. */
extern const char ij_checksum_open[IJ_CHECKSUM_DIGITS + 1];

/* Where the digits stand in a header, as compact JSON text; NULL where there are none. */
char *ij_checksum_find(char *header);

void ij_checksum_print(uint64_t sum, char digits[IJ_CHECKSUM_DIGITS + 1]);

#endif
