#include "engine/initial.h"

#include "engine/base/random.h"

#include <math.h>
#include <stddef.h>

/* n normals of std 0.02. The definition truncates them at +-2: a hundred standard deviations, where none can come. */
static void draw_normals(ij_random *r, float *values, size_t n, float std)
{
    for (size_t k = 0; k < n; k += 2) {
        float pair[2];
        ij_random_normals(r, pair);
        values[k] = std * pair[0];
        if (k + 1 < n)
            values[k + 1] = std * pair[1];
    }
}

/* n numbers between -bound and bound, equally likely. */
static void draw_uniform(ij_random *r, float *values, size_t n, float bound)
{
    for (size_t k = 0; k < n; k++)
        values[k] = bound * (2.0f * ij_random_uniform(r) - 1.0f);
}

/* Glorot and Bengio's sqrt(6 / (fan_in + fan_out)). Queries, keys and values are three layers of D outputs each, which
 * share a matrix. */
static float xavier_bound(const ij_layer *l)
{
    return sqrtf(6.0f / (float)(l->in + l->out / l->joined));
}

/* sqrt(2 l) for proj and fc2 of block l = 1, 2, ... */
static float residual_divisor(const ij_layer *l)
{
    return l->residual ? sqrtf(2.0f * (float)(l->block + 1)) : 1.0f;
}

void ij_initial_weights(const ij_layer *l, int which, int number, const ij_drawing *how, float *values)
{
    bool linear = l->kind == IJ_LAYER_LINEAR, drawn = which == 0 && l->kind != IJ_LAYER_NORM;
    size_t n = (size_t)l->out * (size_t)(drawn ? l->in : 1);
    if (drawn) {
        float divisor = how->rescale_residual ? residual_divisor(l) : 1.0f;
        ij_random r;
        ij_random_start(&r, how->seed, IJ_STREAM_WEIGHTS, (uint64_t)number, 0);
        if (how->init == IJ_INIT_XAVIER && linear)
            draw_uniform(&r, values, n, xavier_bound(l) / divisor);
        else
            draw_normals(&r, values, n, 0.02f / divisor);
        return;
    }
    for (size_t k = 0; k < n; k++)
        values[k] = which == 0 ? 1.0f : 0.0f;
}
