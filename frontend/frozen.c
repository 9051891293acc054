#include "frontend/frozen.h"

#include "frontend/message.h"

#include <stdio.h>

static ij_status open_encoder(ij_frozen *f, ij_model_file *file, const char *device, const ij_encoder_options *options)
{
    ij_status status = ij_device_open(&f->device, device);
    if (status)
        return status;
    if (*ij_device_notes(f->device))
        ij_complain("note: %s", ij_device_notes(f->device));
    const ij_model_file_info *info = ij_model_file_describe(file);
    f->context = options->which == IJ_ENCODER_CONTEXT ? info->encoder : !info->target_encoder;
    if (f->context != (options->which == IJ_ENCODER_CONTEXT))
        ij_complain("note: %s has no %s encoder: its %s encoder is used", ij_model_file_path(file),
                    f->context ? "target" : "context", f->context ? "context" : "target");
    return ij_encoder_create(&f->encoder, f->device, file, options);
}

ij_status ij_frozen_open(ij_frozen *f, const char *model, const char *device, const ij_encoder_options *options)
{
    *f = (ij_frozen){0};
    ij_model_file *file;
    ij_status status = ij_model_file_open(&file, model);
    if (status)
        return status;
    status = open_encoder(f, file, device, options);
    ij_model_file_close(file);
    return status;
}

void ij_frozen_close(ij_frozen *f)
{
    ij_encoder_destroy(f->encoder);
    if (f->device)
        ij_device_close(f->device);
    *f = (ij_frozen){0};
}

void ij_frozen_report(const ij_frozen *f, const char *model)
{
    const ij_model_config *m = ij_encoder_model(f->encoder);
    const ij_device_info *d = ij_device_describe(f->device);
    printf("model:  %s: %s encoder, width %d, blocks %d, images of %d x %d pixels in patches of %d x %d\n", model,
           f->context ? "context" : "target", m->dim, m->depth, m->crop, m->crop, m->patch, m->patch);
    printf("device: %d: %s (%s), %.1f MiB of its memory, %d image%s at a time\n", d->index, d->name, d->platform,
           (double)ij_encoder_device_bytes(f->encoder) / 1048576.0, ij_encoder_batch(f->encoder),
           ij_encoder_batch(f->encoder) == 1 ? "" : "s");
    fflush(stdout);
}
