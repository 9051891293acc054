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

/* A macro that a shape itself decides, such as the head width. */
typedef struct ij_define {
    const char *macro;
    int value;
} ij_define;

/* What a program is built with: an implementation's parameters, chosen for a shape (see tuning.h), and macros more;
 * these end with a NULL. */
enum { IJ_MOST_DEFINES = 4 };
typedef struct ij_kernel_tuning {
    const ij_implementation *of;
    int shape[2];
    ij_define defines[IJ_MOST_DEFINES + 1];
} ij_kernel_tuning;

/* Adds a macro; there is room for IJ_MOST_DEFINES. */
void ij_kernel_define(ij_kernel_tuning *tuning, const char *macro, int value);
/* Says whether rows start at multiples of four floats, where the implementation's kernels want to know. */
void ij_kernel_align(ij_kernel_tuning *tuning, bool aligned);

/* Bytes that build options take at most, their final zero included. */
enum { IJ_KERNEL_OPTIONS = 1024 };

/* Creates `kernel` (the caller releases it) from a source of the implementation, behind the files that it has in common
 * with others. IJ_EBUILD with the build log and how to report it, or where the driver does not
 * allow what it takes; IJ_EINVAL where it is none of its sources, or the
 * options are longer than IJ_KERNEL_OPTIONS. */
ij_status ij_kernel_create(ij_device *device, const char *source, ij_kernel_tuning tuning, const char *name,
                           cl_kernel *kernel);

/* The same; where the driver allows the kernel fewer work-items than its device says, or the kernel as it was built takes
 * more local memory than there is, what was tuned for the implementation is given up, and then its smaller parameters are
 * tried, one after the other: they hold for all that is made afterwards. */
ij_status ij_kernel_create_fitting(ij_device *device, const char *source, ij_kernel_tuning tuning, const char *name,
                                   cl_kernel *kernel);

/* The options that ij_kernel_create builds with. IJ_EINVAL where they do not fit. */
ij_status ij_kernel_options(const ij_tuning *t, ij_kernel_tuning tuning, char *options, size_t size);

/* Releases every program of the device. */
void ij_program_release_all(ij_device *device);

#endif
