#include "tools/golden.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Metadata --------------------------------------------------------------------------------------------------- */

static ij_status real(const golden *g, const char *key, double *value)
{
    const char *text = ij_safetensors_metadata(g->file, key);
    char *end;
    if (!text)
        return ij_fail(IJ_EFORMAT, "metadata lack %s", key);
    *value = strtod(text, &end);
    if (end == text || *end)
        return ij_fail(IJ_EFORMAT, "metadata %s is \"%s\", not a number", key, text);
    return IJ_OK;
}

/* *value stays where the file says nothing of it. */
static ij_status optional(const golden *g, const char *key, double *value)
{
    return ij_safetensors_metadata(g->file, key) ? real(g, key, value) : IJ_OK;
}

static ij_status whole(const golden *g, const char *key, int *value)
{
    double v = 0;
    ij_status status = real(g, key, &v);
    if (!status && !(v >= 1 && v <= 1 << 20))
        status = ij_fail(IJ_EFORMAT, "metadata %s is out of range", key);
    if (!status)
        *value = (int)v;
    return status;
}

static ij_status read_model(const golden *g, ij_model_config *model)
{
    const struct {
        const char *key;
        int *value;
    } shape[] = {{"model.crop", &model->crop},        {"model.patch", &model->patch}, {"model.dim", &model->dim},
                 {"model.depth", &model->depth},      {"model.heads", &model->heads}, {"model.pdim", &model->pred_dim},
                 {"model.pdepth", &model->pred_depth}};
    ij_status status = IJ_OK;
    for (size_t i = 0; i < sizeof shape / sizeof shape[0] && !status; i++)
        status = whole(g, shape[i].key, shape[i].value);
    double mlp = 0, norm_eps = 0, target_eps = 0;
    if (!status)
        status = real(g, "model.mlp", &mlp);
    if (!status)
        status = real(g, "layer_norm.eps", &norm_eps);
    if (!status)
        status = real(g, "target_norm.eps", &target_eps);
    model->hidden = (int)(model->dim * mlp);
    model->norm_eps = (float)norm_eps;
    model->target_eps = (float)target_eps;
    return status;
}

static ij_status read_config(golden *g)
{
    ij_trainer_config *c = &g->config;
    const char *loss = ij_safetensors_metadata(g->file, "model.loss");
    if (!loss || (strcmp(loss, "l2") != 0 && strcmp(loss, "smooth_l1") != 0))
        return ij_fail(IJ_EFORMAT, "metadata model.loss is neither l2 nor smooth_l1");
    c->loss = strcmp(loss, "l2") == 0 ? IJ_LOSS_L2 : IJ_LOSS_SMOOTH_L1;
    ij_status status = read_model(g, &c->model);
    if (!status)
        status = whole(g, "model.B", &c->batch);
    if (!status)
        status = whole(g, "model.nenc", &c->contexts);
    if (!status)
        status = whole(g, "model.npred", &c->targets);
    if (!status)
        status = whole(g, "steps", &g->steps);
    if (!status)
        status = real(g, "adam.beta1", &c->beta1);
    if (!status)
        status = real(g, "adam.beta2", &c->beta2);
    if (!status)
        status = real(g, "adam.eps", &c->eps);
    double pixel_steps = 0, target_layers = 0, position_scale = 0;
    if (!status)
        status = optional(g, "model.target_layers", &target_layers);
    c->target_layers = (int)target_layers;
    const struct {
        const char *key;
        double *value;
    } more[] = {{"model.clip_grad", &c->clip_grad},
                {"model.variance_weight", &c->variance_weight},
                {"model.covariance_weight", &c->covariance_weight},
                {"model.sigreg_weight", &c->sigreg_weight},
                {"model.position_scale", &position_scale}};
    for (size_t i = 0; i < sizeof more / sizeof more[0] && !status; i++)
        status = optional(g, more[i].key, more[i].value);
    c->model.position_scale = (float)position_scale;
    if (!status)
        status = optional(g, "pixel_steps", &pixel_steps);
    if (!status)
        status = optional(g, "pixel_weight", &c->pixel_weight);
    c->model.pixel_head = pixel_steps > 0 || c->pixel_weight > 0;
    return status;
}

ij_status golden_step(const golden *g, int k, double *loss, ij_hyper *hyper)
{
    const struct {
        const char *name;
        double *value;
    } wanted[] = {{"loss", loss}, {"lr", &hyper->lr}, {"wd", &hyper->wd}, {"ema", &hyper->ema}};
    double pixels = 0;
    ij_status status = optional(g, "pixel_steps", &pixels);
    hyper->features_from = (int64_t)pixels;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0] && !status; i++) {
        char key[32];
        snprintf(key, sizeof key, "step.%d.%s", k, wanted[i].name);
        status = real(g, key, wanted[i].value);
    }
    return status;
}

/* ---- Tensors ---------------------------------------------------------------------------------------------------- */

