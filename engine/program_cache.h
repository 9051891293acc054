/* Compiled programs on disk, so that a second start compiles nothing: $XDG_CACHE_HOME/ijepa-cl, or ~/.cache/ijepa-cl.
 * IJEPA_CACHE names another folder; IJEPA_CACHE=off turns it off. Never an error: a cache that fails is a slow start.
 */
#ifndef IJ_PROGRAM_CACHE_H
#define IJ_PROGRAM_CACHE_H

#include "engine/opencl.h"

#include <stdbool.h>

/* A 128-bit key from all that decides the binary: sources, options, device, driver and platform version. */
void ij_program_cache_key(const ij_device *device, const char *common, const char *body, const char *options,
                          uint64_t key[2]);

/* True with a built program if the cache has a binary that the driver takes. */
bool ij_program_cache_load(ij_device *device, const uint64_t key[2], const char *options, cl_program *program);

/* Written under a temporary name, then renamed: readers never see half a file. */
void ij_program_cache_store(ij_device *device, const uint64_t key[2], cl_program program);

#endif
