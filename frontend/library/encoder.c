/* Encoders: the engine's, with options that can grow. */
#include "engine/encoder.h"
#include "frontend/library/growing.h"
#include "frontend/library/handles.h"

#include <stdlib.h>

enum { DEFAULT_BATCH = 16 };

struct ijepa_encoder {
    ij_encoder *encoder;
    ijepa_encoder_options options;
};

static const ij_model_config *shape_of(const ijepa_encoder *e)
{
    return ij_encoder_model(e->encoder);
}

static ij_status take_options(ijepa_encoder_options *o, const ijepa_encoder_options *options)
{
    ij_status status = options ? ij_growing_take(o, options, sizeof *o) : IJ_OK;
    if (status)
        return status;
    if (o->context < 0 || o->context > 1)
        return ij_fail(IJ_EINVAL, "context is %d; it can be 0 or 1", o->context);
    if (o->pool != IJEPA_POOL_MEAN && o->pool != IJEPA_POOL_NONE)
        return ij_fail(IJ_EINVAL, "pool is %d; it can be IJEPA_POOL_MEAN or IJEPA_POOL_NONE", o->pool);
    if (!o->batch)
        o->batch = DEFAULT_BATCH;
    return IJ_OK;
}

ijepa_status ijepa_encoder_create(ijepa_encoder **encoder, ijepa_device *device, ijepa_model *model,
                                  const ijepa_encoder_options *options)
{
    *encoder = NULL;
    ijepa_encoder *e = calloc(1, sizeof *e);
    if (!e)
        return (ijepa_status)ij_fail(IJ_ENOMEM, "out of memory for an encoder");
    ij_status status = take_options(&e->options, options);
    if (!status)
        status = ij_encoder_create(&e->encoder, ij_device_of(device), ij_model_of(model),
                                   e->options.context ? IJ_ENCODER_CONTEXT : IJ_ENCODER_TARGET, e->options.batch);
    if (status)
        free(e);
    else
        *encoder = e;
    return (ijepa_status)status;
}

void ijepa_encoder_destroy(ijepa_encoder *e)
{
    if (!e)
        return;
    ij_encoder_destroy(e->encoder);
    free(e);
}

int ijepa_encoder_image_size(const ijepa_encoder *e)
{
    return shape_of(e)->crop;
}

int ijepa_encoder_batch(const ijepa_encoder *e)
{
    return e->options.batch;
}

int ijepa_encoder_rows(const ijepa_encoder *e)
{
    return e->options.pool == IJEPA_POOL_MEAN ? 1 : ij_model_patches(shape_of(e));
}

int ijepa_encoder_width(const ijepa_encoder *e)
{
    return shape_of(e)->dim;
}

ijepa_status ijepa_encoder_features(ijepa_encoder *e, const uint8_t *pixels, int images, float *features)
{
    return (ijepa_status)(e->options.pool == IJEPA_POOL_MEAN ? ij_encoder_features(e->encoder, pixels, images, features)
                                                             : ij_encoder_tokens(e->encoder, pixels, images, features));
}
