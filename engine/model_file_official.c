#include "engine/model_file_kind.h"

ij_status ij_model_open_official(ij_model_file *file)
{
    return ij_fail(IJ_EFORMAT, "%s: a PyTorch file, which cannot be read", file->path);
}
