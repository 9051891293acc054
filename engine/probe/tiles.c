#include "engine/probe/tiles.h"

#include "engine/launch.h"

#include <stdlib.h>

ij_status ij_tiles_plan(ij_tiles *t, ij_plan *plan, int64_t rows, int width, int each)
{
    *t = (ij_tiles){.rows = rows, .width = width, .each = each, .count = ij_ceil_div(rows, each)};
    t->tile = calloc((size_t)t->count + 1, sizeof *t->tile);
    if (!t->tile)
        return ij_fail(IJ_ENOMEM, "no host memory for a list of features");
    ij_status status = IJ_OK;
    for (int i = 0; i < t->count && !status; i++)
        status = ij_plan_add(plan, "features", IJ_F32, (int64_t)each * width, &t->tile[i]);
    return status;
}

void ij_tiles_free(ij_tiles *t)
{
    free(t->tile);
    *t = (ij_tiles){0};
}

ij_status ij_tiles_fill(const ij_tiles *t, ij_device *device, ij_tiles_row *row, const void *source)
{
    float *buffer = malloc((size_t)t->each * (size_t)t->width * sizeof *buffer);
    ij_status status = buffer ? IJ_OK : ij_fail(IJ_ENOMEM, "no host memory for %d feature vectors", t->each);
    for (int i = 0; i < t->count && !status; i++) {
        int rows = ij_tiles_rows(t, i);
        for (int r = 0; r < rows; r++)
            row(source, (int64_t)i * t->each + r, buffer + (size_t)r * (size_t)t->width);
        status =
            ij_cl_check(clEnqueueWriteBuffer(device->compute, t->tile[i], CL_TRUE, 0,
                                             (size_t)rows * (size_t)t->width * sizeof *buffer, buffer, 0, NULL, NULL),
                        "uploading features");
    }
    free(buffer);
    return status;
}
