/* When a job of several ranks can go on: when a command of this rank's device has come to its end. */
#ifndef IJ_RANK_READY_H
#define IJ_RANK_READY_H

#include "engine/opencl.h"
#include "engine/ranks/ranks.h"

/* Asks, and does not wait. A command that failed ends the job of all ranks: nobody here may be waiting for the device,
 * and the others wait for this one. */
ij_rank_ready ij_rank_ready_of(cl_event event);

#endif
