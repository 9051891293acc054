/* What a trainer is made for, as plain numbers: the model, the batch, the loss, the optimiser. Knows no OpenCL. */
#ifndef IJ_TRAINER_CONFIG_H
#define IJ_TRAINER_CONFIG_H

#include "engine/initial.h"
#include "engine/model_config.h"
#include "engine/operation.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum ij_loss { IJ_LOSS_L2, IJ_LOSS_SMOOTH_L1 } ij_loss;

enum { IJ_MICRO_AUTO = -1 };

/* What a backward pass finds of a block's forward pass: all that it needs, or the block's input, from which the rest is
 * computed again. AUTO: all, where that fits. */
typedef enum ij_recompute { IJ_RECOMPUTE_NONE, IJ_RECOMPUTE_BLOCKS, IJ_RECOMPUTE_AUTO } ij_recompute;

/* What lies in the host's memory and comes to the device when its turn is: AdamW's moments. AUTO: where nothing else
 * fits. */
typedef enum ij_offload_what { IJ_OFFLOAD_NONE, IJ_OFFLOAD_MOMENTS, IJ_OFFLOAD_AUTO } ij_offload_what;

typedef struct ij_trainer_config {
    ij_model_config model;
    int batch;       /* B */
    int share;       /* the most images of a batch that this trainer computes, others the rest; 0: all B */
    int micro_batch; /* images that are computed on at a time, the result being the same; 0: all of its share,
                        IJ_MICRO_AUTO: as many as fit, see ij_trainer_create */
    ij_recompute recompute;
    ij_offload_what offload;
    struct ij_ranks *ranks; /* who computes the other shares; the update is by the gradient of the whole batch, and all
                               ranks make the same steps. NULL: nobody */
    uint64_t memory;        /* bytes that the trainer may take on the device; 0: what there is */
    int contexts;           /* context blocks per image */
    int targets;            /* target blocks per image */
    int context_capacity;   /* longest context block, in patches */
    int64_t most_context;   /* context tokens of a whole batch, which memory is planned for; 0: all of the longest */
    int64_t most_predictor; /* tokens of all its predictor sequences, likewise */
    int target_capacity;    /* longest target block, in patches */
    ij_loss loss;
    ij_gemm_backend gemm;
    double beta1, beta2, eps; /* AdamW: 0.9, 0.999, 1e-8 */
    double clip_grad;         /* the gradient is shortened to this norm where it is longer; 0: never */
    int target_layers;        /* the targets are the mean over so many last blocks; 0 is 1: the last one's alone */
    double pixel_weight;      /* of the pixels' term beside the features'; above 0 only with model.pixel_head */
    double variance_weight, covariance_weight, sigreg_weight; /* of regularisers of the pooled context features */
    uint64_t seed; /* of the initial weights; this and the next two as in ij_drawing */
    bool rescale_residual;
    ij_init init;
} ij_trainer_config;

/* Whether the loss has terms that are of a whole batch: variance, covariance or SIGReg. */
static inline bool ij_is_regularised(const ij_trainer_config *t)
{
    return t->variance_weight > 0 || t->covariance_weight > 0 || t->sigreg_weight > 0;
}

/* Images of a batch that a trainer computes at most. */
static inline int ij_most_share(const ij_trainer_config *t)
{
    return t->share ? t->share : t->batch;
}

#endif
