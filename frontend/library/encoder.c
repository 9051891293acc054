/* Encoders: the engine's, with options that can grow. */
#include "engine/encoder.h"
#include "frontend/library/growing.h"
#include "frontend/library/handles.h"

_Static_assert((int)IJEPA_POOL_MEAN == (int)IJ_POOL_MEAN && (int)IJEPA_POOL_2X2 == (int)IJ_POOL_2X2 &&
                   (int)IJEPA_POOL_NONE == (int)IJ_POOL_NONE &&
                   (int)IJEPA_POSITIONS_COMPUTED == (int)IJ_POSITIONS_COMPUTED &&
                   (int)IJEPA_POSITIONS_INTERPOLATED == (int)IJ_POSITIONS_INTERPOLATED,
               "choices are handed on as they are");

static ij_encoder *encoder_of(ijepa_encoder *encoder)
{
    return (ij_encoder *)encoder;
}

static const ij_encoder *looked_at(const ijepa_encoder *encoder)
{
    return (const ij_encoder *)encoder;
}

static ij_status among(const char *option, int value, int last)
{
    if (value < 0 || value > last)
        return ij_fail(IJ_EINVAL, "option %s is %d; it can be 0 to %d", option, value, last);
    return IJ_OK;
}

static ij_status take_options(ij_encoder_options *inner, const ijepa_encoder_options *options)
{
    ijepa_encoder_options o = {0};
    ij_status status = options ? ij_growing_take(&o, options, sizeof o) : IJ_OK;
    if (status || (status = among("context", o.context, 1)) || (status = among("pool", o.pool, IJEPA_POOL_NONE)) ||
        (status = among("positions", o.positions, IJEPA_POSITIONS_INTERPOLATED)))
        return status;
    *inner = (ij_encoder_options){.which = o.context ? IJ_ENCODER_CONTEXT : IJ_ENCODER_TARGET,
                                  .batch = o.batch,
                                  .layers = o.layers,
                                  .pool = (ij_pooling)o.pool,
                                  .crop = o.image_size,
                                  .positions = (ij_positions)o.positions};
    return IJ_OK;
}

ijepa_status ijepa_encoder_create(ijepa_encoder **encoder, ijepa_device *device, ijepa_model *model,
                                  const ijepa_encoder_options *options)
{
    ij_encoder_options inner;
    ij_encoder *created;
    *encoder = NULL;
    ij_status status = take_options(&inner, options);
    if (!status)
        status = ij_encoder_create(&created, ij_device_of(device), ij_model_of(model), &inner);
    if (!status)
        *encoder = (ijepa_encoder *)created;
    return (ijepa_status)status;
}

void ijepa_encoder_destroy(ijepa_encoder *encoder)
{
    ij_encoder_destroy(encoder_of(encoder));
}

int ijepa_encoder_image_size(const ijepa_encoder *encoder)
{
    return ij_encoder_model(looked_at(encoder))->crop;
}

int ijepa_encoder_batch(const ijepa_encoder *encoder)
{
    return ij_encoder_batch(looked_at(encoder));
}

int ijepa_encoder_rows(const ijepa_encoder *encoder)
{
    return ij_encoder_rows(looked_at(encoder));
}

int ijepa_encoder_width(const ijepa_encoder *encoder)
{
    return ij_encoder_layers(looked_at(encoder)) * ij_encoder_model(looked_at(encoder))->dim;
}

ijepa_status ijepa_encoder_features(ijepa_encoder *encoder, const uint8_t *pixels, int images, float *features)
{
    return (ijepa_status)ij_encoder_run(encoder_of(encoder), pixels, images, features);
}
