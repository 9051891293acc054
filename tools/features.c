#include "tools/features.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ---- Choosing the images ----------------------------------------------------------------------------------------- */

/* Every class's first `limit` images, in the data set's order. */
static ij_status pick(image_set *set, int64_t limit)
{
    int64_t count = ij_dataset_count(set->dataset);
    int64_t *taken = calloc((size_t)ij_dataset_classes(set->dataset), sizeof *taken);
    set->samples = malloc((size_t)count * sizeof *set->samples);
    set->labels = malloc((size_t)count * sizeof *set->labels);
    if (!taken || !set->samples || !set->labels) {
        free(taken);
        return ij_fail(IJ_ENOMEM, "no host memory for a list of %lld images", (long long)count);
    }
    for (int64_t i = 0; i < count; i++) {
        int label = ij_dataset_label(set->dataset, i);
        if (limit > 0 && taken[label] == limit)
            continue;
        taken[label]++;
        set->samples[set->n] = i;
        set->labels[set->n++] = label;
    }
    free(taken);
    return IJ_OK;
}

ij_status image_set_open(image_set *set, const char *folder, int64_t limit, int crop)
{
    *set = (image_set){0};
    ij_status status = ij_dataset_open(&set->dataset, folder);
    if (status)
        return status;
    if (ij_dataset_classes(set->dataset) < 1)
        return ij_fail(IJ_EINVAL, "%s has no class folders: a probe needs labelled images, FOLDER/CLASS/IMAGE", folder);
    if ((status = pick(set, limit)))
        return status;
    ij_loader_config config = ij_loader_defaults();
    config.dataset = set->dataset;
    config.batch = 1; /* only ij_loader_eval is used, which takes any number */
    config.crop = crop;
    return ij_loader_open(&set->loader, &config);
}

void image_set_close(image_set *set)
{
    ij_loader_close(set->loader);
    ij_dataset_close(set->dataset);
    free(set->samples);
    free(set->labels);
    *set = (image_set){0};
}

static int class_named(const ij_dataset *dataset, const char *name)
{
    for (int i = 0; i < ij_dataset_classes(dataset); i++)
        if (strcmp(ij_dataset_class_name(dataset, i), name) == 0)
            return i;
    return -1;
}

ij_status image_set_relabel(image_set *set, const image_set *reference)
{
    int classes = ij_dataset_classes(set->dataset);
    int *number = malloc((size_t)classes * sizeof *number);
    if (!number)
        return ij_fail(IJ_ENOMEM, "no host memory for %d classes", classes);
    ij_status status = IJ_OK;
    for (int i = 0; i < classes && !status; i++) {
        const char *name = ij_dataset_class_name(set->dataset, i);
        number[i] = class_named(reference->dataset, name);
        if (number[i] < 0)
            status = ij_fail(IJ_EINVAL, "the test images have a class \"%s\" that the training images lack", name);
    }
    for (int64_t i = 0; i < set->n && !status; i++)
        set->labels[i] = number[set->labels[i]];
    free(number);
    return status;
}

/* ---- Features ---------------------------------------------------------------------------------------------------- */

/* Moves what belongs to the readable ones of `count` images from position `from` on to position `to`; returns where the
 * next belong. */
static int64_t keep_readable(image_set *set, float *features, int width, int64_t from, int64_t to, int count,
                             const bool *readable)
{
    for (int i = 0; i < count; i++) {
        if (!readable[i]) {
            set->unreadable++;
            continue;
        }
        set->samples[to] = set->samples[from + i];
        set->labels[to] = set->labels[from + i];
        memmove(features + to * width, features + (from + i) * width, (size_t)width * sizeof *features);
        to++;
    }
    return to;
}

ij_status image_set_features(image_set *set, ij_trainer *trainer, const ij_model_config *model, int batch,
                             float *features, void (*progress)(int64_t done, int64_t n))
{
    size_t image = (size_t)model->crop * (size_t)model->crop * 3;
    uint8_t *pixels = malloc((size_t)batch * image);
    bool *readable = malloc((size_t)batch * sizeof *readable);
    ij_status status =
        pixels && readable ? IJ_OK : ij_fail(IJ_ENOMEM, "no host memory for a batch of %d images", batch);
    int64_t kept = 0;
    for (int64_t done = 0; done < set->n && !status; done += batch) {
        int count = set->n - done < batch ? (int)(set->n - done) : batch;
        status = ij_loader_eval(set->loader, set->samples + done, count, model->crop, IJ_FIT_SHORTER, pixels, readable);
        if (!status)
            status = ij_trainer_features(trainer, pixels, count, features + done * model->dim);
        if (!status)
            kept = keep_readable(set, features, model->dim, done, kept, count, readable);
        if (!status)
            progress(done + count, set->n);
    }
    if (!status)
        set->n = kept;
    free(pixels);
    free(readable);
    return status;
}
