#include "engine/device.h"

#include "engine/device_info.h"
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
            ij_device_info_read(f->platform, f->id, (*count)++, &f->info);
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

/* What implementations go by, or environment variables say that they do. */
static ij_status start_tuning(ij_device *d)
{
    const char *words = getenv("IJEPA_IMPL");
    ij_tuning_start(&d->tuning, &d->info);
    const char *why = words ? ij_tuning_take(&d->tuning, words) : NULL;
    return why ? ij_fail(IJ_EINVAL, "environment variable IJEPA_IMPL=\"%s\": %s", words, why) : IJ_OK;
}

/* The native width of vectors, or what IJEPA_VECTOR_WIDTH says that it is. */
static ij_status forced_width(int *width)
{
    static const char *const known[] = {"4", "8", "16"};
    const char *forced = getenv("IJEPA_VECTOR_WIDTH");
    if (!forced || !*forced)
        return IJ_OK;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(forced, known[i]) == 0) {
            *width = atoi(known[i]);
            return IJ_OK;
        }
    return ij_fail(IJ_EINVAL, "environment variable IJEPA_VECTOR_WIDTH is 4, 8 or 16, not \"%s\"", forced);
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
    ij_pace pace;
    bool discrete;
    status = forced_memory(&discrete);
    if (!status)
        status = ij_pace_start(&pace);
    if (!status)
        status = forced_width(&all[index].info.vector_width);
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
    d->pace = pace;
    free(all);
    status = start_tuning(d);
    if (status) {
        ij_device_close(d);
        return status;
    }

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
