#include "frontend/feature_watch.h"

#include "engine/base/try.h"
#include "frontend/feature_colours.h"
#include "frontend/feature_sheet.h"
#include "frontend/features.h"

#include <stdlib.h>
#include <string.h>

enum { IMAGES = 12, BATCH = 4 };

struct ij_feature_watch {
    ij_encoder *encoder;
    int images, crop, patches;
    uint8_t *pixels;  /* [images, S, S, 3] */
    float *features;  /* [images, N, D] */
    uint8_t *colours; /* [images, N, 3] */
};

static ij_status keep(void *taker, const ij_features_batch *batch)
{
    ij_feature_watch *w = taker;
    size_t image = (size_t)w->crop * (size_t)w->crop * 3;
    memcpy(w->pixels + (size_t)w->images * image, batch->pixels, (size_t)batch->images * image);
    w->images += batch->images;
    return IJ_OK;
}

static ij_status read_images(ij_feature_watch *w, const ij_config *config, const ij_dataset *dataset)
{
    int64_t samples[IMAGES], count = ij_dataset_count(dataset);
    int wanted = count < IMAGES ? (int)count : IMAGES;
    for (int i = 0; i < wanted; i++)
        samples[i] = (2 * i + 1) * count / (2 * wanted); /* the middles of as many parts */
    const ij_features_job job = {.dataset = dataset,
                                 .samples = samples,
                                 .count = wanted,
                                 .size = w->crop,
                                 .batch = IMAGES,
                                 .workers = config->data.num_workers,
                                 .max_pixels = config->data.max_pixels,
                                 .quiet = true,
                                 .take = keep,
                                 .taker = w};
    return ij_features_run(&job, NULL);
}

static ij_status open_watch(ij_feature_watch *w, const ij_config *config, const ij_dataset *dataset,
                            ij_trainer *trainer)
{
    const ij_model_config *m = ij_trainer_model(trainer);
    w->crop = m->crop;
    w->patches = ij_model_patches(m);
    w->pixels = malloc(IMAGES * (size_t)m->crop * (size_t)m->crop * 3);
    w->features = malloc(IMAGES * (size_t)w->patches * (size_t)m->dim * sizeof *w->features);
    w->colours = malloc(IMAGES * (size_t)w->patches * 3);
    if (!w->pixels || !w->features || !w->colours)
        return ij_fail(IJ_ENOMEM, "no host memory for the features of %d images", IMAGES);
    TRY(read_images(w, config, dataset));
    return ij_trainer_make_encoder(trainer, &(ij_encoder_options){.batch = BATCH, .pool = IJ_POOL_NONE}, &w->encoder);
}

ij_status ij_feature_watch_open(ij_feature_watch **watch, const ij_config *config, const ij_dataset *dataset,
                                ij_trainer *trainer)
{
    ij_feature_watch *w = *watch = calloc(1, sizeof *w);
    if (!w)
        return ij_fail(IJ_ENOMEM, "no host memory for the features of some images");
    ij_status status = open_watch(w, config, dataset, trainer);
    if (status) {
        ij_feature_watch_close(w);
        *watch = NULL;
    }
    return status;
}

void ij_feature_watch_close(ij_feature_watch *w)
{
    if (!w)
        return;
    ij_encoder_destroy(w->encoder);
    free(w->pixels);
    free(w->features);
    free(w->colours);
    free(w);
}

int ij_feature_watch_images(const ij_feature_watch *w)
{
    return w->images;
}

uint64_t ij_feature_watch_device_bytes(const ij_feature_watch *w)
{
    return ij_encoder_device_bytes(w->encoder);
}

ij_status ij_feature_watch_draw(ij_feature_watch *w, ij_picture *sheet)
{
    const ij_model_config *m = ij_encoder_model(w->encoder);
    size_t image = (size_t)w->crop * (size_t)w->crop * 3, floats = (size_t)w->patches * (size_t)m->dim;
    double shares[3];
    for (int i = 0; i < w->images; i += BATCH) {
        int images = w->images - i < BATCH ? w->images - i : BATCH;
        TRY(ij_encoder_run(w->encoder, w->pixels + (size_t)i * image, images, w->features + (size_t)i * floats));
    }
    TRY(ij_feature_colours(w->features, (int64_t)w->images * w->patches, m->dim, w->colours, shares));
    return ij_feature_sheet(sheet, w->pixels, w->images, w->crop, w->colours, ij_model_side(m));
}
