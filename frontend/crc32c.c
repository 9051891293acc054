#include "frontend/crc32c.h"

uint32_t ij_crc32c(const void *bytes, size_t size)
{
    const uint32_t polynomial = 0x82f63b78; /* 0x1edc6f41, its bits mirrored */
    const uint8_t *b = bytes;
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= b[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? polynomial : 0);
    }
    return ~crc;
}
