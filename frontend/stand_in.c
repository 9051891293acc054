#include "frontend/stand_in.h"

#include "engine/base/try.h"
#include "engine/encoder.h"
#include "frontend/features.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 16 };

typedef struct searching {
    ij_stand_ins *found;
    const ij_prediction *prediction;
    float *feature; /* [D] of scratch */
} searching;

/* As the loss sees targets: a plain LayerNorm of the encoder's result. Its scale does not change a cosine, its mean
 * does. */
static void normalise(const float *token, float *feature, int dim, double eps)
{
    double mean = 0, variance = 0;
    for (int i = 0; i < dim; i++)
        mean += (double)token[i] / dim;
    for (int i = 0; i < dim; i++)
        variance += pow((double)token[i] - mean, 2) / dim;
    for (int i = 0; i < dim; i++)
        feature[i] = (float)(((double)token[i] - mean) / sqrt(variance + eps));
}

/* Keeps the patch's pixels wherever it is nearer than what was found before. */
static void offer(const searching *s, const uint8_t *pixels, int patch)
{
    const ij_prediction *p = s->prediction;
    const ij_model_config *m = &p->model;
    size_t row = (size_t)m->patch * 3, bytes = row * (size_t)m->patch;
    for (int i = 0; i < p->blocks * p->length; i++) {
        double cosine = ij_cosine(p->expected + (size_t)i * (size_t)m->dim, s->feature, m->dim);
        if (cosine <= s->found->cosine[i])
            continue;
        s->found->cosine[i] = cosine;
        size_t left = (size_t)(patch % ij_model_side(m)) * row, top = (size_t)(patch / ij_model_side(m) * m->patch);
        for (int y = 0; y < m->patch; y++)
            memcpy(s->found->pixels + (size_t)i * bytes + (size_t)y * row,
                   pixels + (top + (size_t)y) * (size_t)m->crop * 3 + left, row);
    }
}

static ij_status take(void *taker, const ij_features_batch *b)
{
    const searching *s = taker;
    const ij_model_config *m = &s->prediction->model;
    int patches = ij_model_patches(m);
    size_t image = (size_t)m->crop * (size_t)m->crop * 3;
    for (int i = 0; i < b->images; i++)
        for (int t = 0; t < patches; t++) {
            normalise(b->features + ((size_t)i * (size_t)patches + (size_t)t) * (size_t)m->dim, s->feature, m->dim,
                      (double)m->target_eps);
            offer(s, b->pixels + (size_t)i * image, t);
        }
    s->found->images += b->images;
    return IJ_OK;
}

static ij_status allocate(searching *s)
{
    const ij_prediction *p = s->prediction;
    size_t targets = (size_t)p->blocks * (size_t)p->length;
    s->found->cosine = malloc(targets * sizeof *s->found->cosine);
    s->found->pixels = calloc(targets, (size_t)p->model.patch * (size_t)p->model.patch * 3);
    s->feature = malloc((size_t)p->model.dim * sizeof *s->feature);
    if (!s->found->cosine || !s->found->pixels || !s->feature)
        return ij_fail(IJ_ENOMEM, "no memory for the patches that stand for predictions");
    for (size_t i = 0; i < targets; i++)
        s->found->cosine[i] = -INFINITY;
    return IJ_OK;
}

static ij_status search(searching *s, const ij_dataset *dataset, ij_encoder *encoder, int limit)
{
    int64_t all = ij_dataset_count(dataset), count = all < limit ? all : limit;
    int64_t *samples = malloc((size_t)count * sizeof *samples);
    ij_status status = samples ? allocate(s) : ij_fail(IJ_ENOMEM, "out of memory");
    for (int64_t i = 0; i < count && !status; i++)
        samples[i] = i * all / count;
    if (!status)
        status = ij_features_run(
            &(ij_features_job){
                .dataset = dataset, .samples = samples, .count = count, .encoder = encoder, .take = take, .taker = s},
            NULL);
    free(samples);
    free(s->feature);
    return status;
}

ij_status ij_stand_ins_find(ij_stand_ins *found, const ij_prediction *p, ij_device *device, ij_model_file *file,
                            const char *gallery, int limit)
{
    *found = (ij_stand_ins){0};
    searching s = {.found = found, .prediction = p};
    ij_dataset *dataset;
    ij_encoder *encoder = NULL;
    TRY(ij_dataset_open(&dataset, gallery));
    ij_status status =
        ij_encoder_create(&encoder, device, file, &(ij_encoder_options){.batch = BATCH, .pool = IJ_POOL_NONE});
    if (!status)
        status = search(&s, dataset, encoder, limit);
    ij_encoder_destroy(encoder);
    ij_dataset_close(dataset);
    return status;
}

void ij_stand_ins_free(ij_stand_ins *found)
{
    free(found->cosine);
    free(found->pixels);
    *found = (ij_stand_ins){0};
}
