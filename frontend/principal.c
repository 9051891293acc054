/* The covariance matrix, and on it subspace iteration with a Rayleigh-Ritz step (Golub and Van Loan, Matrix
 * Computations, 8.2 and 8.3): the subspace is larger than what is wanted, so that close eigenvalues separate too; the
 * small problem in it is solved by Jacobi's rotations. */
#include "frontend/principal.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { EXTRA = 8, ITERATIONS = 200, SWEEPS = 30 };
static const double settled = 1e-9; /* of the largest eigenvalue: how far the wanted ones may still move in a round */

/* Room for the iteration; `k` directions as rows. */
typedef struct subspace {
    int dim, k;
    double *covariance; /* [dim, dim] */
    double *v, *w;      /* [k, dim]: orthonormal directions; the matrix times these */
    double *small, *turn;
} subspace;

static double dot(const double *a, const double *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void find_mean(ij_principal *p, const float *rows, int64_t n)
{
    for (int64_t r = 0; r < n; r++)
        for (int i = 0; i < p->dim; i++)
            p->mean[i] += (double)rows[r * p->dim + i] / (double)n;
}

/* The upper triangle, then its mirror. `row`: [dim] of scratch. */
static void find_covariance(const ij_principal *p, const float *rows, int64_t n, double *c, double *row)
{
    int dim = p->dim;
    for (int64_t r = 0; r < n; r++) {
        for (int i = 0; i < dim; i++)
            row[i] = (double)rows[r * dim + i] - p->mean[i];
        for (int i = 0; i < dim; i++)
            for (int j = i; j < dim; j++)
                c[(size_t)i * (size_t)dim + (size_t)j] += row[i] * row[j] / (double)n;
    }
    for (int i = 0; i < dim; i++)
        for (int j = 0; j < i; j++)
            c[(size_t)i * (size_t)dim + (size_t)j] = c[(size_t)j * (size_t)dim + (size_t)i];
}

/* Gram-Schmidt, twice for accuracy. A direction that vanishes becomes an axis: the matrix has fewer than k. */
static void orthonormalise(subspace *s, double *v)
{
    for (int i = 0, spare = 0; i < s->k; i++) {
        double *x = v + (size_t)i * (size_t)s->dim;
        double before = sqrt(dot(x, x, s->dim));
        for (int pass = 0; pass < 2; pass++)
            for (int j = 0; j < i; j++) {
                const double *y = v + (size_t)j * (size_t)s->dim;
                double part = dot(x, y, s->dim);
                for (int e = 0; e < s->dim; e++)
                    x[e] -= part * y[e];
            }
        double length = sqrt(dot(x, x, s->dim));
        if (length > 1e-12 * before && length > 1e-150) {
            for (int e = 0; e < s->dim; e++)
                x[e] /= length;
        } else {
            memset(x, 0, (size_t)s->dim * sizeof *x);
            x[spare++ % s->dim] = 1;
            i--; /* once more, against those before; some axis is independent of them */
        }
    }
}

/* Eigenvectors of the symmetric a [k, k] into the rows of `turn`; its diagonal becomes the eigenvalues. */
static void jacobi(double *a, double *turn, int k)
{
    for (int i = 0; i < k * k; i++)
        turn[i] = i % (k + 1) == 0;
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        double off = 0;
        for (int i = 0; i < k; i++)
            for (int j = 0; j < i; j++)
                off += a[i * k + j] * a[i * k + j];
        if (off == 0)
            return;
        for (int p = 0; p < k; p++)
            for (int q = p + 1; q < k; q++) {
                if (a[p * k + q] == 0)
                    continue;
                double theta = (a[q * k + q] - a[p * k + p]) / (2 * a[p * k + q]);
                double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1));
                double c = 1 / sqrt(t * t + 1), s = t * c;
                for (int i = 0; i < k; i++) { /* columns p and q */
                    double x = a[i * k + p], y = a[i * k + q];
                    a[i * k + p] = c * x - s * y;
                    a[i * k + q] = s * x + c * y;
                }
                for (int i = 0; i < k; i++) { /* rows p and q, and the directions with them */
                    double x = a[p * k + i], y = a[q * k + i];
                    a[p * k + i] = c * x - s * y;
                    a[q * k + i] = s * x + c * y;
                    x = turn[p * k + i], y = turn[q * k + i];
                    turn[p * k + i] = c * x - s * y;
                    turn[q * k + i] = s * x + c * y;
                }
            }
    }
}

/* w = the rows of v, each times the covariance. */
static void multiply(const subspace *s)
{
    for (int i = 0; i < s->k; i++)
        for (int j = 0; j < s->dim; j++)
            s->w[(size_t)i * (size_t)s->dim + (size_t)j] =
                dot(s->v + (size_t)i * (size_t)s->dim, s->covariance + (size_t)j * (size_t)s->dim, s->dim);
}

