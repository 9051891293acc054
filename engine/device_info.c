#include "engine/device_info.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void text(cl_device_id id, cl_device_info what, char *to, size_t size)
{
    char value[1024] = "";
    clGetDeviceInfo(id, what, sizeof value - 1, value, NULL);
    char *from = value;
    while (isspace((unsigned char)*from))
        from++;
    size_t n = strlen(from);
    while (n && isspace((unsigned char)from[n - 1]))
        n--;
    if (n >= size)
        n = size - 1;
    memcpy(to, from, n);
    to[n] = 0;
}

static cl_uint number(cl_device_id id, cl_device_info what)
{
    cl_uint value = 0;
    return clGetDeviceInfo(id, what, sizeof value, &value, NULL) == CL_SUCCESS ? value : 0;
}

static uint64_t bytes_of(cl_device_id id, cl_device_info what)
{
    cl_ulong value = 0;
    return clGetDeviceInfo(id, what, sizeof value, &value, NULL) == CL_SUCCESS ? value : 0;
}

/* ---- What extensions add ----------------------------------------------------------------------------------------- */

/* Of the extensions' headers, which are not everywhere. */
enum {
    SUB_GROUP_SIZES = 0x4108,          /* CL_DEVICE_SUB_GROUP_SIZES_INTEL, cl_intel_required_subgroup_size */
    COMPUTE_CAPABILITY_MAJOR = 0x4000, /* CL_DEVICE_COMPUTE_CAPABILITY_..._NV, cl_nv_device_attribute_query */
    COMPUTE_CAPABILITY_MINOR = 0x4001
};

static bool has(const char *extensions, const char *name)
{
    size_t length = strlen(name);
    const char *at = extensions;
    while ((at = strstr(at, name))) {
        if ((at == extensions || at[-1] == ' ') && (at[length] == ' ' || at[length] == 0))
            return true;
        at += length;
    }
    return false;
}

static unsigned sub_groups(cl_device_id id, const char *extensions)
{
    size_t sizes[8] = {0}, bytes = 0;
    unsigned sum = 0;
    if (!has(extensions, "cl_intel_required_subgroup_size") ||
        clGetDeviceInfo(id, SUB_GROUP_SIZES, sizeof sizes, sizes, &bytes) != CL_SUCCESS)
        return 0;
    for (size_t i = 0; i < bytes / sizeof *sizes; i++)
        sum |= (unsigned)sizes[i];
    return sum;
}

/* AMD's drivers name a device by its architecture, "gfx90a:sramecc+". */
static unsigned generation(cl_device_id id, const char *extensions, const char *name)
{
    if (has(extensions, "cl_nv_device_attribute_query"))
        return number(id, COMPUTE_CAPABILITY_MAJOR) << 4 | number(id, COMPUTE_CAPABILITY_MINOR);
    return strncmp(name, "gfx", 3) == 0 ? (unsigned)strtoul(name + 3, NULL, 16) : 0;
}

static ij_matrix_unit matrix_unit(const ij_device_info *i, const char *extensions)
{
    if (has(extensions, "cl_intel_subgroup_matrix_multiply_accumulate"))
        return IJ_MATRIX_DPAS;
    if (has(extensions, "cl_nv_device_attribute_query"))
        return i->generation >= 0x70 ? IJ_MATRIX_MMA : IJ_MATRIX_NONE;
    if (i->generation >= 0x1100)
        return IJ_MATRIX_WMMA;
    bool mfma = i->generation == 0x908 || i->generation == 0x90a || (i->generation >= 0x940 && i->generation < 0x1000);
    return mfma ? IJ_MATRIX_MFMA : IJ_MATRIX_NONE;
}

static void read_extensions(cl_device_id id, ij_device_info *i)
{
    char extensions[16384] = "";
    if (clGetDeviceInfo(id, CL_DEVICE_EXTENSIONS, sizeof extensions - 1, extensions, NULL) != CL_SUCCESS)
        return;
    i->sub_groups = sub_groups(id, extensions);
    i->fp16 = has(extensions, "cl_khr_fp16");
    i->bf16 = has(extensions, "cl_intel_bfloat16_conversions");
    i->integer_dot = has(extensions, "cl_khr_integer_dot_product");
    i->generation = generation(id, extensions, i->name);
    i->matrix_unit = matrix_unit(i, extensions);
}

void ij_device_info_read(cl_platform_id platform, cl_device_id id, int index, ij_device_info *i)
{
    memset(i, 0, sizeof *i);
    i->index = index;
    text(id, CL_DEVICE_NAME, i->name, sizeof i->name);
    text(id, CL_DEVICE_VENDOR, i->vendor, sizeof i->vendor);
    text(id, CL_DRIVER_VERSION, i->driver, sizeof i->driver);
    text(id, CL_DEVICE_VERSION, i->version, sizeof i->version);
    clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof i->platform - 1, i->platform, NULL);
    cl_device_type type = 0;
    clGetDeviceInfo(id, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    i->type = type & CL_DEVICE_TYPE_GPU ? IJ_DEVICE_GPU : type & CL_DEVICE_TYPE_CPU ? IJ_DEVICE_CPU : IJ_DEVICE_OTHER;
    i->unified_memory = number(id, CL_DEVICE_HOST_UNIFIED_MEMORY) || i->type == IJ_DEVICE_CPU;
    i->compute_units = number(id, CL_DEVICE_MAX_COMPUTE_UNITS);
    i->max_clock_mhz = number(id, CL_DEVICE_MAX_CLOCK_FREQUENCY);
    clGetDeviceInfo(id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof i->max_work_group, &i->max_work_group, NULL);
    i->global_bytes = bytes_of(id, CL_DEVICE_GLOBAL_MEM_SIZE);
    i->max_alloc_bytes = bytes_of(id, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
    i->local_bytes = bytes_of(id, CL_DEVICE_LOCAL_MEM_SIZE);
    i->vector_width = (int)number(id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT);
    read_extensions(id, i);
}
