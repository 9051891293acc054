/* Model files of any kind: opening one, and what it holds. */
#include "engine/files/model_file.h"
#include "frontend/library/growing.h"
#include "frontend/library/handles.h"

ijepa_status ijepa_model_open(ijepa_model **model, const char *path)
{
    ij_model_file *file;
    *model = NULL;
    ij_status status = ij_model_file_open(&file, path);
    if (!status)
        *model = (ijepa_model *)file;
    return (ijepa_status)status;
}

void ijepa_model_close(ijepa_model *model)
{
    ij_model_file_close(ij_model_of(model));
}

ijepa_status ijepa_model_describe(const ijepa_model *model, ijepa_model_info *info)
{
    const ij_model_file_info *file = ij_model_file_describe((const ij_model_file *)model);
    const ij_model_config *m = &file->model;
    ijepa_model_info known = {.image_size = m->crop,
                              .patch_size = m->patch,
                              .width = m->dim,
                              .depth = m->depth,
                              .heads = m->heads,
                              .has_context = file->encoder,
                              .has_target = file->target_encoder,
                              .epoch = file->epoch,
                              .step = file->iteration};
    return (ijepa_status)ij_growing_fill(info, &known, sizeof known);
}
