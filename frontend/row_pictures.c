#include "frontend/row_pictures.h"

#include "engine/base/try.h"
#include "frontend/features.h"
#include "frontend/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 16 };

typedef struct pictures {
    uint8_t *pixels;  /* [count, size, size, 3] */
    int64_t *samples; /* [count] the data set's sample that each shows; -1: none */
    int count;
    size_t bytes; /* of one */
} pictures;

static ij_status take(void *context, const ij_features_batch *batch)
{
    pictures *p = context;
    for (int i = 0; i < batch->images; i++)
        for (int k = 0; k < p->count; k++)
            if (p->samples[k] == batch->samples[i])
                memcpy(p->pixels + (size_t)k * p->bytes, batch->pixels + (size_t)i * p->bytes, p->bytes);
    return IJ_OK;
}

static ij_status read_pictures(pictures *p, const ij_dataset *dataset, int size)
{
    int64_t *samples = malloc((size_t)p->count * sizeof *samples), count = 0;
    if (!samples)
        return ij_fail(IJ_ENOMEM, "no memory for a list of %d images", p->count);
    for (int k = 0; k < p->count; k++)
        if (p->samples[k] >= 0)
            samples[count++] = p->samples[k];
    ij_status status = IJ_OK;
    if (count)
        status = ij_features_run(&(ij_features_job){.dataset = dataset,
                                                    .samples = samples,
                                                    .count = count,
                                                    .size = size,
                                                    .batch = BATCH,
                                                    .quiet = true,
                                                    .take = take,
                                                    .taker = p},
                                 NULL);
    free(samples);
    return status;
}

/* A path that was relative to the folder where the features were made; "", which names nothing, where it is too long.
 */
static void from_there(char joined[PATH_MAX], const ij_features_origin *origin, const char *path)
{
    if (*path == '/')
        snprintf(joined, PATH_MAX, "%s", path);
    else if (snprintf(joined, PATH_MAX, "%s/%s", origin->folder, path) >= PATH_MAX)
        *joined = 0;
}

static ij_status find_samples(pictures *p, const ij_features_origin *origin, const char *const *paths,
                              const ij_dataset *dataset)
{
    char(*wanted)[PATH_MAX] = malloc((size_t)p->count * sizeof *wanted), path[PATH_MAX];
    if (!wanted)
        return ij_fail(IJ_ENOMEM, "no memory for the paths of %d images", p->count);
    for (int k = 0; k < p->count; k++) {
        p->samples[k] = -1;
        *wanted[k] = 0;
        if (paths[k])
            from_there(wanted[k], origin, paths[k]);
    }
    for (int64_t i = 0; i < ij_dataset_count(dataset); i++) {
        ij_dataset_path(dataset, i, path, sizeof path);
        for (int k = 0; k < p->count; k++)
            if (!strcmp(path, wanted[k]))
                p->samples[k] = i;
    }
    for (int k = 0; k < p->count; k++)
        if (*wanted[k] && p->samples[k] < 0)
            ij_complain("note: there is no picture of it, it is no longer there: %s", wanted[k]);
    free(wanted);
    return IJ_OK;
}

ij_status ij_row_pictures(const ij_features_origin *origin, const char *const *paths, int count, int size,
                          uint8_t *pixels)
{
    char where[PATH_MAX];
    ij_dataset *dataset;
    pictures p = {.pixels = pixels, .count = count, .bytes = (size_t)size * (size_t)size * 3};
    from_there(where, origin, origin->images);
    TRY(ij_dataset_open(&dataset, where));
    p.samples = malloc((size_t)count * sizeof *p.samples);
    ij_status status = p.samples ? IJ_OK : ij_fail(IJ_ENOMEM, "no memory for a list of %d images", count);
    if (!status)
        status = find_samples(&p, origin, paths, dataset);
    if (!status)
        status = read_pictures(&p, dataset, size);
    free(p.samples);
    ij_dataset_close(dataset);
    return status;
}

ij_status ij_file_picture(const char *path, int size, uint8_t *pixels)
{
    ij_dataset *dataset;
    int64_t sample = 0;
    pictures p = {.pixels = pixels, .samples = &sample, .count = 1, .bytes = (size_t)size * (size_t)size * 3};
    TRY(ij_dataset_open_image(&dataset, path));
    ij_status status = read_pictures(&p, dataset, size);
    ij_dataset_close(dataset);
    return status;
}
