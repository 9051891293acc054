#include "engine/program.h"

#include "engine/base/try.h"
#include "engine/program_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct ij_program {
    struct ij_program *next;
    cl_program program;
    char source[64], options[IJ_KERNEL_OPTIONS];
} program_entry;

/* All of a file as text, malloc'ed. */
static ij_status read_all(const char *path, char **text)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return ij_fail(IJ_EIO, "IJEPA_CL_DIR: cannot read kernel source %s", path);
    size_t used = 0, size = (size_t)1 << 16, n = 1;
    *text = malloc(size);
    while (*text && (n = fread(*text + used, 1, size - 1 - used, file)) > 0) {
        used += n;
        if (used < size - 1)
            continue;
        char *longer = realloc(*text, size *= 2);
        if (!longer)
            free(*text);
        *text = longer;
    }
    ij_status status = *text == NULL  ? ij_fail(IJ_ENOMEM, "out of memory for kernel source %s", path)
                       : ferror(file) ? ij_fail(IJ_EIO, "IJEPA_CL_DIR: cannot read kernel source %s", path)
                       : used == 0    ? ij_fail(IJ_EIO, "kernel source %s is empty", path)
                                      : IJ_OK;
    fclose(file);
    if (!status) {
        (*text)[used] = 0;
        if (strlen(*text) != used)
            status = ij_fail(IJ_EFORMAT, "kernel source %s is no text: it holds a zero byte", path);
    }
    if (status) {
        free(*text);
        *text = NULL;
    }
    return status;
}

ij_status ij_kernel_source_read(const char *name, char **text)
{
    const char *folder = getenv("IJEPA_CL_DIR");
    *text = NULL;
    if (folder && *folder) {
        char path[4096];
        if ((size_t)snprintf(path, sizeof path, "%s/%s.cl", folder, name) >= sizeof path)
            return ij_fail(IJ_EINVAL, "IJEPA_CL_DIR: the path of kernel source %s is too long", name);
        return read_all(path, text);
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

/* The compiler's log, malloc'ed; NULL where there is none to be had. */
static char *build_log(ij_device *device, cl_program program)
{
    size_t size = 0;
    if (clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) != CL_SUCCESS || size == 0)
        return NULL;
    char *log = calloc(size + 1, 1);
    if (log && clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, size, log, NULL) != CL_SUCCESS) {
        free(log);
        log = NULL;
    }
    return log;
}

static ij_status build_failed(ij_device *device, cl_program program, const char *source, const char *options,
                              cl_int code)
{
    enum { SHOWN = 8192 }; /* a message has room for this and for what follows it; the first error says the most */
    char *log = build_log(device, program), rest[64] = "";
    size_t length = log ? strlen(log) : 0;
    if (length > SHOWN)
        snprintf(rest, sizeof rest, "\n[%zu bytes more of the log]", length - SHOWN);
    ij_status status = ij_fail(
        IJ_EBUILD,
        "%s (driver %s) does not compile cl/%s.cl with options \"%s\": %s\n%.*s%s\nUpdate the driver, or choose "
        "another device (`ijepa devices`); if that does not help, report this with the log above.",
        device->info.name, device->info.driver, source, options, ij_cl_name(code), (int)SHOWN,
        log ? log : "there is no log", rest);
    free(log);
    return status;
}

void ij_kernel_define(ij_kernel_tuning *tuning, const char *macro, int value)
{
    int i = 0;
    while (i < IJ_MOST_DEFINES && tuning->defines[i].macro)
        i++;
    tuning->defines[i] = (ij_define){macro, value};
}

void ij_kernel_align(ij_kernel_tuning *tuning, bool aligned)
{
    const ij_implementation *common = tuning->of->common;
    if (!aligned && common && !common->any_width)
        ij_kernel_define(tuning, "ALIGNED", 0);
}

static ij_status add_define(const char *define, char *options, size_t size)
{
    size_t used = strlen(options);
    if ((size_t)snprintf(options + used, size - used, " -D%s", define) < size - used)
        return IJ_OK;
    return ij_fail(IJ_EINVAL, "the build options of a kernel are longer than %zu bytes: %s", size - 1, options);
}

ij_status ij_kernel_options(const ij_tuning *t, ij_kernel_tuning tuning, char *options, size_t size)
{
    char define[IJ_KERNEL_OPTIONS];
    const char *standard = tuning.of->standard ? tuning.of->standard : "CL1.2";
    size_t used = (size_t)snprintf(options, size, "-cl-std=%s", standard);
    if (used >= size || !ij_tuning_options(t, tuning.of, tuning.shape[0], tuning.shape[1], options, size))
        return ij_fail(IJ_EINVAL, "the build options of a kernel are longer than %zu bytes: %s", size - 1, options);
    for (const ij_define *d = tuning.defines; d->macro; d++) {
        if ((size_t)snprintf(define, sizeof define, "%s=%d", d->macro, d->value) >= sizeof define)
            return ij_fail(IJ_EINVAL, "a build option of a kernel is longer than %zu bytes: %s", sizeof define - 1,
                           define);
        TRY(add_define(define, options, size));
    }
    return IJ_OK;
}

