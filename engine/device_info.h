/* What OpenCL and its extensions say of a device, as the engine wants to know it. */
#ifndef IJ_DEVICE_INFO_H
#define IJ_DEVICE_INFO_H

#include "engine/device.h"

#include <CL/cl.h>

void ij_device_info_read(cl_platform_id platform, cl_device_id id, int index, ij_device_info *info);

#endif
