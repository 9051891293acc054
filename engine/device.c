#include "engine/device.h"

#include "engine/opencl.h"
#include "engine/program.h"
#include "engine/tuning_db.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTHING_THERE                                                                                                  \
    "no OpenCL device found: install your vendor's driver, or pocl-opencl-icd (Debian) to compute on the CPU; "        \
    "`clinfo -l` lists what the system offers"

typedef struct found {
    cl_platform_id platform;
    cl_device_id id;
    ij_device_info info;
} found;

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

static void describe(found *f, int index)
{
    ij_device_info *i = &f->info;
    memset(i, 0, sizeof *i);
    i->index = index;
    text(f->id, CL_DEVICE_NAME, i->name, sizeof i->name);
    text(f->id, CL_DEVICE_VENDOR, i->vendor, sizeof i->vendor);
    text(f->id, CL_DRIVER_VERSION, i->driver, sizeof i->driver);
    text(f->id, CL_DEVICE_VERSION, i->version, sizeof i->version);
    clGetPlatformInfo(f->platform, CL_PLATFORM_NAME, sizeof i->platform - 1, i->platform, NULL);
    cl_device_type type = 0;
    clGetDeviceInfo(f->id, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    i->type = type & CL_DEVICE_TYPE_GPU ? IJ_DEVICE_GPU : type & CL_DEVICE_TYPE_CPU ? IJ_DEVICE_CPU : IJ_DEVICE_OTHER;
    cl_bool unified = CL_FALSE;
    clGetDeviceInfo(f->id, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof unified, &unified, NULL);
    i->unified_memory = unified || i->type == IJ_DEVICE_CPU;
    cl_uint units = 0, clock = 0;
    clGetDeviceInfo(f->id, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL);
    clGetDeviceInfo(f->id, CL_DEVICE_MAX_CLOCK_FREQUENCY, sizeof clock, &clock, NULL);
    i->compute_units = units;
    i->max_clock_mhz = clock;
    clGetDeviceInfo(f->id, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof i->max_work_group, &i->max_work_group, NULL);
    cl_ulong bytes = 0;
    clGetDeviceInfo(f->id, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof bytes, &bytes, NULL);
    i->global_bytes = bytes;
    clGetDeviceInfo(f->id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof bytes, &bytes, NULL);
    i->max_alloc_bytes = bytes;
    clGetDeviceInfo(f->id, CL_DEVICE_LOCAL_MEM_SIZE, sizeof bytes, &bytes, NULL);
    i->local_bytes = bytes;
}

/* All devices in the loader's order, malloc'ed. */
static ij_status find_all(found **list, int *count)
{
    cl_platform_id platforms[32];
    cl_uint n_platforms = 0;
    *list = NULL;
    *count = 0;
    if (clGetPlatformIDs(32, platforms, &n_platforms) != CL_SUCCESS || n_platforms == 0)
        return ij_fail(IJ_EDEVICE, NOTHING_THERE);
    for (cl_uint p = 0; p < n_platforms && p < 32; p++) {
        cl_device_id ids[64];
        cl_uint n = 0;
        if (clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, 64, ids, &n) != CL_SUCCESS)
            continue;
        if (n > 64)
            n = 64;
        found *longer = realloc(*list, (size_t)(*count + (int)n) * sizeof **list);
        if (!longer) {
            free(*list);
            return ij_fail(IJ_ENOMEM, "out of memory while listing OpenCL devices");
        }
        *list = longer;
        for (cl_uint d = 0; d < n; d++) {
            found *f = &longer[*count];
            f->platform = platforms[p];
            f->id = ids[d];
            describe(f, (*count)++);
        }
    }
    if (*count == 0) {
        free(*list);
        *list = NULL;
        return ij_fail(IJ_EDEVICE, NOTHING_THERE);
    }
    return IJ_OK;
}

