/* What a trainer is made of; for the trainer's own files. */
#ifndef IJ_TRAINER_STATE_H
#define IJ_TRAINER_STATE_H

#include "engine/batch_numbers.h"
#include "engine/exchange.h"
#include "engine/model.h"
#include "engine/offload.h"
#include "engine/ops/optimizer.h"
#include "engine/slot.h"
#include "engine/trainer.h"

/* A step's measurements on their way back. */
typedef struct measurement {
    float *values; /* as model.measured */
    ij_objective objective;
    int partials[IJ_TERMS];
    int64_t elements[IJ_TERMS]; /* a term is a mean over these */
    float clip;                 /* what the gradient was multiplied by */
    int64_t step;
    cl_event ready;           /* all of it is there */
    ij_batch_numbers numbers; /* of the whole batch, where other ranks have shares of it */
} measurement;

struct ij_trainer {
    ij_device *device;
    ij_trainer_config config;
    ij_plan *plan;
    ij_model model;
    ij_optimizer optimizer;
    ij_offload offload;
    ij_exchange exchange;
    int64_t *updates; /* [segments] of each in this step: see updates_of */
    ij_slot slots[2];
    measurement measured[2];
    int first, own; /* the images of a batch that are computed here */
    int64_t step;
    int64_t failed_step; /* see ij_trainer_usable; -1: none */
    cl_event updated;    /* the last step's optimiser is done */
    int kernels;
    int last_slot;
    ij_part_told *told; /* NULL: nobody is */
    void *whom;
    ij_tensor_info *infos; /* encoder, predictor, target encoder */
    char (*names)[112];
};

/* A step that fails on its way may leave weights behind of which some are a step ahead of others. Nobody may go on with
 * them, nor write them over a good checkpoint: IJ_EDEVICE then. */
ij_status ij_trainer_usable(const ij_trainer *t);
/* ij_cl_check for a wait: what fails then are the commands that were waited for, those of a step among them. */
ij_status ij_trainer_check_wait(ij_trainer *t, cl_int code, const char *what);

/* Once it is made: finds out, with all other ranks, whether gradients go through the official order. */
ij_status ij_trainer_agree_on_order(ij_trainer *t);

#endif
