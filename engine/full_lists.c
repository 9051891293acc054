#include "engine/full_lists.h"

#include "engine/base/try.h"

#include <stdlib.h>

ij_status ij_full_lists_plan(ij_full_lists *l, int images, int patches, ij_plan *plan)
{
    int64_t tokens = (int64_t)images * patches;
    *l = (ij_full_lists){.images = images, .patches = patches};
    TRY(ij_plan_add(plan, "tables", IJ_I32, tokens, &l->image));
    TRY(ij_plan_add(plan, "tables", IJ_I32, tokens, &l->patch));
    return ij_plan_add(plan, "tables", IJ_I32, images + 1, &l->offset);
}

static ij_status upload(ij_device *device, cl_mem to, const int32_t *list, int count)
{
    size_t bytes = (size_t)count * sizeof *list;
    return ij_cl_check(clEnqueueWriteBuffer(device->compute, to, CL_TRUE, 0, bytes, list, 0, NULL, NULL),
                       "uploading a list");
}

ij_status ij_full_lists_fill(const ij_full_lists *l, ij_device *device)
{
    int tokens = l->images * l->patches;
    int32_t *lists = malloc(((size_t)tokens * 2 + (size_t)l->images + 1) * sizeof *lists);
    if (!lists)
        return ij_fail(IJ_ENOMEM, "out of memory for the lists of whole images");
    int32_t *image = lists, *patch = lists + tokens, *offset = lists + 2 * tokens;
    for (int i = 0; i < tokens; i++) {
        image[i] = i / l->patches;
        patch[i] = i % l->patches;
    }
    for (int i = 0; i <= l->images; i++)
        offset[i] = i * l->patches;
    ij_status status = upload(device, l->image, image, tokens);
    if (!status)
        status = upload(device, l->patch, patch, tokens);
    if (!status)
        status = upload(device, l->offset, offset, l->images + 1);
    free(lists);
    return status;
}
