#include "tests/fuzz_model.h"

#include "engine/files/model_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile size_t sink; /* keeps the reading from being left out */

void fuzz_read_model(const char *path, size_t size)
{
    static const char *const keys[] = {"seed", "config"};
    ij_model_file *file;
    if (ij_model_file_open(&file, path)) {
        if (file)
            abort();
        return;
    }
    ij_status checked = ij_model_file_check_begin(file);
    if (checked && checked != IJ_EFORMAT)
        abort();
    for (int i = 0; i < ij_model_file_count(file); i++) {
        const ij_model_tensor *t = ij_model_file_at(file, i);
        if (t->elements < 1 || (size_t)t->elements > size || ij_model_file_find(file, t->name) != t)
            abort();
        float *values = malloc((size_t)t->elements * sizeof *values);
        if (!values || ij_model_file_read(file, t, values))
            abort();
        free(values);
    }
    checked = ij_model_file_check_end(file);
    if (checked && checked != IJ_EFORMAT)
        abort();
    for (int i = 0; i < ij_model_file_notes(file); i++)
        sink = strlen(ij_model_file_note(file, i));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *value = ij_model_file_metadata(file, keys[i]);
        sink = value ? strlen(value) : 0;
    }
    ij_model_file_close(file);
}

void fuzz_store(const char *path, const char *name, const void *bytes, size_t size)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", path, name);
    FILE *f = fopen(full, "wb");
    if (!f || (size && fwrite(bytes, 1, size, f) != size) || fclose(f) != 0)
        abort();
}

const char *fuzz_folder(const char *name)
{
    static char path[256];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/%s-XXXXXX", folder ? folder : "/tmp", name);
    if (!mkdtemp(path))
        abort();
    return path;
}
