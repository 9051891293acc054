#include "engine/flops.h"

#include "engine/layers.h"

/* How often a step goes through a layer: forward, for the input's gradient, for the weight's. */
static int passes(const ij_layer *l, const ij_objective *o)
{
    if (l->network == IJ_NETWORK_TARGET || l->place == IJ_AT_FEATURES)
        if (!(o->weight[IJ_TERM_FEATURE] > 0))
            return 0;
    if (l->place == IJ_AT_PIXELS && !(o->weight[IJ_TERM_PIXEL] > 0))
        return 0;
    if (l->network == IJ_NETWORK_TARGET)
        return 1;
    return l->network == IJ_NETWORK_ENCODER && l->place == IJ_AT_EMBED ? 2 : 3; /* pixels need no gradient */
}

/* Multiply-adds of attention within a sequence: scores and weighted values. */
static double attention(double length, double dim)
{
    return 2.0 * length * length * dim;
}

double ij_step_flops(const ij_model_config *m, const ij_batch *b, const ij_objective *o)
{
    int sequences = b->contexts * b->images, N = ij_model_patches(m);
    int64_t context = b->context_offset[sequences], predictions = (int64_t)b->targets * sequences * b->target_length;
    ij_step_tokens tokens = {(int64_t)b->images * N, context, b->targets * context + predictions, predictions};
    double products = 0.0;
    for (int n = 0; n < IJ_NETWORKS; n++)
        for (ij_layer l = {.network = (ij_network)n}; ij_next_layer(m, &l);)
            if (l.kind == IJ_LAYER_LINEAR)
                products += passes(&l, o) * (double)ij_layer_tokens(&l, &tokens) * l.out * l.in;
    double attend = o->weight[IJ_TERM_FEATURE] > 0 ? (double)b->images * m->depth * attention(N, m->dim) : 0.0;
    for (int s = 0; s < sequences; s++) {
        double n = b->context_offset[s + 1] - b->context_offset[s];
        attend += 3.0 * m->depth * attention(n, m->dim);
        attend += 3.0 * b->targets * m->pred_depth * attention(n + b->target_length, m->pred_dim);
    }
    return 2.0 * (products + attend);
}
