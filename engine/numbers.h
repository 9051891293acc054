/* What decides the bits that a training computes beside configuration and data: the device, its driver, the kernels and
 * what they are built with. */
#ifndef IJ_NUMBERS_H
#define IJ_NUMBERS_H

#include "engine/device.h"

#include <stddef.h>

/* "NAME, driver VERSION, kernels 0123456789abcdef" into `text`: the same text means the same bits. */
void ij_device_numbers(const ij_device *device, char *text, size_t size);

#endif
