/* One frozen encoder on a device, for inference alone: weights and room for a batch's activations, no gradients,
 * moments, predictor or tapes. Takes its weights from a model file of any kind. */
#ifndef IJ_ENCODER_H
#define IJ_ENCODER_H

#include "engine/base/error.h"
#include "engine/device.h"
#include "engine/files/model_file.h"
#include "engine/model_config.h"

#include <stdint.h>

typedef struct ij_encoder ij_encoder;

typedef enum ij_encoder_which { IJ_ENCODER_TARGET, IJ_ENCODER_CONTEXT } ij_encoder_which;

/* Loads the target encoder of `file`, or the context encoder; where the file has only one, that one. `batch` images at
 * a time. Positions are those of the file where it has them, else sine-cosine. IJ_ENOMEM before any allocation where it
 * does not fit the device. The device must outlive the encoder; the file need not. */
ij_status ij_encoder_create(ij_encoder **encoder, ij_device *device, ij_model_file *file, ij_encoder_which which,
                            int batch);
void ij_encoder_destroy(ij_encoder *encoder); /* NULL is fine */

/* The model's shape (pred_dim and pred_depth mean nothing), and what it takes of the device's memory. */
const ij_model_config *ij_encoder_model(const ij_encoder *encoder);
uint64_t ij_encoder_device_bytes(const ij_encoder *encoder);

/* The last layer's tokens after the final LayerNorm: tokens [images, N, D] for `images` (<= batch) images in pixels
 * [images, S, S, 3]. Waits. */
ij_status ij_encoder_tokens(ij_encoder *encoder, const uint8_t *pixels, int images, float *tokens);
/* Their means over the patches: features [images, D]. Waits. */
ij_status ij_encoder_features(ij_encoder *encoder, const uint8_t *pixels, int images, float *features);

#endif
