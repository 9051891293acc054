/* The parameter store: every trainable tensor in the official order, grouped into segments that AdamW passes over and
 * that fit a device's largest allocation: one for each block, one for what lies around the blocks. */
#ifndef IJ_PARAMS_H
#define IJ_PARAMS_H

#include "engine/initial.h"
#include "engine/layers.h"
#include "engine/memory.h"
#include "engine/model_config.h"
#include "engine/objective.h"
#include "engine/ops/gemm.h"
#include "engine/ops/optimizer.h"
#include "engine/store.h"

/* One tensor of encoder or predictor. The target encoder's tensors are the `target` side of the encoder's. */
typedef struct ij_tensor {
    char name[96]; /* "encoder.blocks.0.attn.qkv.weight" */
    int dims;
    int64_t shape[4];
    int rows, columns; /* of a weight matrix [rows, columns]; a vector has rows 1 */
    ij_layout layout;
    bool decay; /* weight decay applies */
    int segment;
    ij_dtype type;        /* of its elements on the device: IJ_F32 */
    size_t offset, count; /* elements within the segment; count includes padding */
    cl_mem weight, gradient, target;
} ij_tensor;

typedef struct ij_params {
    ij_device *device;
    const ij_gemm *gemm;
    ij_tensor *tensors;
    int count;
    int encoder_count; /* tensors 0 .. encoder_count-1 are the encoder's */
    ij_segment *segments;
    int segment_count;
    int blocks[2]; /* by ij_network, of encoder and predictor: segment of the first block, the others follow; the one
                    * before is what lies around
                    */
    int head[IJ_TERMS]; /* segment of the predictor's head for a term of the loss; -1: it has none of its own */
} ij_params;

/* Lays the tensors of `model` out and announces their memory in `plan`; that of the moments in the host's memory where
 * `offload`. */
ij_status ij_params_plan(ij_params *p, ij_device *device, const ij_gemm *gemm, const ij_model_config *model,
                         bool offload, ij_plan *plan);
/* After the plan is committed: the views of each tensor. */
ij_status ij_params_views(ij_params *p);
void ij_params_destroy(ij_params *p);

/* The number of a layer's first tensor; its second one follows. The target encoder's layers are the encoder's. */
int ij_params_number(const ij_params *p, const ij_layer *layer);

/* Host copies in the official order [rows, columns], whatever the layout. `target` chooses the target encoder. */
ij_status ij_params_read(ij_params *p, int index, ij_store store, bool target, float *values);
ij_status ij_params_write(ij_params *p, int index, ij_store store, bool target, const float *values);

/* The device's memory that holds a tensor's copy, NULL where there is none. */
cl_mem ij_params_memory(const ij_params *p, int segment, ij_store store, bool target);
/* A part of a tensor in the official order from a host copy of its segment: from element `from`, where the part before
 * ended (0 at first), some 2^17 elements or all that there are. Returns how many; `values` has room for the tensor. */
int64_t ij_params_unpack_part(const ij_params *p, int index, const void *segment, int64_t from, float *values);
/* A segment's numbers without padding: how many; and between the official order, tensor by tensor, and the device's,
 * whose padding stays as it is. `official` and `device` are host copies. */
size_t ij_params_official_count(const ij_params *p, int segment);
void ij_params_to_official(const ij_params *p, int segment, const float *device, float *official);
void ij_params_from_official(const ij_params *p, int segment, const float *official, float *device);

/* Draws the initial weights (docs/method.md "Initial weights") and copies the encoder to the target. */
ij_status ij_params_initialise(ij_params *p, const ij_model_config *model, const ij_drawing *how);

#endif
