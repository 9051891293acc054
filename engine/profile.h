/* Device times of kernels, from OpenCL's profiling events: what tools/bench and the autotuner print. */
#ifndef IJ_PROFILE_H
#define IJ_PROFILE_H

#include "engine/device.h"

/* One kernel launch, in nanoseconds of the device's clock. */
typedef struct ij_profile_entry {
    const char *kernel;
    uint64_t queued, start, end;
    double flops, bytes; /* what the launch does: arithmetic, and the traffic it cannot avoid; 0: not known */
    int shape[3];        /* M, N, K of a product */
} ij_profile_entry;

/* Starts to keep the event of every launch, up to `capacity` of them. IJ_ENOMEM. */
ij_status ij_profile_start(ij_device *device, int capacity);
/* Waits for the device and hands over the launches since start, in order; *entries is malloc'ed, the caller frees. */
ij_status ij_profile_stop(ij_device *device, ij_profile_entry **entries, int *count);

#endif
