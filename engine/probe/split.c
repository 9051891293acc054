#include "engine/probe/split.h"

#include "engine/base/random.h"

#include <math.h>
#include <stdlib.h>

void ij_split_shuffle(int64_t *order, int64_t n, uint64_t seed, uint32_t draw)
{
    ij_random r;
    ij_random_start(&r, seed, IJ_STREAM_PROBE, 0, draw);
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)ij_random_below(&r, (uint32_t)(i + 1)), held = order[i];
        order[i] = order[j];
        order[j] = held;
    }
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* `room` is of each class at first how many it has, later how many are still wanted. */
static ij_status choose(const ij_labelled *d, int64_t shots, double share, const int64_t *order, int64_t *room,
                        int64_t *chosen, int64_t *count)
{
    for (int64_t i = 0; i < d->n; i++)
        room[d->labels[i]]++;
    for (int c = 0; c < d->classes; c++) {
        if (shots > room[c] && room[c])
            return ij_fail(IJ_EINVAL, "%lld images of each class were asked for; class %d has %lld", (long long)shots,
                           c, (long long)room[c]);
        int64_t part = llround(share * (double)room[c]);
        room[c] = shots ? shots : part > 1 ? part : 1;
    }
    *count = 0;
    for (int64_t i = 0; i < d->n; i++)
        if (room[d->labels[order[i]]] > 0) {
            room[d->labels[order[i]]]--;
            chosen[(*count)++] = order[i];
        }
    qsort(chosen, (size_t)*count, sizeof *chosen, ascending);
    return IJ_OK;
}

ij_status ij_split_few(const ij_labelled *d, int64_t shots, double share, uint64_t seed, uint32_t draw, int64_t *chosen,
                       int64_t *count)
{
    int64_t *order = malloc((size_t)d->n * sizeof *order + 1), *room = calloc((size_t)d->classes + 1, sizeof *room);
    ij_status status = IJ_OK;
    if (order && room) {
        ij_split_shuffle(order, d->n, seed, draw);
        status = choose(d, shots, share, order, room, chosen, count);
    } else
        status = ij_fail(IJ_ENOMEM, "no host memory to draw from %lld images", (long long)d->n);
    free(order);
    free(room);
    return status;
}
