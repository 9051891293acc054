/* One network on a device: what its layers compute with. */
#ifndef IJ_NET_H
#define IJ_NET_H

#include "engine/layers.h"
#include "engine/transformer.h"

/* The memory is others': views of the parameter store, or what encoder_weights.h makes. Without gradients nothing is
 * trained. */
typedef struct ij_net {
    int dim, depth, hidden;
    cl_mem position; /* [N, dim] */
    ij_linear embed;
    ij_block *blocks; /* own */
    ij_norm norm;
    cl_mem mask_token, mask_token_grad; /* the predictor's alone, like its heads */
    ij_linear features, pixels;
} ij_net;

/* Room for the blocks; whatever it returns, destroy it. */
ij_status ij_net_create(ij_net *net, const ij_model_config *model, ij_network network);
void ij_net_destroy(ij_net *net);

/* Where a layer of the network is; of that kind. */
ij_linear *ij_net_linear(ij_net *net, const ij_layer *layer);
ij_norm *ij_net_norm(ij_net *net, const ij_layer *layer);

/* Bytes of ij_gemm.scratch for the products of a network's layers with so many tokens. */
size_t ij_net_scratch(const ij_gemm *gemm, const ij_model_config *model, ij_network network,
                      const ij_step_tokens *tokens);

#endif
