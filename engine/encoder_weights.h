/* The weights of an encoder of its own on the device, and their way there from a model file. */
#ifndef IJ_ENCODER_WEIGHTS_H
#define IJ_ENCODER_WEIGHTS_H

#include "engine/encoder.h"
#include "engine/memory.h"
#include "engine/net.h"

/* Announces the memory of an encoder of this shape. */
ij_status ij_encoder_weights_plan(ij_net *net, const ij_model_config *model, const ij_gemm *gemm, ij_plan *plan);
/* After the plan is committed: fills them as `options` say, a tensor at a time. Where the file's encoder has another
 * grid than `model`, IJ_POSITIONS_COMPUTED is IJ_EINVAL for a table that is not sine-cosine. */
ij_status ij_encoder_weights_load(ij_net *net, const ij_model_config *model, const ij_gemm *gemm, ij_model_file *file,
                                  const ij_encoder_options *options);

#endif
