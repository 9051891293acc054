#include "engine/probe/curvature.h"

#include "engine/probe/vectors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double share = 0.25; /* p (1 - p) at most */

/* share covariance + decay = L L', L in the lower triangle, by Cholesky. What rounding takes from a small eigenvalue
 * must not make it less than a part of the decay. */
static void factorise(const ij_axes *axes, double decay, double *factor)
{
    const size_t rank = (size_t)axes->rank;
    for (size_t i = 0; i < rank; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = share * axes->covariance[i * rank + j] + (i == j ? decay : 0);
            sum -= ij_dot_double(factor + i * rank, factor + j * rank, j);
            factor[i * rank + j] = i == j ? sqrt(fmax(sum, 0.1 * decay)) : sum / factor[j * rank + j];
        }
}

/* Column `column` of the inverse of L L', x [rank]. */
static void solve(const double *factor, size_t rank, size_t column, double *x)
{
    memset(x, 0, rank * sizeof *x);
    for (size_t i = column; i < rank; i++)
        x[i] = ((i == column ? 1 : 0) - ij_dot_double(factor + i * rank + column, x + column, i - column)) /
               factor[i * rank + i];
    for (size_t i = rank; i-- > 0;) {
        x[i] /= factor[i * rank + i];
        for (size_t k = 0; k < i; k++)
            x[k] -= factor[i * rank + k] * x[i];
    }
}

ij_status ij_curvature_create(ij_curvature *c, const ij_axes *axes, int classes, double decay)
{
    const size_t rank = (size_t)axes->rank;
    *c = (ij_curvature){.classes = classes, .width = axes->width, .rank = axes->rank};
    c->beyond = 1 / (share * axes->rest + decay);
    c->inverse = calloc(rank * (rank + 1), sizeof *c->inverse);
    double *factor = calloc(rank * (rank + 1), sizeof *factor), *x = factor ? factor + rank * rank : NULL;
    if (!c->inverse || !factor) {
        free(factor);
        return ij_fail(IJ_ENOMEM, "no host memory for the curvature along %zu axes", rank);
    }
    c->room = c->inverse + rank * rank;
    factorise(axes, decay, factor);
    for (size_t k = 0; k < rank; k++) {
        solve(factor, rank, k, x);
        for (size_t i = 0; i <= k; i++) /* the same on both sides of the diagonal */
            c->inverse[i * rank + k] = c->inverse[k * rank + i] = (float)x[i];
    }
    free(factor);
    return IJ_OK;
}

void ij_curvature_destroy(ij_curvature *c)
{
    free(c->inverse);
    *c = (ij_curvature){0};
}

void ij_curvature_divide(const void *curvature, float *weights)
{
    const ij_curvature *c = curvature;
    const size_t n = (size_t)c->width, rank = (size_t)c->rank;
    for (int class = 0; class < c->classes; class ++) {
        float *w = weights + (size_t) class * n;
        memset(c->room, 0, rank * sizeof *c->room);
        for (size_t k = 0; k < rank; k++)
            ij_add_scaled(c->room, (double)w[k], c->inverse + k * rank, rank);
        memcpy(w, c->room, rank * sizeof *w);
        for (size_t j = rank; j < n; j++)
            w[j] *= (float)c->beyond;
    }
    float *bias = weights + (size_t)c->classes * n;
    for (int class = 0; class < c->classes; class ++)
        bias[class] /= (float)share;
}
