/* CRC-32C (Castagnoli; RFC 3720, appendix B.4), which TensorBoard's event files are secured with. */
#ifndef IJ_FRONTEND_CRC32C_H
#define IJ_FRONTEND_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t ij_crc32c(const void *bytes, size_t size);

#endif
