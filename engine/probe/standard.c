#include "engine/probe/standard.h"

#include <math.h>
#include <stdlib.h>

ij_status ij_standard_create(ij_standard *s, const float *features, int64_t n, int width)
{
    *s = (ij_standard){.width = width};
    s->mean = calloc(2 * (size_t)width, sizeof *s->mean);
    if (!s->mean)
        return ij_fail(IJ_ENOMEM, "no host memory for the moments of %d features", width);
    s->scale = s->mean + width;
    for (int64_t i = 0; i < n; i++)
        for (int j = 0; j < width; j++)
            s->mean[j] += (double)features[i * width + j];
    for (int j = 0; j < width; j++)
        s->mean[j] /= (double)n;
    for (int64_t i = 0; i < n; i++)
        for (int j = 0; j < width; j++) {
            double x = (double)features[i * width + j] - s->mean[j];
            s->scale[j] += x * x;
        }
    for (int j = 0; j < width; j++) {
        double deviation = sqrt(s->scale[j] / (double)n);
        s->scale[j] = deviation > 1e-12 ? 1 / deviation : 0;
    }
    return IJ_OK;
}

void ij_standard_destroy(ij_standard *s)
{
    free(s->mean);
    *s = (ij_standard){0};
}