/* The files that are put before a program, one after the other; malloc'ed. */
static ij_status read_before(const ij_implementation *of, char **text)
{
    *text = calloc(1, 1);
    ij_status status = *text ? IJ_OK : ij_fail(IJ_ENOMEM, "out of memory for kernel sources");
    for (int i = 0; i < IJ_MOST_BEFORE && of->before[i] && !status; i++) {
        char *part = NULL;
        status = ij_kernel_source_read(of->before[i], &part);
        char *longer = status ? NULL : realloc(*text, strlen(*text) + strlen(part) + 1);
        if (longer)
            *text = strcat(longer, part);
        else if (!status)
            status = ij_fail(IJ_ENOMEM, "out of memory for kernel sources");
        free(part);
    }
    return status;
}

/* A file of cl/ behind those that its implementation has in common with others. */
static ij_status compile(ij_device *device, const ij_implementation *of, const char *name, const char *options,
                         cl_program *program)
{
    char *common = NULL, *body = NULL;
    ij_status status = read_before(ij_common_of(of), &common);
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

/* The program of a source, made at its first use. */
static ij_status program_of(ij_device *device, const ij_implementation *of, const char *file, const char *options,
                            cl_program *program)
{
    program_entry *entry = device->programs;
    while (entry && (strcmp(entry->source, file) != 0 || strcmp(entry->options, options) != 0))
        entry = entry->next;
    if (!entry) {
        entry = calloc(1, sizeof *entry);
        if (!entry)
            return ij_fail(IJ_ENOMEM, "out of memory for a program");
        ij_status status = compile(device, of, file, options, &entry->program);
        if (status) {
            free(entry);
            return status;
        }
        snprintf(entry->source, sizeof entry->source, "%s", file);
        snprintf(entry->options, sizeof entry->options, "%s", options);
        entry->next = device->programs;
        device->programs = entry;
    }
    *program = entry->program;
    return IJ_OK;
}

/* What a kernel takes, by what it was compiled to, against what the driver allows it. */
static bool is_allowed(ij_device *device, cl_kernel kernel, const char *name)
{
    size_t wanted[3] = {0}, allowed = 0;
    cl_ulong local = 0;
    clGetKernelWorkGroupInfo(kernel, device->id, CL_KERNEL_COMPILE_WORK_GROUP_SIZE, sizeof wanted, wanted, NULL);
    clGetKernelWorkGroupInfo(kernel, device->id, CL_KERNEL_WORK_GROUP_SIZE, sizeof allowed, &allowed, NULL);
    clGetKernelWorkGroupInfo(kernel, device->id, CL_KERNEL_LOCAL_MEM_SIZE, sizeof local, &local, NULL);
    if (allowed && wanted[0] > allowed)
        ij_fail(IJ_EBUILD, "kernel %s needs work-groups of %zu, and the driver (%s) allows it %zu", name, wanted[0],
                device->info.driver, allowed);
    else if (local > device->info.local_bytes)
        ij_fail(IJ_EBUILD, "kernel %s needs %llu bytes of local memory, and the device has %llu", name,
                (unsigned long long)local, (unsigned long long)device->info.local_bytes);
    else
        return true;
    return false;
}

/* `too_large`: whether it failed for want of what the driver allows. */
static ij_status create(ij_device *device, const char *source, ij_kernel_tuning tuning, const char *name,
                        cl_kernel *kernel, bool *too_large)
{
    char options[IJ_KERNEL_OPTIONS];
    cl_program program = NULL;
    *kernel = NULL;
    *too_large = false;
    const ij_implementation *of = tuning.of;
    const char *file = ij_source_file(of, source);
    if (!file)
        return ij_fail(IJ_EINVAL, "kernel source %s is not listed with the implementation %s of %s", source, of->name,
                       ij_group_name(of->group));
    TRY(ij_kernel_options(&device->tuning, tuning, options, sizeof options));
    if (device->info.type == IJ_DEVICE_CPU)
        TRY(add_define("CPU_DEVICE", options, sizeof options));
    TRY(program_of(device, of, file, options, &program));
    cl_int code;
    *kernel = clCreateKernel(program, name, &code);
    if (code != CL_SUCCESS) {
        *kernel = NULL;
        ij_cl_check(code, name);
        return ij_fail_in(IJ_EBUILD, "kernel of cl/%s.cl: ", file);
    }
    if (is_allowed(device, *kernel, name))
        return IJ_OK;
    clReleaseKernel(*kernel);
    *kernel = NULL;
    *too_large = true;
    return IJ_EBUILD;
}

ij_status ij_kernel_create(ij_device *device, const char *source, ij_kernel_tuning tuning, const char *name,
                           cl_kernel *kernel)
{
    bool too_large;
    return create(device, source, tuning, name, kernel, &too_large);
}

ij_status ij_kernel_create_fitting(ij_device *device, const char *source, ij_kernel_tuning tuning, const char *name,
                                   cl_kernel *kernel)
{
    bool too_large;
    ij_status status;
    do
        status = create(device, source, tuning, name, kernel, &too_large);
    while (too_large && ij_tuning_shrink(&device->tuning, tuning.of));
    return status;
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