ij_status ij_device_list(ij_device_info **list, int *count)
{
    found *all;
    ij_status status = find_all(&all, count);
    if (status)
        return status;
    *list = malloc((size_t)*count * sizeof **list);
    if (!*list) {
        free(all);
        return ij_fail(IJ_ENOMEM, "out of memory while listing OpenCL devices");
    }
    for (int i = 0; i < *count; i++)
        (*list)[i] = all[i].info;
    free(all);
    return IJ_OK;
}

static int contains(const char *text_, const char *part)
{
    size_t n = strlen(part);
    for (; *text_; text_++) {
        size_t i = 0;
        while (i < n && tolower((unsigned char)text_[i]) == tolower((unsigned char)part[i]))
            i++;
        if (i == n)
            return 1;
    }
    return 0;
}

/* The index of the device that `choice` names, or -1. */
static int choose(const found *all, int count, const char *choice)
{
    if (!choice || !*choice) {
        for (int i = 0; i < count; i++)
            if (all[i].info.type == IJ_DEVICE_GPU)
                return i;
        return 0;
    }
    char *end;
    long index = strtol(choice, &end, 10);
    if (*end == 0)
        return index >= 0 && index < count ? (int)index : -1;
    int type = contains("gpu", choice) && strlen(choice) == 3   ? IJ_DEVICE_GPU
               : contains("cpu", choice) && strlen(choice) == 3 ? IJ_DEVICE_CPU
                                                                : -1;
    for (int i = 0; i < count; i++)
        if (type >= 0 ? (int)all[i].info.type == type
                      : contains(all[i].info.name, choice) || contains(all[i].info.platform, choice))
            return i;
    return -1;
}

/* The sum of the sub-group sizes that kernels may ask for; 0 where they cannot (extension
 * cl_intel_required_subgroup_size). */
static unsigned sub_groups(cl_device_id id)
{
    enum { SIZES = 0x4108 }; /* CL_DEVICE_SUB_GROUP_SIZES_INTEL */
    static const char extension[] = "cl_intel_required_subgroup_size";
    char names[16384] = "";
    size_t sizes[8] = {0}, bytes = 0;
    unsigned sum = 0;
    if (clGetDeviceInfo(id, CL_DEVICE_EXTENSIONS, sizeof names - 1, names, NULL) != CL_SUCCESS ||
        !strstr(names, extension) || clGetDeviceInfo(id, SIZES, sizeof sizes, sizes, &bytes) != CL_SUCCESS)
        return 0;
    for (size_t i = 0; i < bytes / sizeof *sizes; i++)
        sum |= (unsigned)sizes[i];
    return sum;
}

/* The native width of the device's vectors in floats, or what IJEPA_VECTOR_WIDTH says that it is. */
static ij_status vector_width(cl_device_id id, int *width)
{
    static const char *const known[] = {"4", "8", "16"};
    const char *forced = getenv("IJEPA_VECTOR_WIDTH");
    cl_uint native = 0;
    clGetDeviceInfo(id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof native, &native, NULL);
    *width = (int)native;
    if (!forced || !*forced)
        return IJ_OK;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(forced, known[i]) == 0) {
            *width = atoi(known[i]);
            return IJ_OK;
        }
    return ij_fail(IJ_EINVAL, "environment variable IJEPA_VECTOR_WIDTH is 4, 8 or 16, not \"%s\"", forced);
}

/* The family by the kind of device, and its default parameters; the tuning database refines them. The GPU family needs
 * work-groups of 64. */
static ij_status default_tuning(const found *f, ij_tuning *tuning)
{
    ij_family family = f->info.type == IJ_DEVICE_GPU && f->info.max_work_group >= 64 ? IJ_FAMILY_GPU : IJ_FAMILY_CPU;
    const char *forced = getenv("IJEPA_FAMILY");
    if (forced && *forced) {
        if (strcmp(forced, "gpu") != 0 && strcmp(forced, "cpu") != 0)
            return ij_fail(IJ_EINVAL, "environment variable IJEPA_FAMILY is cpu or gpu, not \"%s\"", forced);
        family = *forced == 'g' ? IJ_FAMILY_GPU : IJ_FAMILY_CPU;
    }
    int width;
    ij_status status = vector_width(f->id, &width);
    if (status)
        return status;
    *tuning = ij_tuning_default(family, width);
    ij_tuning_fit(tuning, f->info.vendor, f->info.max_work_group, (size_t)f->info.local_bytes, sub_groups(f->id));
    return IJ_OK;
}

