#include "engine/flops.h"

#include <stdbool.h>

/* Multiply-adds of the linear layers of a block, for one token. */
static double block_linear(double dim, double hidden)
{
    return 4.0 * dim * dim + 2.0 * dim * hidden;
}

/* Multiply-adds of attention within a sequence: scores and weighted values. */
static double attention(double length, double dim)
{
    return 2.0 * length * length * dim;
}

double ij_step_flops(const ij_model_config *m, const ij_batch *b, const ij_objective *o)
{
    double D = m->dim, Dp = m->pred_dim, B = b->images, N = ij_model_patches(m), pixels = 3.0 * m->patch * m->patch;
    int sequences = b->contexts * b->images;
    double context = b->context_offset[sequences], predictions = (double)b->targets * sequences * b->target_length;
    double predictor = b->targets * context + predictions;

    double target = B * N * (pixels * D + m->depth * block_linear(D, m->hidden)) + B * m->depth * attention(N, D);
    double encoder = context * m->depth * block_linear(D, m->hidden);
    double predict = predictor * m->pred_depth * block_linear(Dp, 4.0 * Dp) + context * D * Dp;
    bool features = o->weight[IJ_TERM_FEATURE] > 0;
    predict += predictions * Dp * ((features ? D : 0) + (o->weight[IJ_TERM_PIXEL] > 0 ? pixels : 0));
    /* Of the predictor's last block only the mask tokens are read: qkv and attention for all, the rest for these. */
    predict -= (predictor - predictions) * (block_linear(Dp, 4.0 * Dp) - 3.0 * Dp * Dp);
    double attend = 0.0;
    for (int s = 0; s < sequences; s++) {
        double n = b->context_offset[s + 1] - b->context_offset[s];
        attend += m->depth * attention(n, D) + b->targets * m->pred_depth * attention(n + b->target_length, Dp);
    }
    double embed = context * pixels * D; /* forward and weight gradient only: pixels need none */
    return 2.0 * ((features ? target : 0) + 3.0 * (encoder + predict + attend) + 2.0 * embed);
}
