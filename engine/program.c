#include "engine/program.h"

#include "engine/program_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct ij_program {
    struct ij_program *next;
    cl_program program;
    char key[512]; /* source name and options */
} program_entry;

ij_status ij_kernel_source_read(const char *name, char **text)
{
    const char *folder = getenv("IJEPA_CL_DIR");
    if (folder && *folder) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s.cl", folder, name);
        FILE *file = fopen(path, "rb");
        if (!file)
            return ij_fail(IJ_EIO, "IJEPA_CL_DIR: cannot read kernel source %s", path);
        *text = calloc(1, 1 << 20);
        size_t n = *text ? fread(*text, 1, (1 << 20) - 1, file) : 0;
        fclose(file);
        if (n)
            return IJ_OK;
        free(*text);
        *text = NULL;
        return ij_fail(IJ_EIO, "kernel source %s is empty", path);
    }
    for (const ij_kernel_source *s = ij_kernel_sources; s->name; s++)
        if (strcmp(s->name, name) == 0) {
            *text = malloc(strlen(s->text) + 1);
            if (!*text)
                return ij_fail(IJ_ENOMEM, "out of memory for kernel source %s", name);
            memcpy(*text, s->text, strlen(s->text) + 1);
            return IJ_OK;
        }
    return ij_fail(IJ_EINVAL, "there is no kernel source %s", name);
}

static ij_status build_failed(ij_device *device, cl_program program, const char *source, const char *options,
                              cl_int code)
{
    static char log[8192]; /* cut, as the message is */
    log[0] = 0;
    size_t full = 0;
    clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &full);
    char *whole = full ? malloc(full + 1) : NULL;
    if (whole) {
        clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, full, whole, NULL);
        whole[full] = 0;
        snprintf(log, sizeof log, "%s", whole);
        free(whole);
    }
    return ij_fail(IJ_EBUILD,
                   "%s (driver %s) does not compile cl/%s.cl with options \"%s\": %s\n%s\nUpdate the driver, or choose "
                   "another device (`ijepa devices`); if that does not help, report this with the log above.",
                   device->info.name, device->info.driver, source, options, ij_cl_name(code), log);
}

void ij_kernel_file(ij_family family, const char *source, char *name, size_t size)
{
    snprintf(name, size, "%s%s", family == IJ_FAMILY_GPU ? "gpu_" : "", source);
}

void ij_kernel_options(const ij_tuning *t, ij_kernel_tuning tuning, char *options, size_t size)
{
    snprintf(options, size, "-cl-std=CL1.2");
    ij_tuning_options(t, tuning.group, tuning.shape[0], tuning.shape[1], options, size);
    size_t used = strlen(options);
    if (tuning.define)
        snprintf(options + used, size - used, " -D%s=%d", tuning.define, tuning.value);
}

static ij_status compile(ij_device *device, const char *source, const char *options, cl_program *program)
{
    char *common = NULL, *body = NULL;
    char first[64], name[64];
    ij_kernel_file(device->tuning.family, "common", first, sizeof first);
    ij_kernel_file(device->tuning.family, source, name, sizeof name);
    ij_status status = ij_kernel_source_read(first, &common);
    if (!status)
        status = ij_kernel_source_read(name, &body);
    if (status)
        goto done;
    uint64_t key[2];
    ij_program_cache_key(device, common, body, options, key);
    if (ij_program_cache_load(device, key, options, program))
        goto done;
    const char *parts[] = {common, body};
    cl_int code;
    *program = clCreateProgramWithSource(device->context, 2, parts, NULL, &code);
    if (code == CL_SUCCESS) {
        code = clBuildProgram(*program, 1, &device->id, options, NULL, NULL);
        if (code != CL_SUCCESS) {
            status = build_failed(device, *program, name, options, code);
            clReleaseProgram(*program);
            goto done;
        }
    } else {
        status = ij_cl_check(code, "creating a program");
        goto done;
    }
    ij_program_cache_store(device, key, *program);
done:
    free(common);
    free(body);
    return status;
}

ij_status ij_kernel_create(ij_device *device, const char *source, ij_kernel_tuning tuning, const char *name,
                           cl_kernel *kernel)
{
    char full[448], key[512];
    ij_kernel_options(&device->tuning, tuning, full, sizeof full);
    if (device->info.type == IJ_DEVICE_CPU)
        snprintf(full + strlen(full), sizeof full - strlen(full), " -DCPU_DEVICE");
    snprintf(key, sizeof key, "%s %s", source, full);
    program_entry *entry = device->programs;
    while (entry && strcmp(entry->key, key) != 0)
        entry = entry->next;
    if (!entry) {
        entry = calloc(1, sizeof *entry);
        if (!entry)
            return ij_fail(IJ_ENOMEM, "out of memory for a program");
        ij_status status = compile(device, source, full, &entry->program);
        if (status) {
            free(entry);
            return status;
        }
        memcpy(entry->key, key, sizeof key);
        entry->next = device->programs;
        device->programs = entry;
    }
    cl_int code;
    *kernel = clCreateKernel(entry->program, name, &code);
    if (code != CL_SUCCESS) {
        *kernel = NULL;
        ij_cl_check(code, name);
        return ij_fail_in(IJ_EBUILD, "kernel of cl/%s.cl: ", source);
    }
    return IJ_OK;
}

void ij_program_release_all(ij_device *device)
{
    while (device->programs) {
        program_entry *next = device->programs->next;
        clReleaseProgram(device->programs->program);
        free(device->programs);
        device->programs = next;
    }
}
