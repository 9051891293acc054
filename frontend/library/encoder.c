/* Encoders: the engine's, with options that can grow. */
#include "engine/encoder.h"
#include "frontend/library/growing.h"
#include "frontend/library/handles.h"

enum { DEFAULT_BATCH = 16 };

static ij_encoder *encoder_of(ijepa_encoder *encoder)
{
    return (ij_encoder *)encoder;
}

static const ij_model_config *shape_of(const ijepa_encoder *encoder)
{
    return ij_encoder_model((const ij_encoder *)encoder);
}

ijepa_status ijepa_encoder_create(ijepa_encoder **encoder, ijepa_device *device, ijepa_model *model,
                                  const ijepa_encoder_options *options)
{
    ijepa_encoder_options o = {0};
    ij_encoder *created;
    *encoder = NULL;
    ij_status status = options ? ij_growing_take(&o, options, sizeof o) : IJ_OK;
    if (status)
        return (ijepa_status)status;
    if (o.context < 0 || o.context > 1)
        return (ijepa_status)ij_fail(IJ_EINVAL, "context is %d; it can be 0 or 1", o.context);
    status = ij_encoder_create(&created, ij_device_of(device), ij_model_of(model),
                               o.context ? IJ_ENCODER_CONTEXT : IJ_ENCODER_TARGET, o.batch ? o.batch : DEFAULT_BATCH);
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
    return shape_of(encoder)->crop;
}

int ijepa_encoder_patches(const ijepa_encoder *encoder)
{
    return ij_model_patches(shape_of(encoder));
}

int ijepa_encoder_width(const ijepa_encoder *encoder)
{
    return shape_of(encoder)->dim;
}

ijepa_status ijepa_encoder_tokens(ijepa_encoder *encoder, const uint8_t *pixels, int images, float *tokens)
{
    return (ijepa_status)ij_encoder_tokens(encoder_of(encoder), pixels, images, tokens);
}

ijepa_status ijepa_encoder_features(ijepa_encoder *encoder, const uint8_t *pixels, int images, float *features)
{
    return (ijepa_status)ij_encoder_features(encoder_of(encoder), pixels, images, features);
}
