/* One encoder on a device, for inference alone: weights and room for a batch's activations, no gradients, moments,
 * predictor or tapes. Its weights are its own, from a model file of any kind, or another's, such as a trainer's. */
#ifndef IJ_ENCODER_H
#define IJ_ENCODER_H

#include "engine/base/error.h"
#include "engine/device.h"
#include "engine/files/model_file.h"
#include "engine/initial.h"
#include "engine/model_config.h"

#include <stdbool.h>
#include <stdint.h>

struct ij_net;
struct ij_gemm;
typedef struct ij_encoder ij_encoder;

typedef enum ij_encoder_which { IJ_ENCODER_TARGET, IJ_ENCODER_CONTEXT } ij_encoder_which;

/* What becomes of an image's N tokens. */
typedef enum ij_pooling {
    IJ_POOL_MEAN, /* their mean: one row */
    IJ_POOL_2X2,  /* the means of the four quadrants, rows of patches first: four; as adaptive_avg_pool2d(2), so that
                     quadrants of an odd grid share its middle */
    IJ_POOL_NONE  /* all of them: N rows */
} ij_pooling;

/* The position table for another grid than the file's; its own grid always has the file's table, where it has one. */
typedef enum ij_positions {
    IJ_POSITIONS_COMPUTED,    /* sine-cosine for the grid, as training at that size would have had it */
    IJ_POSITIONS_INTERPOLATED /* the file's table, bicubically, as PyTorch's interpolate */
} ij_positions;

/* Zero everywhere: the target encoder's last layer, pooled, at the size it was trained with. */
typedef struct ij_encoder_options {
    ij_encoder_which which; /* where the file has only one, that one */
    int batch;              /* images at a time; 0: as many as suit the device (see ij_encoder_batch) */
    int layers;             /* the last so many blocks' results; 0 is 1 */
    ij_pooling pool;
    int crop; /* pixels a side of the images, a multiple of the patch size; 0: the file's */
    ij_positions positions;
    bool random_start; /* not the file's weights but those that a training of this shape starts with, ... */
    ij_drawing start;  /* ... drawn like this (ij_checkpoint_drawn tells how a run's were) */
} ij_encoder_options;

/* Loads an encoder of `file`. IJ_EINVAL where the options contradict the model; IJ_ENOMEM before any allocation where
 * it does not fit the device. The device must outlive the encoder; the file need not. */
ij_status ij_encoder_create(ij_encoder **encoder, ij_device *device, ij_model_file *file,
                            const ij_encoder_options *options);
/* An encoder over weights that are on the device already (see net.h): somebody else's, who may change them
 * between two calls, keeps them as long as the encoder lives, and whose `gemm` says how they lie. Nothing is copied. Of
 * the options batch, layers and pool count. Else as ij_encoder_create. */
ij_status ij_encoder_create_over(ij_encoder **encoder, ij_device *device, const ij_model_config *model,
                                 const struct ij_net *weights, const struct ij_gemm *gemm,
                                 const ij_encoder_options *options);
void ij_encoder_destroy(ij_encoder *encoder); /* NULL is fine */

/* The model's shape, its crop that of the options (pred_dim and pred_depth mean nothing), and what it takes of the
 * device's memory, another's weights left out. */
const ij_model_config *ij_encoder_model(const ij_encoder *encoder);
uint64_t ij_encoder_device_bytes(const ij_encoder *encoder);

/* Images at a time: the options', or else the largest power of two with no more than 16384 tokens and 256 images that
 * fits three quarters of the device's memory and its largest allocation. */
int ij_encoder_batch(const ij_encoder *encoder);

/* An image's features are [rows, layers, D]: rows as the pooling says, the layers from the oldest to the last, each
 * through the final LayerNorm. (transformers: torch.cat([model.layernorm(h) for h in hidden_states[-layers:]], -1),
 * then pooled.) ij_encoder_floats is rows layers D. */
int ij_encoder_rows(const ij_encoder *encoder);
int ij_encoder_layers(const ij_encoder *encoder);
int64_t ij_encoder_floats(const ij_encoder *encoder);

/* features [images, floats] of `images` (<= batch) images in pixels [images, S, S, 3]. Waits. */
ij_status ij_encoder_run(ij_encoder *encoder, const uint8_t *pixels, int images, float *features);

/* What the last block attends with: queries, keys and values, qkv [images, N, 3, heads, D / heads], of `images`
 * (<= batch) images in pixels [images, S, S, 3]; see attention_map.h. Waits. */
ij_status ij_encoder_last_qkv(ij_encoder *encoder, const uint8_t *pixels, int images, float *qkv);

#endif