/* v becomes the best eigenvectors within its span, by falling value; values [k]. Needs w = v times the matrix. */
static void rayleigh_ritz(subspace *s, double *values)
{
    int k = s->k;
    for (int i = 0; i < k; i++)
        for (int j = 0; j < k; j++)
            s->small[i * k + j] = dot(s->v + (size_t)i * (size_t)s->dim, s->w + (size_t)j * (size_t)s->dim, s->dim);
    for (int i = 0; i < k; i++)
        for (int j = 0; j < i; j++)
            s->small[i * k + j] = s->small[j * k + i] = (s->small[i * k + j] + s->small[j * k + i]) / 2;
    jacobi(s->small, s->turn, k);
    memset(s->w, 0, (size_t)k * (size_t)s->dim * sizeof *s->w);
    for (int place = 0; place < k; place++) {
        int best = 0;
        for (int i = 1; i < k; i++)
            if (s->small[i * k + i] > s->small[best * k + best])
                best = i;
        values[place] = s->small[best * k + best];
        s->small[best * k + best] = -INFINITY;
        for (int j = 0; j < k; j++)
            for (int e = 0; e < s->dim; e++)
                s->w[(size_t)place * (size_t)s->dim + (size_t)e] +=
                    s->turn[best * k + j] * s->v[(size_t)j * (size_t)s->dim + (size_t)e];
    }
    memcpy(s->v, s->w, (size_t)k * (size_t)s->dim * sizeof *s->v);
}

static void iterate(subspace *s, int wanted, double *values, double *before)
{
    /* Any start that no eigenvector is orthogonal to; a fixed one, so that the same rows give the same axes. */
    for (int i = 0; i < s->k * s->dim; i++)
        s->v[i] = sin(1.0 + 1.7 * i + 0.001 * i * (double)(i % 97));
    orthonormalise(s, s->v);
    for (int round = 0; round < ITERATIONS; round++) {
        multiply(s);
        rayleigh_ritz(s, values);
        bool moved = round == 0;
        for (int i = 0; i < wanted; i++) {
            moved = moved || fabs(values[i] - before[i]) > settled * fabs(values[0]);
            before[i] = values[i];
        }
        if (!moved)
            return;
        multiply(s);
        memcpy(s->v, s->w, (size_t)s->k * (size_t)s->dim * sizeof *s->v);
        orthonormalise(s, s->v);
    }
}

static void keep(ij_principal *p, const subspace *s, const double *values)
{
    for (int i = 0; i < p->count; i++) {
        const double *axis = s->v + (size_t)i * (size_t)p->dim;
        int largest = 0;
        for (int e = 1; e < p->dim; e++)
            if (fabs(axis[e]) > fabs(axis[largest]))
                largest = e;
        for (int e = 0; e < p->dim; e++)
            p->axes[(size_t)i * (size_t)p->dim + (size_t)e] = axis[largest] < 0 ? -axis[e] : axis[e];
        p->variance[i] = values[i] > 0 ? values[i] : 0;
    }
}

ij_status ij_principal_find(ij_principal *p, const float *rows, int64_t n, int dim, int count)
{
    int k = count + EXTRA < dim ? count + EXTRA : dim;
    size_t d = (size_t)dim, kd = (size_t)k * d, kk = (size_t)(k * k);
    *p = (ij_principal){.dim = dim, .count = count};
    p->mean = calloc(d, sizeof *p->mean);
    p->axes = calloc((size_t)count * d, sizeof *p->axes);
    p->variance = calloc((size_t)count, sizeof *p->variance);
    double *room = calloc(d * d + d + 2 * kd + 2 * kk + 2 * (size_t)k, sizeof *room);
    if (!p->mean || !p->axes || !p->variance || !room) {
        free(room);
        return ij_fail(IJ_ENOMEM, "no memory for the principal components of %d features", dim);
    }
    subspace s = {.dim = dim, .k = k, .covariance = room, .v = room + d * d + d};
    s.w = s.v + kd;
    s.small = s.w + kd;
    s.turn = s.small + kk;
    double *values = s.turn + kk;
    find_mean(p, rows, n);
    find_covariance(p, rows, n, s.covariance, room + d * d);
    for (int i = 0; i < dim; i++)
        p->total += s.covariance[(size_t)i * (d + 1)];
    iterate(&s, count, values, values + k);
    keep(p, &s, values);
    free(room);
    return IJ_OK;
}

void ij_principal_free(ij_principal *p)
{
    free(p->mean);
    free(p->axes);
    free(p->variance);
    *p = (ij_principal){0};
}

void ij_principal_project(const ij_principal *p, const float *row, double *coordinates)
{
    for (int i = 0; i < p->count; i++) {
        coordinates[i] = 0;
        for (int e = 0; e < p->dim; e++)
            coordinates[i] += p->axes[(size_t)i * (size_t)p->dim + (size_t)e] * ((double)row[e] - p->mean[e]);
    }
}
