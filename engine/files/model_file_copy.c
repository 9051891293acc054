#include "engine/files/model_file_copy.h"

#include "engine/files/model_metadata.h"

#include <stdlib.h>
#include <string.h>

/* Announces every tensor; *largest is the most elements that one has. */
static ij_status start(const ij_model_file *file, const char *path, ij_st_writer **writer, int64_t *largest)
{
    int count = ij_model_file_count(file);
    ij_st_entry *entries = calloc((size_t)count + 1, sizeof *entries);
    if (!entries)
        return ij_fail(IJ_ENOMEM, "%s: no memory to list %d tensors", path, count);
    *largest = 0;
    for (int i = 0; i < count; i++) {
        const ij_model_tensor *t = ij_model_file_at(file, i);
        entries[i] = (ij_st_entry){.name = t->name, .dtype = IJ_F32, .dims = t->dims};
        memcpy(entries[i].shape, t->shape, sizeof t->shape);
        *largest = t->elements > *largest ? t->elements : *largest;
    }
    ij_model_metadata metadata;
    ij_model_metadata_of(&metadata, file);
    ij_status status =
        ij_safetensors_create(writer, path, entries, count, (const char *const(*)[2])metadata.pair, metadata.count);
    free(entries);
    return status;
}

ij_status ij_model_file_copy(ij_model_file *file, const char *path)
{
    ij_st_writer *writer = NULL;
    int64_t largest;
    ij_status status = start(file, path, &writer, &largest);
    if (status)
        return status;
    float *values = malloc((size_t)largest * sizeof *values);
    if (!values)
        status = ij_fail(IJ_ENOMEM, "%s: no memory for a tensor of %lld floats", path, (long long)largest);
    for (int i = 0; i < ij_model_file_count(file) && !status; i++) {
        const ij_model_tensor *t = ij_model_file_at(file, i);
        status = ij_model_file_read(file, t, values);
        if (!status)
            status = ij_safetensors_write(writer, values, (size_t)t->elements * sizeof *values);
    }
    free(values);
    if (status) {
        ij_safetensors_abandon(writer);
        return status;
    }
    return ij_safetensors_finish(writer);
}
