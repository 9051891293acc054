/* How much memory the host still has: a system that promises more than it has ends programs that take it at their word. */
#ifndef IJ_BASE_HOST_MEMORY_H
#define IJ_BASE_HOST_MEMORY_H

#include <stdint.h>

/* Bytes that can be taken without swapping, as the kernel estimates them; UINT64_MAX where it does not say. */
uint64_t ij_host_memory_free(void);

#endif
