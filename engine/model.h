/* The I-JEPA model on a device: weights, activations and the passes of docs/method.md's "Forward" and "Backward". The
 * trainer decides when; this decides what. */
#ifndef IJ_MODEL_H
#define IJ_MODEL_H

#include "engine/batch_index.h"
#include "engine/full_lists.h"
#include "engine/memory.h"
#include "engine/net.h"
#include "engine/ops/loss.h"
#include "engine/ops/regularise.h"
#include "engine/ops/tokens.h"
#include "engine/params.h"
#include "engine/trainer_config.h"

#include <stdbool.h>

/* Activations kept for a backward pass, per block. */
typedef struct ij_tape {
    ij_block_memory *blocks; /* where blocks are computed again they share all but their inputs */
    cl_mem output;           /* [wanted tokens, dim] after the last block, before the norm */
} ij_tape;

/* What is handed on in a step, in the order in which it is used. But for scratch, infer.stat and d each is another
 * buffer for a while; which one, the plan says (model.c). */
typedef struct ij_workspace {
    ij_scratch scratch;

    /* Target encoder. */
    cl_mem patches;        /* [B N, 3 P P] of all images, from ij_model_patchify on */
    ij_block_memory infer; /* shared by its blocks */
    cl_mem tokens;         /* [B N, D] its result */
    cl_mem target_sums;    /* [targets B T, D] of the last blocks' results */

    /* The way back: gradients by what they are named after. */
    cl_mem d_prediction, d_pixels; /* [predictions, D], [predictions, 3 P P]; from the loss on */
    cl_mem d_normed;               /* [predictions, Dp] predictor_normed */
    cl_mem d_normed_pixels;        /* its part through the head for pixels, where both heads are trained */
    cl_mem d_output;               /* [predictions, Dp] what the predictor's blocks gave */
    cl_mem d;                      /* [tokens, D or Dp] the residual stream of the network whose turn it is */
    cl_mem d_embedded, d_context;  /* [context tokens, Dp], [context tokens, D] */
} ij_workspace;

typedef struct ij_model {
    ij_device *device;
    ij_trainer_config config;
    int batch;   /* B, of the whole batch; config is that of a micro-batch */
    int patches; /* N */

    ij_gemm gemm;
    ij_attention attention, predictor_attention;
    ij_layernorm layernorm;
    ij_tokens tokens;
    ij_loss_op loss, pixel_loss;
    ij_regularise regularise; /* planned only where one of its terms has a weight */

    ij_params params;
    ij_net encoder, target, predictor;
    ij_full_lists full;     /* the target encoder's */
    cl_mem context_patches; /* [context tokens, 3 P P] */
    ij_tape encoder_tape, predictor_tape;
    ij_workspace work;
    cl_mem weight_t;         /* the transposed panels of the weight whose turn it is; NULL: none are needed */
    cl_mem context;          /* [context tokens, D] the context encoder's output */
    cl_mem embedded;         /* [context tokens, Dp] after predictor_embed */
    cl_mem predictor_normed; /* [predictions, Dp] */
    cl_mem prediction;       /* [predictions, D] */
    cl_mem target_rows;      /* [targets B T, D] normalised targets */
    cl_mem pixel_prediction; /* [predictions, 3 P P] */
    cl_mem pixel_targets;    /* [targets B T, 3 P P] */
    cl_mem features;         /* [B, D] mean-pooled target features */
    cl_mem measured;         /* partials [IJ_TERMS][IJ_LOSS_PARTIALS] of the loss's terms, then std [D] of features */
    cl_mem partial[IJ_TERMS], std; /* views of it */
} ij_model;

/* What a trainer plans for a micro-batch of its batches: the same with its number of images. */
ij_trainer_config ij_micro_config(const ij_trainer_config *t);

/* Context tokens of a batch that memory is planned for. */
int64_t ij_most_context(const ij_trainer_config *config);
/* Tokens of all its predictor sequences. */
int64_t ij_most_predictor(const ij_trainer_config *config);

/* Floats of `measured`. */
static inline int ij_model_measured(const ij_model_config *model)
{
    return IJ_TERMS * IJ_LOSS_PARTIALS + model->dim;
}

/* Compiles kernels and announces all memory in `plan`. */
ij_status ij_model_plan(ij_model *m, ij_device *device, const ij_trainer_config *config, ij_plan *plan);
/* After the plan is committed: views, constant tables, initial weights. */
ij_status ij_model_start(ij_model *m);
void ij_model_destroy(ij_model *m);

/* ---- The passes of a step, in this order (model_pass.c) ---------------------------------------------------------- */

/* Where a micro-batch, images first .. first + images - 1 of the batch's pixels, lies on the device: those pixels, and
 * the index lists as views of one buffer, in which its images are numbered from 0. */
typedef struct ij_device_batch {
    int first, images;
    bool last;    /* none follows */
    double share; /* of the batch's images: the loss is a mean over them all */
    cl_mem pixels;
    cl_mem list[IJ_LISTS];
    const ij_batch_index *index;
    int target_length;
    ij_objective objective; /* what of all that follows is computed */
    /* Told by ij_model_backward of each segment that no kernel it enqueues later changes the gradient of, of the last
     * micro-batch; NULL: nobody wants to know. */
    ij_status (*final)(void *whom, int segment);
    void *whom;
    int64_t step;
} ij_device_batch;

/* Reads the pixels: patches of all images into scratch, those of the context into context_patches, pixel_targets. After
 * this they may be overwritten. */
ij_status ij_model_patchify(ij_model *m, const ij_device_batch *b);
/* Target encoder: target_rows, features. Uses what ij_model_patchify left in scratch. */
ij_status ij_model_target(ij_model *m, const ij_device_batch *b);
/* Context encoder and predictor: context, prediction, pixel_prediction. */
ij_status ij_model_predict(ij_model *m, const ij_device_batch *b);
/* Loss and its gradient, with the last micro-batch of a whole batch the spread of features: `measured`; partials
 * [IJ_TERMS] as ij_loss_run. */
ij_status ij_model_loss(ij_model *m, const ij_device_batch *b, int *partials);
/* All gradients, set by a batch's first micro-batch and added to by the others. */
ij_status ij_model_backward(ij_model *m, const ij_device_batch *b);
#endif
