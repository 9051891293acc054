/* How much work a device's queue holds, and how the host waits for it.
 *
 * Some drivers reset a GPU that has worked for some 20 s at once (Intel's i915: compute-runtime issue 904), which ends
 * the run with CL_OUT_OF_RESOURCES; and clWaitForEvents keeps a core busy on some (NVIDIA, Intel), which the decoders
 * need. And each command that waits takes the host a kilobyte or two: a step of 2,048 micro-batches is a million of
 * them. So a queue holds about a second of kernels, whatever a step takes, and whoever waits for a GPU sleeps. */
#ifndef IJ_PACE_H
#define IJ_PACE_H

#include "engine/base/error.h"
#include "engine/device.h"

#include <CL/cl.h>

typedef struct ij_pace {
    double seconds; /* of work on the compute queue; 0: not bounded */
    int window;     /* kernels that take about half of that */
    int launched;   /* since the last mark */
    cl_event mark;  /* the end of the window before this one; NULL: there is none */
    double seen;    /* when the mark before that one was reached, by the host's clock; 0: never */
} ij_pace;

/* A second; environment variable IJEPA_IN_FLIGHT says other seconds, 0 for no bound. IJ_EINVAL for other values of it.
 */
ij_status ij_pace_start(ij_pace *pace);
void ij_pace_end(ij_pace *pace);

/* A kernel was enqueued on the compute queue. Waits where more than `seconds` of them are. */
ij_status ij_pace_launched(ij_device *device);

/* clWaitForEvents for one event; for a GPU's the host sleeps. */
cl_int ij_pace_wait(ij_device *device, cl_event event);
/* The same for all that was enqueued on the compute queue. */
cl_int ij_pace_finish(ij_device *device);

#endif
