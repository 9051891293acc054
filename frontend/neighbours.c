#include "frontend/neighbours.h"

#include <math.h>
#include <stdlib.h>

enum { TILE_BYTES = 4 << 20 };

static double dot(const float *a, const float *b, int64_t n)
{
    double sum[4] = {0}; /* four chains, so that one addition need not wait for the last */
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++)
            sum[k] += (double)a[i + k] * (double)b[i + k];
    for (; i < n; i++)
        sum[0] += (double)a[i] * (double)b[i];
    return sum[0] + sum[1] + sum[2] + sum[3];
}

/* Puts a row in its place among the best so far. */
static void offer(ij_neighbour *found, int *n, int top, ij_neighbour candidate)
{
    if (*n == top && candidate.cosine <= found[top - 1].cosine)
        return;
    int at = *n < top ? (*n)++ : top - 1;
    for (; at > 0 && found[at - 1].cosine < candidate.cosine; at--)
        found[at] = found[at - 1];
    found[at] = candidate;
}

ij_status ij_neighbours_find(const ij_npy *npy, const float *query, int64_t skip, int top, ij_neighbour *found, int *n)
{
    int64_t tile = TILE_BYTES / ((int64_t)sizeof(float) * npy->width);
    if (tile < 1)
        tile = 1;
    double length = sqrt(dot(query, query, npy->width));
    *n = 0;
    if (!(length > 0) || !isfinite(length))
        return ij_fail(IJ_EINVAL, "the features that are looked for are all zero, or not numbers");
    float *rows = malloc((size_t)tile * (size_t)npy->width * sizeof *rows);
    if (!rows)
        return ij_fail(IJ_ENOMEM, "no memory for %lld rows of features", (long long)tile);
    ij_status status = IJ_OK;
    for (int64_t first = 0; first < npy->rows && !status; first += tile) {
        int64_t count = npy->rows - first < tile ? npy->rows - first : tile;
        status = ij_npy_read(npy, first, count, rows);
        for (int64_t i = 0; i < count && !status; i++) {
            const float *row = rows + i * npy->width;
            double own = sqrt(dot(row, row, npy->width)), cosine = own > 0 ? dot(row, query, npy->width) / own : 0;
            if (first + i != skip && !isnan(cosine))
                offer(found, n, top, (ij_neighbour){first + i, cosine / length});
        }
    }
    free(rows);
    return status;
}
