#include "engine/program_cache.h"

#include "engine/base/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

void ij_program_cache_key(const ij_device *device, const char *common, const char *body, const char *options,
                          uint64_t key[2])
{
    char platform[256] = "";
    clGetPlatformInfo(device->platform, CL_PLATFORM_VERSION, sizeof platform - 1, platform, NULL);
    const char *parts[] = {common,  body, options, device->info.name, device->info.driver, device->info.version,
                           platform};
    key[0] = 1;
    key[1] = 2;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (int k = 0; k < 2; k++)
            key[k] = XXH64(parts[i], strlen(parts[i]) + 1, key[k]);
}

static bool file_name(char *path, size_t size, const uint64_t key[2])
{
    char name[40];
    snprintf(name, sizeof name, "%016llx%016llx.bin", (unsigned long long)key[0], (unsigned long long)key[1]);
    return ij_cache_path(path, size, "", name);
}

bool ij_program_cache_load(ij_device *device, const uint64_t key[2], const char *options, cl_program *program)
{
    char path[3200];
    if (!file_name(path, sizeof path, key))
        return false;
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    bool loaded = false;
    unsigned char *binary = NULL;
    uint64_t check = 0;
    struct stat s;
    if (fstat(fileno(file), &s) != 0 || s.st_size <= (off_t)sizeof check)
        goto done;
    size_t size = (size_t)s.st_size - sizeof check;
    binary = malloc(size);
    if (!binary || fread(&check, sizeof check, 1, file) != 1 || fread(binary, 1, size, file) != size ||
        XXH64(binary, size, key[0]) != check)
        goto done;
    cl_int code, binary_code;
    *program = clCreateProgramWithBinary(device->context, 1, &device->id, &size, (const unsigned char **)&binary,
                                         &binary_code, &code);
    if (code != CL_SUCCESS || binary_code != CL_SUCCESS) {
        if (code == CL_SUCCESS)
            clReleaseProgram(*program);
        goto done;
    }
    loaded = clBuildProgram(*program, 1, &device->id, options, NULL, NULL) == CL_SUCCESS;
    if (!loaded)
        clReleaseProgram(*program);
done:
    free(binary);
    fclose(file);
    return loaded;
}

void ij_program_cache_store(ij_device *device, const uint64_t key[2], cl_program program)
{
    char path[3200];
    ij_cache_file out;
    size_t size = 0;
    if (!file_name(path, sizeof path, key) ||
        clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL) != CL_SUCCESS || size == 0)
        return;
    unsigned char *binary = malloc(size);
    if (!binary)
        return;
    if (clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL) == CL_SUCCESS &&
        ij_cache_begin(&out, path)) {
        uint64_t check = XXH64(binary, size, key[0]);
        ij_cache_end(&out, fwrite(&check, sizeof check, 1, out.file) == 1 && fwrite(binary, 1, size, out.file) == size);
    }
    free(binary);
    (void)device;
}
