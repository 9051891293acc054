#include "frontend/feature_parcels.h"

#include <stdlib.h>
#include <string.h>

static size_t align(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

static unsigned char *parcel(const ij_feature_parcels *p, int r)
{
    return p->all + (size_t)r * p->bytes;
}

static size_t pixels_of(ij_ranks *ranks, int size, int64_t floats)
{
    return ranks && floats ? 0 : (size_t)size * (size_t)size * 3;
}

int ij_feature_parcels_most(ij_ranks *ranks, int images, int size, int64_t floats)
{
    const size_t most = (size_t)1 << 30;
    size_t image = sizeof(int64_t) + (size_t)floats * sizeof(float) + pixels_of(ranks, size, floats);
    size_t fit = most / image;
    return !ranks || fit >= (size_t)images ? images : fit ? (int)fit : 1;
}

bool ij_feature_parcels_make(ij_feature_parcels *p, ij_ranks *ranks, int images, int size, int64_t floats)
{
    size_t n = (size_t)images;
    *p = (ij_feature_parcels){.ranks = ranks,
                              .ranks_count = ij_ranks_count(ranks),
                              .floats = floats,
                              .image = pixels_of(ranks, size, floats)};
    p->samples = align(sizeof(int64_t));
    p->features = p->samples + align(n * sizeof(int64_t));
    p->pixels = p->features + align(n * (size_t)floats * sizeof(float));
    p->bytes = p->pixels + align(n * p->image);
    p->all = malloc((size_t)p->ranks_count * p->bytes);
    return p->all != NULL;
}

void ij_feature_parcels_free(ij_feature_parcels *p)
{
    free(p->all);
}

float *ij_feature_parcels_own_features(const ij_feature_parcels *p)
{
    return (float *)(void *)(parcel(p, ij_ranks_own(p->ranks)) + p->features);
}

void ij_feature_parcels_exchange(ij_feature_parcels *p, int images, const int64_t *samples, const uint8_t *pixels)
{
    unsigned char *own = parcel(p, ij_ranks_own(p->ranks));
    int64_t count = images;
    memcpy(own, &count, sizeof count);
    memcpy(own + p->samples, samples, (size_t)images * sizeof *samples);
    memcpy(own + p->pixels, pixels, (size_t)images * p->image);
    ij_ranks_gather(p->ranks, p->all, p->bytes);
}

ij_features_batch ij_feature_parcels_of(const ij_feature_parcels *p, int r)
{
    unsigned char *from = parcel(p, r);
    int64_t count;
    memcpy(&count, from, sizeof count);
    return (ij_features_batch){.images = (int)count,
                               .samples = (const int64_t *)(const void *)(from + p->samples),
                               .pixels = p->image ? from + p->pixels : NULL,
                               .features = p->floats ? (const float *)(const void *)(from + p->features) : NULL,
                               .floats = p->floats};
}
