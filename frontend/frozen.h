/* A model that is used and not trained: a device and an encoder of a model file on it. */
#ifndef IJ_FRONTEND_FROZEN_H
#define IJ_FRONTEND_FROZEN_H

#include "engine/device.h"
#include "engine/encoder.h"

typedef struct ij_frozen {
    ij_device *device;
    ij_encoder *encoder;
    bool context; /* which encoder of the file it is: `options` may have asked for one that it does not have */
} ij_frozen;

/* Opens the file or folder `model` of any kind, and the device that `device` names (NULL or "": as ij_device_open).
 * Prints notes on stderr. ij_frozen_close also after a failure. */
ij_status ij_frozen_open(ij_frozen *frozen, const char *model, const char *device, const ij_encoder_options *options);
void ij_frozen_close(ij_frozen *frozen);

/* Prints two lines: the model, and the device with what is used of it. */
void ij_frozen_report(const ij_frozen *frozen, const char *model);

#endif
