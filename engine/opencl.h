/* The engine's own view of a device: OpenCL handles, and what the kernels of this device are built with. Private to
 * engine/ and to tools and tests that time or check kernels. */
#ifndef IJ_OPENCL_H
#define IJ_OPENCL_H

#include "engine/device.h"
#include "engine/operation.h"
#include "engine/pace.h"
#include "engine/tuning.h"

#include <CL/cl.h>

/* A command's event, where profiling is on. */
typedef struct ij_launch_record {
    const char *kernel;
    cl_event event;
    bool transfer;       /* on the transfer queue */
    uint64_t host;       /* when it was enqueued, by the host's clock */
    double flops, bytes; /* see ij_grid */
    ij_operation what;
} ij_launch_record;

struct ij_device {
    ij_device_info info;
    cl_platform_id platform;
    cl_device_id id;
    cl_context context;
    cl_command_queue compute;  /* in order */
    cl_command_queue transfer; /* in order; uploads run beside the kernels */
    ij_pace pace;
    ij_tuning tuning;
    char *notes;                 /* see ij_device_notes; NULL for none */
    struct ij_program *programs; /* built so far, a list */
    uint64_t planned;            /* bytes of the plans that were committed and not destroyed */
    int launches;                /* kernels enqueued since somebody set this to 0 */
    ij_launch_record *records;   /* NULL unless profiling */
    int record_count, record_capacity;
};

/* A record for a command that is about to be enqueued, whose event is to be put there; NULL unless profiling. */
ij_launch_record *ij_profile_record(ij_device *device, const char *name);
/* The same for a transfer: where its event goes. */
cl_event *ij_profile_transfer(ij_device *device, const char *name, size_t bytes);

/* The OpenCL name of an error code ("CL_OUT_OF_RESOURCES"). */
const char *ij_cl_name(cl_int code);

/* Turns an OpenCL code into a status: IJ_OK for CL_SUCCESS, else a message "WHAT: CL_...". */
ij_status ij_cl_check(cl_int code, const char *what);

/* Releases an event where there is one; *event is NULL then. */
void ij_cl_forget(cl_event *event);

#endif