/* A tensor of the file, of this type and number of elements. */
static ij_status tensor_of(const golden *g, const char *name, ij_dtype dtype, int64_t elements,
                           const ij_st_tensor **tensor)
{
    *tensor = ij_safetensors_find(g->file, name);
    if (!*tensor)
        return ij_fail(IJ_EFORMAT, "no tensor %s", name);
    int64_t product = 1; /* the file is checked: this cannot overflow */
    for (int i = 0; i < (*tensor)->dims; i++)
        product *= (*tensor)->shape[i];
    if ((*tensor)->dtype != dtype || product != elements)
        return ij_fail(IJ_EFORMAT, "tensor %s has %" PRId64 " elements or their type wrong; the model has %" PRId64,
                       name, product, elements);
    return IJ_OK;
}

ij_status golden_floats(const golden *g, const char *prefix, const char *name, int64_t elements, float *values)
{
    char full[256];
    const ij_st_tensor *tensor;
    snprintf(full, sizeof full, "%s%s", prefix, name);
    ij_status status = tensor_of(g, full, IJ_F32, elements, &tensor);
    return status ? status : ij_safetensors_read(g->file, tensor, values);
}

/* Mask KIND.INDEX of shape [B, length], malloc'ed; a length of 0 takes what is there. Only contexts may be padded. */
static ij_status mask(const golden *g, const char *kind, int index, int *length, int32_t **values)
{
    char name[64];
    const int lowest = strcmp(kind, "context") == 0 ? -1 : 0;
    *values = NULL;
    snprintf(name, sizeof name, "mask.%s.%d", kind, index);
    const ij_st_tensor *tensor = ij_safetensors_find(g->file, name);
    int patches = ij_model_patches(&g->config.model);
    if (!tensor || tensor->dims != 2 || tensor->shape[1] < 1 || tensor->shape[1] > patches)
        return ij_fail(IJ_EFORMAT, "tensor %s is missing or has a strange shape", name);
    if (*length == 0)
        *length = (int)tensor->shape[1];
    ij_status status = tensor_of(g, name, IJ_I32, (int64_t)g->config.batch * *length, &tensor);
    if (!status && !(*values = malloc(tensor->bytes)))
        status = ij_fail(IJ_ENOMEM, "no memory for tensor %s", name);
    if (!status)
        status = ij_safetensors_read(g->file, tensor, *values);
    for (int i = 0; i < g->config.batch * *length && !status; i++)
        if ((*values)[i] < lowest || (*values)[i] >= patches)
            status = ij_fail(IJ_EFORMAT, "tensor %s holds a patch that does not exist", name);
    if (status) {
        free(*values);
        *values = NULL;
    }
    return status;
}

/* The longest context and the target length, for the trainer's plan. */
static ij_status read_capacities(golden *g)
{
    ij_trainer_config *c = &g->config;
    int32_t *rows;
    ij_status status = IJ_OK;
    for (int i = 0; i < c->contexts && !status; i++) {
        int length = 0;
        status = mask(g, "context", i, &length, &rows);
        free(rows);
        if (length > c->context_capacity)
            c->context_capacity = length;
    }
    for (int i = 0; i < c->targets && !status; i++) {
        status = mask(g, "target", i, &c->target_capacity, &rows);
        free(rows);
    }
    return status;
}

ij_status golden_fill(const golden *g, ij_batch *batch)
{
    const ij_trainer_config *c = &g->config;
    const ij_st_tensor *image;
    int32_t *rows;
    size_t one = (size_t)c->model.crop * (size_t)c->model.crop * 3;
    ij_status status = tensor_of(g, "image", IJ_U8, (int64_t)one * c->batch, &image);
    uint8_t *pixels = malloc(one * (size_t)c->batch);
    if (!status)
        status = pixels ? ij_safetensors_read(g->file, image, pixels) : ij_fail(IJ_ENOMEM, "no host memory for images");
    if (!status)
        memcpy(batch->pixels, pixels + (size_t)batch->first * one, (size_t)ij_batch_own(batch) * one);
    free(pixels);
    if (status)
        return status;

    int32_t n = 0;
    batch->context_offset[0] = 0;
    for (int i = 0; i < c->contexts; i++) {
        int length = 0;
        if ((status = mask(g, "context", i, &length, &rows)))
            return status;
        for (int b = 0; b < c->batch; b++) {
            for (int k = 0; k < length && rows[b * length + k] >= 0; k++)
                batch->context[n++] = rows[b * length + k];
            batch->context_offset[i * c->batch + b + 1] = n;
        }
        free(rows);
    }
    batch->target_length = c->target_capacity;
    size_t block = (size_t)c->batch * (size_t)c->target_capacity;
    for (int j = 0; j < c->targets; j++) {
        int length = c->target_capacity;
        if ((status = mask(g, "target", j, &length, &rows)))
            return status;
        memcpy(batch->target + (size_t)j * block, rows, block * sizeof *rows);
        free(rows);
    }
    return IJ_OK;
}

/* ---- The file --------------------------------------------------------------------------------------------------- */

ij_status golden_open(golden *g, const char *path)
{
    *g = (golden){0};
    ij_status status = ij_safetensors_open(&g->file, path);
    if (status)
        return status;
    status = read_config(g);
    if (!status)
        status = read_capacities(g);
    return status ? ij_fail_in(status, "%s: ", path) : IJ_OK;
}

void golden_close(golden *g)
{
    ij_safetensors_close(g->file);
    g->file = NULL;
}
