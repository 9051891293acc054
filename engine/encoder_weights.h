/* The weights of an encoder on the device: where they are, and their way there from a model file. */
#ifndef IJ_ENCODER_WEIGHTS_H
#define IJ_ENCODER_WEIGHTS_H

#include "engine/encoder.h"
#include "engine/memory.h"
#include "engine/transformer.h"

typedef struct ij_encoder_weights {
    ij_linear embed;
    ij_block *blocks; /* [depth] */
    ij_norm norm;
    cl_mem position; /* [N, D] */
} ij_encoder_weights;

/* Announces the memory of an encoder of this shape; w->blocks has room for its depth. */
ij_status ij_encoder_weights_plan(ij_encoder_weights *w, const ij_model_config *model, const ij_gemm *gemm,
                                  ij_plan *plan);
/* After the plan is committed: fills them as `options` say, a tensor at a time. Where the file's encoder has another
 * grid than `model`, IJ_POSITIONS_COMPUTED is IJ_EINVAL for a table that is not sine-cosine. */
ij_status ij_encoder_weights_load(const ij_encoder_weights *w, const ij_model_config *model, const ij_gemm *gemm,
                                  ij_model_file *file, const ij_encoder_options *options);

#endif
