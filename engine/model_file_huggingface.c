#include "engine/model_file_kind.h"

bool ij_model_is_huggingface(const ij_safetensors *opened)
{
    static const char patch[] = "embeddings.patch_embeddings.projection.weight";
    return ij_safetensors_find(opened, patch) != NULL;
}

ij_status ij_model_open_huggingface(ij_model_file *file, ij_safetensors *opened)
{
    ij_safetensors_close(opened);
    return ij_fail(IJ_EFORMAT, "%s: a Hugging Face model, which cannot be read", file->path);
}
