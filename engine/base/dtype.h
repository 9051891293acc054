/* The element types of tensors, in files every one of the safetensors format, on a device few; and floats made of those
 * that hold weights. Knows neither files nor devices. */
#ifndef IJ_DTYPE_H
#define IJ_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum ij_dtype {
    IJ_F32,
    IJ_F64,
    IJ_F16,
    IJ_BF16,
    IJ_I64,
    IJ_I32,
    IJ_U8,
    IJ_BOOL,
    IJ_I8,
    IJ_I16,
    IJ_U16,
    IJ_U32,
    IJ_U64,
    IJ_F8_E4M3,
    IJ_F8_E5M2,
    IJ_F8_E8M0,
    IJ_F8_E4M3FNUZ,
    IJ_F8_E5M2FNUZ,
    IJ_F6_E2M3,
    IJ_F6_E3M2,
    IJ_F4,
    IJ_C64,
    IJ_DTYPES
} ij_dtype;

const char *ij_dtype_name(ij_dtype dtype); /* as safetensors writes it, "F32" */
bool ij_dtype_named(const char *name, ij_dtype *dtype);
int ij_dtype_bits(ij_dtype dtype);                     /* of one element; packed types have fewer than 8 */
size_t ij_dtype_size(ij_dtype dtype, size_t elements); /* bytes; not of packed types */

/* Bytes of a tensor; false where a dimension is negative, the bytes are not whole, or the product does not fit. */
bool ij_dtype_bytes(ij_dtype dtype, int dims, const int64_t *shape, size_t *bytes);

/* Whether elements of this type become floats here: F32, F64, F16, BF16. */
bool ij_dtype_is_float(ij_dtype dtype);
/* n elements of such a type, little-endian at `raw` (no alignment needed), as float32; F64 is rounded to nearest. */
void ij_dtype_to_floats(ij_dtype dtype, const void *raw, size_t n, float *values);

#endif
