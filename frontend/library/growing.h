/* Structures of the public interface that begin with their size, so that fields can be added at their end: copies
 * between the caller's, which may be of an older or newer version of the header, and ours. */
#ifndef IJ_LIBRARY_GROWING_H
#define IJ_LIBRARY_GROWING_H

#include "engine/base/error.h"

#include <stddef.h>

/* Fills the caller's structure `to` from ours, `from` of `ours` bytes: the fields that the caller knows; what it knows
 * and we do not becomes 0. IJ_EINVAL where to's size cannot be one. */
ij_status ij_growing_fill(void *to, const void *from, size_t ours);

/* Takes the caller's structure `from` into ours, `to` of `ours` bytes: what the caller does not know becomes 0.
 * IJ_EINVAL where from's size cannot be one, or where it asks (is not 0) for something that we do not know. */
ij_status ij_growing_take(void *to, const void *from, size_t ours);

#endif
