#include "engine/attention_map.h"

#include <math.h>
#include <stddef.h>

void ij_attention_map(const float *qkv, int tokens, int heads, int head_dim, int query, float *weights)
{
    size_t width = (size_t)heads * (size_t)head_dim;
    for (int h = 0; h < heads; h++) {
        const float *q = qkv + (size_t)query * 3 * width + (size_t)h * (size_t)head_dim;
        float *w = weights + (size_t)h * (size_t)tokens, most = -INFINITY;
        for (int t = 0; t < tokens; t++) {
            const float *k = qkv + ((size_t)t * 3 + 1) * width + (size_t)h * (size_t)head_dim;
            double dot = 0;
            for (int i = 0; i < head_dim; i++)
                dot += (double)q[i] * (double)k[i];
            w[t] = (float)(dot / sqrt(head_dim));
            most = w[t] > most ? w[t] : most;
        }
        double sum = 0;
        for (int t = 0; t < tokens; t++)
            sum += (double)(w[t] = expf(w[t] - most));
        for (int t = 0; t < tokens; t++)
            w[t] = (float)((double)w[t] / sum);
    }
}