/* Whether the device is to be treated as one with memory of its own. */
static ij_status forced_memory(bool *discrete)
{
    const char *forced = getenv("IJEPA_MEMORY");
    *discrete = forced && strcmp(forced, "discrete") == 0;
    if (!forced || !*forced || *discrete)
        return IJ_OK;
    return ij_fail(IJ_EINVAL, "environment variable IJEPA_MEMORY is discrete or not set, not \"%s\"", forced);
}

static ij_status no_match(const found *all, int count, const char *choice)
{
    char list[4096] = "";
    size_t used = 0;
    for (int i = 0; i < count && used < sizeof list - 600; i++) {
        int n = snprintf(list + used, sizeof list - used, "\n  %d: %s (%s)", i, all[i].info.name, all[i].info.platform);
        used += (size_t)n;
    }
    return ij_fail(IJ_EINVAL, "no OpenCL device matches \"%s\"; there are:%s", choice, list);
}

ij_status ij_device_open(ij_device **device, const char *choice)
{
    *device = NULL;
    if (!choice || !*choice)
        choice = getenv("IJEPA_DEVICE");
    found *all;
    int count;
    ij_status status = find_all(&all, &count);
    if (status)
        return status;
    int index = choose(all, count, choice);
    if (index < 0) {
        status = no_match(all, count, choice);
        free(all);
        return status;
    }
    ij_tuning tuning;
    ij_pace pace;
    bool discrete;
    status = forced_memory(&discrete);
    if (!status)
        status = ij_pace_start(&pace, all[index].info.type);
    if (!status)
        status = default_tuning(&all[index], &tuning);
    if (status) {
        free(all);
        return status;
    }
    ij_device *d = calloc(1, sizeof *d);
    if (!d) {
        free(all);
        return ij_fail(IJ_ENOMEM, "out of memory while opening a device");
    }
    d->info = all[index].info;
    d->info.unified_memory = d->info.unified_memory && !discrete;
    d->platform = all[index].platform;
    d->id = all[index].id;
    d->tuning = tuning;
    d->pace = pace;
    free(all);

    cl_int code;
    cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)d->platform, 0};
    d->context = clCreateContext(properties, 1, &d->id, NULL, NULL, &code);
    if (code == CL_SUCCESS)
        d->compute = clCreateCommandQueue(d->context, d->id, CL_QUEUE_PROFILING_ENABLE, &code);
    if (code == CL_SUCCESS)
        d->transfer = clCreateCommandQueue(d->context, d->id, CL_QUEUE_PROFILING_ENABLE, &code);
    if (code != CL_SUCCESS) {
        status = ij_cl_check(code, "opening the device");
        ij_fail_in(status, "%s: ", d->info.name);
        ij_device_close(d);
        return status;
    }
    ij_tuning_db_load(d);
    *device = d;
    return IJ_OK;
}

void ij_device_close(ij_device *device)
{
    if (!device)
        return;
    ij_program_release_all(device);
    ij_pace_end(&device->pace);
    for (int i = 0; i < device->record_count; i++)
        if (device->records[i].event)
            clReleaseEvent(device->records[i].event);
    free(device->records);
    free(device->tuning.tuned);
    free(device->clblast);
    free(device->notes);
    if (device->transfer)
        clReleaseCommandQueue(device->transfer);
    if (device->compute)
        clReleaseCommandQueue(device->compute);
    if (device->context)
        clReleaseContext(device->context);
    free(device);
}

const ij_device_info *ij_device_describe(const ij_device *device)
{
    return &device->info;
}

const char *ij_device_notes(const ij_device *device)
{
    return device->notes ? device->notes : "";
}
