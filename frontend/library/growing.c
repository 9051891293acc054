#include "frontend/library/growing.h"

#include <string.h>

/* The size that stands at the beginning; it must cover itself, and beyond some kilobytes it was never set. */
static ij_status size_of(const void *structure, size_t *size)
{
    memcpy(size, structure, sizeof *size);
    if (*size < sizeof *size || *size > 65536)
        return ij_fail(IJ_EINVAL, "a structure's size is %zu: set it to sizeof of the structure", *size);
    return IJ_OK;
}

ij_status ij_growing_fill(void *to, const void *from, size_t ours)
{
    size_t size;
    ij_status status = size_of(to, &size);
    if (status)
        return status;
    size_t known = size < ours ? size : ours;
    memset(to, 0, size);
    memcpy(to, from, known);
    memcpy(to, &size, sizeof size);
    return IJ_OK;
}

ij_status ij_growing_take(void *to, const void *from, size_t ours)
{
    size_t size;
    ij_status status = size_of(from, &size);
    if (status)
        return status;
    for (size_t i = ours; i < size; i++)
        if (((const unsigned char *)from)[i])
            return ij_fail(IJ_EINVAL, "an option is set that libijepa " IJEPA_VERSION " does not know yet");
    memset(to, 0, ours);
    memcpy(to, from, size < ours ? size : ours);
    return IJ_OK;
}
