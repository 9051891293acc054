/* The public handles of devices and models are the engine's objects under names of their own; their structures are
 * never defined, so that only pointers pass. */
#ifndef IJ_LIBRARY_HANDLES_H
#define IJ_LIBRARY_HANDLES_H

#include "engine/device.h"
#include "engine/files/model_file.h"
#include "frontend/library/ijepa.h"

static inline ij_device *ij_device_of(ijepa_device *device)
{
    return (ij_device *)device;
}

static inline ij_model_file *ij_model_of(ijepa_model *model)
{
    return (ij_model_file *)model;
}

#endif
