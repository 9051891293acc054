#include "engine/initial.h"

#include "engine/base/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
static float xavier_bound(const char *name, int rows, int columns)
{
    int fan_out = strstr(name, "attn.qkv.weight") ? rows / 3 : rows;
    return sqrtf(6.0f / (float)(columns + fan_out));
}

/* sqrt(2 l) for proj and fc2 of block l = 1, 2, ...; 1 for every other tensor. */
static float residual_divisor(const char *name)
{
    const char *at = strstr(name, "blocks.");
    if (!at || (!strstr(name, "attn.proj.weight") && !strstr(name, "mlp.fc2.weight")))
        return 1.0f;
    return sqrtf(2.0f * (float)(atoi(at + strlen("blocks.")) + 1));
}

void ij_initial_weights(const char *name, int number, int rows, int columns, bool drawn, const ij_drawing *how,
                        float *values)
{
    size_t n = (size_t)rows * (size_t)columns;
    if (drawn) {
        bool matrix = strstr(name, ".weight"); /* and not the mask token */
        float divisor = how->rescale_residual ? residual_divisor(name) : 1.0f;
        ij_random r;
        ij_random_start(&r, how->seed, IJ_STREAM_WEIGHTS, (uint64_t)number, 0);
        if (how->init == IJ_INIT_XAVIER && matrix)
            draw_uniform(&r, values, n, xavier_bound(name, rows, columns) / divisor);
        else
            draw_normals(&r, values, n, 0.02f / divisor);
        return;
    }
    for (size_t k = 0; k < n; k++)
        values[k] = strstr(name, ".weight") ? 1.0f : 0.0f;
}
