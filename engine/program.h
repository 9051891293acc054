/* OpenCL programs: the embedded kernel sources, compiled for a device once, kept in memory and in a cache on disk. */
#ifndef IJ_PROGRAM_H
#define IJ_PROGRAM_H

#include "engine/base/error.h"
#include "engine/opencl.h"

typedef struct ij_kernel_source {
    const char *name; /* the file's name in cl/ without ".cl" */
    const char *text;
} ij_kernel_source;

/* All of cl/, embedded by the build, ending with a NULL name. Environment variable IJEPA_CL_DIR names a folder whose
 * files are read instead, for those who write kernels. */
extern const ij_kernel_source ij_kernel_sources[];

/* Creates `kernel` (the caller releases it) from program `source` (a file of cl/, put behind common.cl) built with the
 * device's tuning and `options` (more -D flags; "" for none). IJ_EBUILD with the build log and how to report it. */
ij_status ij_kernel_create(ij_device *device, const char *source, const char *options, const char *name,
                           cl_kernel *kernel);

/* Releases every program of the device. */
void ij_program_release_all(ij_device *device);

#endif
