#include "frontend/learning_curve.h"

#include "data/loader.h"
#include "engine/base/try.h"
#include "engine/probe/neighbours.h"
#include "engine/probe/ridge.h"
#include "engine/probe/split.h"
#include "frontend/message.h"
#include "ini/convert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEIGHBOURS = 20, LEAST = 20 }; /* images at least: ridge holds some of its half out */
/* A batch: enough for a device to be busy with, little beside what a trainer takes. */
enum { TOKENS = 4096, BATCH = 64 };

struct ij_learning_curve {
    ij_device *device;
    ij_encoder *encoder;
    ij_dataset *dataset;
    ij_loader *loader;
    int crop, batch, width;
    int64_t n;
    int64_t *samples; /* [n] to learn from and to test on in turn */
    float *features;  /* [n, D]: those to learn from, then those to test on */
    int *labels;      /* [n] likewise */
    uint8_t *pixels;  /* of a batch */
    bool *readable;
};

/* The first `most` of a shuffled data set. */
static ij_status choose(ij_learning_curve *c, int64_t most)
{
    int64_t count = ij_dataset_count(c->dataset);
    c->n = count < most ? count : most;
    c->samples = malloc((size_t)count * sizeof *c->samples);
    c->features = malloc((size_t)c->n * (size_t)c->width * sizeof *c->features);
    c->labels = malloc((size_t)c->n * sizeof *c->labels);
    c->pixels = malloc((size_t)c->batch * (size_t)c->crop * (size_t)c->crop * 3);
    c->readable = malloc((size_t)c->batch * sizeof *c->readable);
    if (!c->samples || !c->features || !c->labels || !c->pixels || !c->readable)
        return ij_fail(IJ_ENOMEM, "no host memory for %lld images", (long long)c->n);
    ij_split_shuffle(c->samples, count, 0, 0);
    return IJ_OK;
}

static ij_status open_images(ij_learning_curve *c, const ij_config *config)
{
    TRY(ij_dataset_open(&c->dataset, config->eval.root_path));
    if (ij_dataset_classes(c->dataset) < 2)
        return ij_fail(IJ_EINVAL, "%s has %s: it takes labelled images of two classes or more", config->eval.root_path,
                       ij_dataset_classes(c->dataset) ? "one class" : "no labels");
    if (ij_dataset_count(c->dataset) < LEAST)
        return ij_fail(IJ_EINVAL, "%s has %lld images: %d are needed", config->eval.root_path,
                       (long long)ij_dataset_count(c->dataset), LEAST);
    ij_loader_config loader = ij_loader_defaults();
    loader.dataset = c->dataset;
    loader.batch = 1; /* only evaluations, of any size */
    loader.crop = c->crop;
    loader.workers = config->data.num_workers;
    loader.max_pixels = config->data.max_pixels;
    TRY(ij_loader_open(&c->loader, &loader));
    return choose(c, config->eval.images);
}

static ij_status open_encoder(ij_learning_curve *c, ij_trainer *trainer)
{
    int batch = TOKENS / ij_model_patches(ij_trainer_model(trainer));
    c->batch = batch > BATCH ? BATCH : batch < 1 ? 1 : batch;
    return ij_trainer_make_encoder(trainer, &(ij_encoder_options){.batch = c->batch}, &c->encoder);
}

static void tell(const ij_learning_curve *c, const ij_config *config)
{
    ij_say("eval:   %s: %lld images in %d classes, half of them to learn from, every %d epoch%s; %d at a time take "
           "%.1f MiB of the device\n",
           config->eval.root_path, (long long)c->n, ij_dataset_classes(c->dataset), config->eval.every,
           config->eval.every == 1 ? "" : "s", c->batch, (double)ij_encoder_device_bytes(c->encoder) / 0x1p20);
}

ij_status ij_learning_curve_open(ij_learning_curve **curve, const ij_config *config, ij_trainer *trainer,
                                 ij_device *device)
{
    *curve = NULL;
    if (!*config->eval.root_path || !config->eval.every)
        return IJ_OK;
    ij_learning_curve *c = calloc(1, sizeof *c);
    if (!c)
        return ij_fail(IJ_ENOMEM, "out of memory for an evaluation");
    c->device = device;
    c->crop = config->data.crop_size;
    c->width = ij_trainer_model(trainer)->dim;
    ij_status status = open_encoder(c, trainer);
    if (!status)
        status = open_images(c, config);
    if (status) {
        char where[IJ_CONFIG_TEXT + 32];
        ij_learning_curve_close(c);
        return ij_fail_in(status,
                          "%s: [eval] root_path: ", ij_config_where(config, "eval.root_path", where, sizeof where));
    }
    tell(c, config);
    *curve = c;
    return IJ_OK;
}

void ij_learning_curve_close(ij_learning_curve *c)
{
    if (!c)
        return;
    ij_encoder_destroy(c->encoder);
    ij_loader_close(c->loader);
    ij_dataset_close(c->dataset);
    free(c->samples);
    free(c->features);
    free(c->labels);
    free(c->pixels);
    free(c->readable);
    free(c);
}

const ij_dataset *ij_learning_curve_dataset(const ij_learning_curve *c)
{
    return c->dataset;
}

/* One half's features and labels from place `to` on: every other sample from `first` on. Images that cannot be read are
 * left out. Returns through *count how many there are. */
static ij_status compute_half(ij_learning_curve *c, int first, int64_t to, int64_t *count)
{
    int64_t half = (c->n - first + 1) / 2, samples[BATCH];
    *count = 0;
    for (int64_t at = 0; at < half; at += c->batch) {
        int images = half - at < c->batch ? (int)(half - at) : c->batch, kept = 0;
        size_t bytes = (size_t)c->crop * (size_t)c->crop * 3;
        for (int i = 0; i < images; i++)
            samples[i] = c->samples[2 * (at + i) + first];
        TRY(ij_loader_eval(c->loader, samples, images, c->crop, IJ_FIT_SHORTER, c->pixels, c->readable));
        for (int i = 0; i < images; i++)
            if (c->readable[i]) {
                memmove(c->pixels + (size_t)kept * bytes, c->pixels + (size_t)i * bytes, bytes);
                c->labels[to + *count + kept++] = ij_dataset_label(c->dataset, samples[i]);
            }
        if (kept)
            TRY(ij_encoder_run(c->encoder, c->pixels, kept, c->features + (to + *count) * c->width));
        *count += kept;
    }
    return IJ_OK;
}

ij_status ij_learning_curve_measure(ij_learning_curve *c, ij_curve_point *point)
{
    int classes = ij_dataset_classes(c->dataset);
    ij_labelled train = {.features = c->features, .labels = c->labels, .width = c->width, .classes = classes};
    TRY(compute_half(c, 0, 0, &train.n));
    ij_labelled test = train;
    test.features += train.n * c->width;
    test.labels += train.n;
    TRY(compute_half(c, 1, train.n, &test.n));
    const int k[] = {NEIGHBOURS};
    ij_score score;
    ij_ridge_class_result ridge;
    TRY(ij_neighbours(c->device, &train, &test, k, 1, IJ_NEIGHBOURS_TEMPERATURE, &score));
    point->knn = ij_score_top1(&score);
    ij_score_destroy(&score);
    TRY(ij_ridge_classify(&train, &test, &ridge));
    point->ridge = ij_score_top1(&ridge.score);
    ij_score_destroy(&ridge.score);
    return IJ_OK;
}
