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

/* sqrt(2 l) for proj and fc2 of block l = 1, 2, ...; 1 for every other tensor. */
static float residual_divisor(const char *name)
{
    const char *at = strstr(name, "blocks.");
    if (!at || (!strstr(name, "attn.proj.weight") && !strstr(name, "mlp.fc2.weight")))
        return 1.0f;
    return sqrtf(2.0f * (float)(atoi(at + strlen("blocks.")) + 1));
}

void ij_initial_weights(const char *name, int number, bool drawn, uint64_t seed, bool rescale_residual, float *values,
                        size_t n)
{
    if (drawn) {
        ij_random r;
        ij_random_start(&r, seed, IJ_STREAM_WEIGHTS, (uint64_t)number, 0);
        draw_normals(&r, values, n, 0.02f / (rescale_residual ? residual_divisor(name) : 1.0f));
        return;
    }
    for (size_t k = 0; k < n; k++)
        values[k] = strstr(name, ".weight") ? 1.0f : 0.0f;
}
