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

/* The text of cl/NAME.cl, embedded or from that folder; malloc'ed, the caller frees. IJ_EIO, IJ_EINVAL, IJ_ENOMEM;
 * IJ_EFORMAT where a file holds a zero byte, which would end it for the compiler. */
ij_status ij_kernel_source_read(const char *name, char **text);

/* What a program is built with: the parameters of a group, chosen for a shape (see tuning.h), and one macro more that
 * the shape itself decides, such as the head width; NULL for none. */
typedef struct ij_kernel_tuning {
    ij_group group;
    int shape[2];
    const char *define;
    int value;
} ij_kernel_tuning;

/* Bytes that build options take at most, their final zero included. */
enum { IJ_KERNEL_OPTIONS = 1024 };

/* Creates `kernel` (the caller releases it) from program `source`: cl/SOURCE.cl behind cl/common.cl, or for the GPU
 * family cl/gpu_SOURCE.cl behind cl/gpu_common.cl. IJ_EBUILD with the build log and how to report it; IJ_EINVAL where
 * the options are longer than IJ_KERNEL_OPTIONS. */
ij_status ij_kernel_create(ij_device *device, const char *source, ij_kernel_tuning tuning, const char *name,
                           cl_kernel *kernel);

/* What ij_kernel_create builds with: the name of a source's file in the family, without ".cl", and the options.
 * IJ_EINVAL where they do not fit. */
ij_status ij_kernel_file(ij_family family, const char *source, char *name, size_t size);
ij_status ij_kernel_options(const ij_tuning *t, ij_kernel_tuning tuning, char *options, size_t size);

/* Releases every program of the device. */
void ij_program_release_all(ij_device *device);

#endif
