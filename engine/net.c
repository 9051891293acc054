#include "engine/net.h"

#include <stdlib.h>
#include <string.h>

ij_status ij_net_create(ij_net *net, const ij_model_config *model, ij_network network)
{
    bool predictor = network == IJ_NETWORK_PREDICTOR;
    *net = (ij_net){.dim = predictor ? model->pred_dim : model->dim,
                    .depth = predictor ? model->pred_depth : model->depth,
                    .hidden = predictor ? ij_model_pred_hidden(model) : model->hidden};
    net->blocks = calloc((size_t)net->depth, sizeof *net->blocks);
    return net->blocks ? IJ_OK : ij_fail(IJ_ENOMEM, "out of memory for the list of blocks");
}

void ij_net_destroy(ij_net *net)
{
    free(net->blocks);
    memset(net, 0, sizeof *net);
}

ij_linear *ij_net_linear(ij_net *net, const ij_layer *l)
{
    ij_block *b = l->block < 0 ? NULL : &net->blocks[l->block];
    switch (l->place) {
    case IJ_AT_EMBED:
        return &net->embed;
    case IJ_AT_QKV:
        return &b->qkv;
    case IJ_AT_PROJ:
        return &b->proj;
    case IJ_AT_FC1:
        return &b->fc1;
    case IJ_AT_FC2:
        return &b->fc2;
    case IJ_AT_FEATURES:
        return &net->features;
    case IJ_AT_PIXELS:
        return &net->pixels;
    default:
        return NULL;
    }
}

ij_norm *ij_net_norm(ij_net *net, const ij_layer *l)
{
    if (l->block < 0)
        return &net->norm;
    ij_block *b = &net->blocks[l->block];
    return l->place == IJ_AT_NORM1 ? &b->norm1 : &b->norm2;
}

size_t ij_net_scratch(const ij_gemm *gemm, const ij_model_config *model, ij_network network,
                      const ij_step_tokens *tokens)
{
    size_t most = 0;
    for (ij_layer l = {.network = network}; ij_next_layer(model, &l);) {
        size_t need =
            l.kind == IJ_LAYER_LINEAR ? ij_gemm_scratch(gemm, (int)ij_layer_tokens(&l, tokens), l.out, l.in) : 0;
        most = need > most ? need : most;
    }
    return most;
}
