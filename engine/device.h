/* OpenCL devices: what there is, which one to use, and what it can do. */
#ifndef IJ_DEVICE_H
#define IJ_DEVICE_H

#include "engine/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ij_device ij_device;

typedef enum ij_device_type { IJ_DEVICE_CPU, IJ_DEVICE_GPU, IJ_DEVICE_OTHER } ij_device_type;

/* Instructions that multiply small matrices: NVIDIA's mma, AMD's mfma and wmma, Intel's dpas. */
typedef enum ij_matrix_unit {
    IJ_MATRIX_NONE,
    IJ_MATRIX_MMA,
    IJ_MATRIX_MFMA,
    IJ_MATRIX_WMMA,
    IJ_MATRIX_DPAS
} ij_matrix_unit;

/* What a person and the heuristics want to know of a device. Strings live in the struct. */
typedef struct ij_device_info {
    int index; /* as `ijepa devices` numbers them: platforms in the loader's order, devices in the platform's */
    char name[256], vendor[128], platform[128], driver[128], version[128];
    ij_device_type type;
    bool unified_memory; /* shares the host's memory */
    unsigned compute_units, max_clock_mhz;
    size_t max_work_group;
    uint64_t global_bytes, max_alloc_bytes, local_bytes;
    int vector_width;    /* native, in floats */
    unsigned sub_groups; /* the sum of the sub-group sizes that kernels may ask for; 0: they may not */
    bool fp16, bf16;     /* arithmetic on halves; conversion from and to bfloat16 */
    bool integer_dot;    /* products of four 8-bit integers in one instruction, or said to be */
    ij_matrix_unit matrix_unit;
    unsigned generation; /* of the architecture as its vendor numbers it, in hexadecimal: 0x90 (sm_90), 0x90a (gfx90a);
                            0: not said */
} ij_device_info;

/* Lists every device of every platform into *list (malloc'ed, the caller frees), *count of them. No platform or no
 * device at all is IJ_EDEVICE with advice on what to install. */
ij_status ij_device_list(ij_device_info **list, int *count);

/* Opens the device that `choice` names: an index ("1"), a type ("gpu", "cpu"), or a part of device or platform name,
 * in any case. NULL or "" means environment variable IJEPA_DEVICE, and without it the first GPU, else the first
 * device. IJ_EINVAL with the list of devices where nothing matches. The caller closes it.
 * Which implementation an operation takes is the device's matter (implementation.h); environment variable IJEPA_IMPL
 * begins with others, for tests and experiments: "product=tile attention=tile rows=group". Likewise
 * IJEPA_VECTOR_WIDTH=4|8|16: the native width of vectors in floats, whatever the processor has; and
 * IJEPA_MEMORY=discrete: any device counts as one with memory of its own, to which batches are copied; and
 * IJEPA_IN_FLIGHT (pace.h). IJ_EINVAL for other values of these. */
ij_status ij_device_open(ij_device **device, const char *choice);
void ij_device_close(ij_device *device);

const ij_device_info *ij_device_describe(const ij_device *device);

/* What a person should know about how the device was opened, such as measurements in the tuning database that no longer
 * hold: lines without a newline at the end; "" for nothing. */
const char *ij_device_notes(const ij_device *device);

#endif
