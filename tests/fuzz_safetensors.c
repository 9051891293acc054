/* libFuzzer target: any bytes as a safetensors file. What is accepted lies within the file and can be read. */
#include "engine/files/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static volatile size_t sink; /* keeps the reading from being left out */

static void use(ij_safetensors *file, size_t size)
{
    static const char *const keys[] = {"format", "config"};
    uint64_t total = 0;
    ij_status checked = ij_safetensors_check_begin(file);
    if (checked && checked != IJ_EFORMAT)
        abort();
    for (int i = 0; i < ij_safetensors_count(file); i++) {
        const ij_st_tensor *t = ij_safetensors_at(file, i);
        total += t->bytes;
        if (t->bytes > size || ij_safetensors_find(file, t->name) != t)
            abort();
        char *data = malloc(t->bytes + 1);
        float *values = malloc((t->bytes / 2 + 1) * sizeof *values);
        if (!data || !values || ij_safetensors_read(file, t, data))
            abort();
        if (ij_dtype_is_float(t->dtype) && ij_safetensors_read_floats(file, t, values))
            abort();
        free(data);
        free(values);
    }
    checked = ij_safetensors_check_end(file);
    if (checked && checked != IJ_EFORMAT)
        abort();
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *value = ij_safetensors_metadata(file, keys[i]);
        sink = value ? strlen(value) : 0;
    }
    if (total > size)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static char path[256];
    static int descriptor = -1;
    ij_safetensors *file;
    if (descriptor < 0) {
        const char *folder = getenv("TMPDIR");
        snprintf(path, sizeof path, "%s/fuzz-safetensors-XXXXXX", folder ? folder : "/tmp");
        descriptor = mkstemp(path);
    }
    if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, bytes, size, 0) != (ssize_t)size)
        abort();
    if (!ij_safetensors_open(&file, path))
        use(file, size);
    else if (file)
        abort();
    ij_safetensors_close(file);
    return 0;
}
