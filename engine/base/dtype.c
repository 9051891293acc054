#include "engine/base/dtype.h"

#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tensors are stored little-endian and used as they lie: this code needs a little-endian host"
#endif

static const struct {
    const char *name;
    int bits;
} dtypes[IJ_DTYPES] = {[IJ_F32] = {"F32", 32},
                       [IJ_F64] = {"F64", 64},
                       [IJ_F16] = {"F16", 16},
                       [IJ_BF16] = {"BF16", 16},
                       [IJ_I64] = {"I64", 64},
                       [IJ_I32] = {"I32", 32},
                       [IJ_U8] = {"U8", 8},
                       [IJ_BOOL] = {"BOOL", 8},
                       [IJ_I8] = {"I8", 8},
                       [IJ_I16] = {"I16", 16},
                       [IJ_U16] = {"U16", 16},
                       [IJ_U32] = {"U32", 32},
                       [IJ_U64] = {"U64", 64},
                       [IJ_F8_E4M3] = {"F8_E4M3", 8},
                       [IJ_F8_E5M2] = {"F8_E5M2", 8},
                       [IJ_F8_E8M0] = {"F8_E8M0", 8},
                       [IJ_F8_E4M3FNUZ] = {"F8_E4M3FNUZ", 8},
                       [IJ_F8_E5M2FNUZ] = {"F8_E5M2FNUZ", 8},
                       [IJ_F6_E2M3] = {"F6_E2M3", 6},
                       [IJ_F6_E3M2] = {"F6_E3M2", 6},
                       [IJ_F4] = {"F4", 4},
                       [IJ_C64] = {"C64", 64}};

const char *ij_dtype_name(ij_dtype dtype)
{
    return dtypes[dtype].name;
}

bool ij_dtype_named(const char *name, ij_dtype *dtype)
{
    for (int i = 0; i < IJ_DTYPES; i++)
        if (strcmp(dtypes[i].name, name) == 0) {
            *dtype = (ij_dtype)i;
            return true;
        }
    return false;
}

int ij_dtype_bits(ij_dtype dtype)
{
    return dtypes[dtype].bits;
}

size_t ij_dtype_size(ij_dtype dtype, size_t elements)
{
    return elements * (size_t)(dtypes[dtype].bits / 8);
}

bool ij_dtype_bytes(ij_dtype dtype, int dims, const int64_t *shape, size_t *bytes)
{
    size_t bits = (size_t)dtypes[dtype].bits;
    bool empty = false;
    for (int i = 0; i < dims; i++) {
        if (shape[i] < 0)
            return false;
        if (shape[i] == 0) {
            empty = true;
            continue;
        }
        if ((uint64_t)shape[i] > SIZE_MAX / bits)
            return false;
        bits *= (size_t)shape[i];
    }
    *bytes = empty ? 0 : bits / 8;
    return empty || bits % 8 == 0;
}

bool ij_dtype_is_float(ij_dtype dtype)
{
    return dtype == IJ_F32 || dtype == IJ_F64 || dtype == IJ_F16 || dtype == IJ_BF16;
}

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754 binary16: every value is a float32. */
static float from_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023;
    if (exponent == 31)
        return from_bits(sign | 0x7F800000 | fraction << 13);
    if (exponent)
        return from_bits(sign | (exponent + 112) << 23 | fraction << 13);
    float small = (float)fraction * 0x1p-24f;
    return sign ? -small : small;
}

void ij_dtype_to_floats(ij_dtype dtype, const void *raw, size_t n, float *values)
{
    const unsigned char *bytes = raw;
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        double wide;
        switch (dtype) {
        case IJ_F16:
            memcpy(&half, bytes + 2 * i, sizeof half);
            values[i] = from_half(half);
            break;
        case IJ_BF16:
            memcpy(&half, bytes + 2 * i, sizeof half);
            values[i] = from_bits((uint32_t)half << 16);
            break;
        case IJ_F64:
            memcpy(&wide, bytes + 8 * i, sizeof wide);
            values[i] = (float)wide;
            break;
        default:
            memcpy(&values[i], bytes + 4 * i, sizeof values[i]);
        }
    }
}
