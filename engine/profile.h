/* Device times of kernels and transfers, from OpenCL's profiling events: what tools/bench and the autotuner print. */
#ifndef IJ_PROFILE_H
#define IJ_PROFILE_H

#include "engine/device.h"
#include "engine/operation.h"

/* Kernels, and commands that move data, whichever queue they are in. */
typedef enum ij_queue { IJ_QUEUE_COMPUTE, IJ_QUEUE_TRANSFER } ij_queue;

/* One command, in nanoseconds of the device's clock. */
typedef struct ij_profile_entry {
    const char *kernel; /* or what is transferred: "map", "unmap", "write images", "write masks" */
    ij_queue queue;
    uint64_t queued, start, end;
    uint64_t host;       /* when it was enqueued, in nanoseconds of the host's CLOCK_MONOTONIC: ties the clocks */
    double flops, bytes; /* what the launch does: arithmetic, and the traffic it cannot avoid; 0: not known */
    ij_operation what;   /* of a transfer IJ_OPERATION_OTHER */
} ij_profile_entry;

/* Starts to keep the event of every kernel and every transfer, up to `capacity` of them. IJ_ENOMEM. */
ij_status ij_profile_start(ij_device *device, int capacity);
/* Waits for the device and hands over the commands since start, in the order in which they were enqueued; *entries is
 * malloc'ed, the caller frees. */
ij_status ij_profile_stop(ij_device *device, ij_profile_entry **entries, int *count);

#endif
