#include "frontend/prediction.h"

#include "data/loader.h"
#include "engine/base/try.h"
#include "engine/checkpoint.h"
#include "engine/trainer.h"
#include "ini/convert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double ij_cosine(const float *x, const float *y, int dim)
{
    double xy = 0, xx = 0, yy = 0;
    for (int i = 0; i < dim; i++) {
        xy += (double)x[i] * (double)y[i];
        xx += (double)x[i] * (double)x[i];
        yy += (double)y[i] * (double)y[i];
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
}

/* ---- Masks and image ------------------------------------------------------------------------------------------- */

/* The paper's, and of small grids what they allow. */
static ij_status usual_masks(ij_mask_config *masks, int side)
{
    *masks = (ij_mask_config){.side = side,
                              .n_context = 1,
                              .n_target = 4,
                              .enc_scale = {0.85, 1},
                              .pred_scale = {0.15, 0.2},
                              .aspect = {0.75, 1.5},
                              .min_keep = 10};
    ij_status status = ij_mask_check(masks);
    for (; status && masks->min_keep > 0; status = ij_mask_check(masks))
        masks->min_keep--;
    return status;
}

/* What a prediction takes of the run behind the model. */
typedef struct training {
    ij_mask_config masks;
    int target_layers; /* as in ij_trainer_config */
} training;

static ij_status read_training(training *t, const ij_model_file *file, int side)
{
    const char *text = ij_model_file_metadata(file, "config");
    *t = (training){0};
    if (!text)
        return usual_masks(&t->masks, side);
    ij_config *config = malloc(sizeof *config);
    if (!config)
        return ij_fail(IJ_ENOMEM, "out of memory");
    ij_status status = ij_config_parse(config, ij_model_file_path(file), text, strlen(text), NULL, 0);
    if (!status) {
        t->masks = ij_config_masks(config);
        t->target_layers = config->optimization.target_layers;
    }
    free(config);
    t->masks.n_context = 1; /* of several contexts one is looked at */
    t->masks.truncate_batch = false;
    return status;
}

static ij_status read_image(const char *path, int crop, uint8_t *pixels)
{
    ij_dataset *dataset;
    ij_loader *loader;
    bool readable = true;
    TRY(ij_dataset_open_image(&dataset, path));
    ij_loader_config config = ij_loader_defaults();
    config.dataset = dataset;
    config.batch = 1;
    config.crop = crop;
    config.decode = IJ_DECODE_EXACT;
    config.workers = 1;
    ij_status status = ij_loader_open(&loader, &config);
    if (!status) {
        status = ij_loader_eval(loader, &(int64_t){0}, 1, crop, IJ_FIT_SHORTER, pixels, &readable);
        if (!status && !readable)
            status = ij_fail(IJ_EFORMAT, "cannot read the image %s: %s", path,
                             ij_loader_bad_count(loader) ? ij_loader_bad(loader, 0).reason : "it is none");
        ij_loader_close(loader);
    }
    ij_dataset_close(dataset);
    return status;
}

/* ---- The step -------------------------------------------------------------------------------------------------- */

static ij_status open_trainer(ij_trainer **trainer, ij_device *device, ij_model_file *file, const training *run)
{
    ij_trainer_config config = {.model = ij_model_file_describe(file)->model,
                                .batch = 1,
                                .contexts = 1,
                                .targets = ij_mask_target_sets(&run->masks),
                                .target_layers = run->target_layers,
                                .loss = IJ_LOSS_L2,
                                .beta1 = 0.9,
                                .beta2 = 0.999,
                                .eps = 1e-8};
    ij_mask_bounds(&run->masks, &config.context_capacity, &config.target_capacity);
    TRY(ij_trainer_create(trainer, device, &config));
    return ij_checkpoint_start_from(*trainer, file);
}

static ij_status keep_masks(ij_prediction *p, const ij_batch *b)
{
    size_t patches = (size_t)ij_model_patches(&p->model);
    p->blocks = b->targets;
    p->length = b->target_length;
    size_t targets = (size_t)p->blocks * (size_t)p->length, floats = targets * (size_t)p->model.dim;
    p->context = calloc(patches, sizeof *p->context);
    p->patch = malloc(targets * sizeof *p->patch);
    p->expected = malloc(floats * sizeof *p->expected);
    p->target = malloc(floats * sizeof *p->target);
    p->cosine = malloc(targets * sizeof *p->cosine);
    if (!p->context || !p->patch || !p->expected || !p->target || !p->cosine)
        return ij_fail(IJ_ENOMEM, "no memory for the predictions of an image");
    for (int32_t i = 0; i < b->context_offset[1]; i++)
        p->context[b->context[i]] = true;
    memcpy(p->patch, b->target, targets * sizeof *p->patch);
    return IJ_OK;
}

static ij_status predict(ij_prediction *p, ij_trainer *t, const ij_mask_config *masks, uint64_t seed)
{
    ij_batch *batch;
    int64_t tokens;
    TRY(ij_trainer_slot(t, 0, &batch));
    memcpy(batch->pixels, p->pixels, (size_t)p->model.crop * (size_t)p->model.crop * 3);
    TRY(ij_mask_sample(masks, seed, 0, batch));
    TRY(keep_masks(p, batch));
    int64_t floats = (int64_t)p->blocks * p->length * p->model.dim;
    TRY(ij_trainer_step(t, 0, &(ij_hyper){.lr = 0, .wd = 0, .ema = 1}));
    TRY(ij_trainer_output(t, IJ_OUTPUT_PREDICTION, p->expected, floats, &tokens));
    return ij_trainer_output(t, IJ_OUTPUT_TARGET, p->target, floats, &tokens);
}

static void compare(ij_prediction *p)
{
    int targets = p->blocks * p->length, dim = p->model.dim, pairs = 0;
    for (int i = 0; i < targets; i++) {
        const float *expected = p->expected + (size_t)i * (size_t)dim;
        p->cosine[i] = ij_cosine(expected, p->target + (size_t)i * (size_t)dim, dim);
        for (int k = 0; k < targets; k++)
            if (p->patch[k] != p->patch[i]) {
                p->elsewhere += ij_cosine(expected, p->target + (size_t)k * (size_t)dim, dim);
                pairs++;
            }
    }
    p->elsewhere = pairs ? p->elsewhere / pairs : NAN;
}

ij_status ij_prediction_make(ij_prediction *p, ij_device *device, ij_model_file *file, const char *image, uint64_t seed)
{
    const ij_model_file_info *info = ij_model_file_describe(file);
    *p = (ij_prediction){.model = info->model};
    if (!info->predictor)
        return ij_fail(
            IJ_EINVAL,
            "%s holds no predictor, so nothing can be predicted with it: use a checkpoint of a training, ours "
            "or the official code's",
            ij_model_file_path(file));
    training run;
    ij_trainer *trainer = NULL;
    TRY(read_training(&run, file, ij_model_side(&p->model)));
    p->pixels = malloc((size_t)p->model.crop * (size_t)p->model.crop * 3);
    if (!p->pixels)
        return ij_fail(IJ_ENOMEM, "out of memory");
    TRY(read_image(image, p->model.crop, p->pixels));
    ij_status status = open_trainer(&trainer, device, file, &run);
    if (!status)
        status = predict(p, trainer, &run.masks, seed);
    ij_trainer_destroy(trainer);
    if (!status)
        compare(p);
    return status;
}

void ij_prediction_free(ij_prediction *p)
{
    free(p->pixels);
    free(p->context);
    free(p->patch);
    free(p->expected);
    free(p->target);
    free(p->cosine);
    *p = (ij_prediction){0};
}
