/* Our own checkpoints: safetensors with the official names and, in the metadata, what the run was. Files with these
 * names and no metadata are models of somebody's own, and as good. */
#include "engine/files/model_file_kind.h"
#include "engine/files/model_metadata.h"

static ij_status read_own(void *state, int source, const ij_model_tensor *tensor, float *values)
{
    (void)tensor;
    return ij_safetensors_read_floats(state, ij_safetensors_at(state, source), values);
}

static const char *metadata_own(const void *state, const char *key)
{
    return ij_safetensors_metadata(state, key);
}

static ij_safetensors *whole_own(void *state)
{
    return state;
}

static void close_own(void *state)
{
    ij_safetensors_close(state);
}

ij_status ij_model_open_own(ij_model_file *file, ij_safetensors *opened)
{
    static const ij_model_reader reader = {
        .read = read_own, .metadata = metadata_own, .whole = whole_own, .close = close_own};
    file->reader = &reader;
    file->state = opened;
    file->info.kind = IJ_MODEL_FILE_OWN;
    ij_status status = ij_model_metadata_read(file);
    for (int i = 0; i < ij_safetensors_count(opened) && !status; i++) {
        const ij_st_tensor *t = ij_safetensors_at(opened, i);
        status = ij_model_file_offer(file, t->name, t->dtype, t->dims, t->shape, i);
    }
    return status;
}
