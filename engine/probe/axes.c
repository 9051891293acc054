#include "engine/probe/axes.h"

#include "engine/base/random.h"
#include "engine/base/try.h"
#include "engine/probe/vectors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PRODUCTS = 4 }; /* the last one gives the covariance */

/* x = H(k) x */
static void reflect(const ij_axes *a, int k, double *x)
{
    const size_t from = (size_t)k, n = (size_t)a->width - from;
    const double *v = a->reflector + from * (size_t)a->width + from;
    double factor = a->weight[k] * ij_dot_double(v, x + from, n);
    for (size_t j = 0; j < n; j++)
        x[from + j] -= factor * v[j];
}

/* Householder's way: reflectors whose product's first columns span the rows [rank, width]. */
static void find_reflectors(ij_axes *a, const float *rows)
{
    const size_t n = (size_t)a->width;
    for (int k = 0; k < a->rank; k++) {
        double *v = a->reflector + (size_t)k * n;
        for (size_t j = 0; j < n; j++)
            v[j] = (double)rows[(size_t)k * n + j];
        for (int i = 0; i < k; i++)
            reflect(a, i, v);
        memset(v, 0, (size_t)k * sizeof *v);
        double length = sqrt(ij_dot_double(v + k, v + k, n - (size_t)k));
        v[k] += v[k] < 0 ? -length : length;
        for (size_t j = n;
             j-- > (size_t)k && length > 0;) /* element k, the largest, becomes 1, however small all are */
            v[j] /= v[k];
        a->weight[k] = length > 0 ? 2 / ij_dot_double(v + k, v + k, n - (size_t)k) : 0;
    }
}

/* basis [rank, width]: the rotation's first columns. */
static void write_basis(const ij_axes *a, double *room, float *basis)
{
    const size_t n = (size_t)a->width;
    for (int k = 0; k < a->rank; k++) {
        memset(room, 0, n * sizeof *room);
        room[k] = 1;
        for (int i = k; i >= 0; i--)
            reflect(a, i, room);
        for (size_t j = 0; j < n; j++)
            basis[(size_t)k * n + j] = (float)room[j];
    }
}

static ij_status iterate(ij_axes *a, double *room, float *basis, float *product, ij_axes_multiply *multiply, void *with)
{
    ij_random r;
    ij_random_start(&r, 0, IJ_STREAM_PROBE, 1, 0);
    for (size_t i = 0; i < (size_t)a->rank * (size_t)a->width; i++)
        product[i] = ij_random_normal(&r);
    for (int i = 0; i < PRODUCTS; i++) {
        find_reflectors(a, product);
        write_basis(a, room, basis);
        TRY(multiply(with, basis, product));
    }
    return IJ_OK;
}

static ij_status take_features(ij_axes *a, float *basis, float *product, ij_axes_multiply *multiply, void *with)
{
    for (size_t k = 0; k < (size_t)a->width; k++)
        basis[k * (size_t)a->width + k] = 1;
    return multiply(with, basis, product);
}

ij_status ij_axes_create(ij_axes *a, int width, int rank, double total, ij_axes_multiply *multiply, void *with)
{
    *a = (ij_axes){.width = width, .rank = rank < width ? rank : width};
    const size_t n = (size_t)width, axes = (size_t)a->rank;
    float *basis = calloc(2 * axes * n, sizeof *basis), *product = basis + axes * n;
    double *room = malloc(n * sizeof *room), along = 0;
    a->covariance = calloc(axes * axes, sizeof *a->covariance);
    a->reflector = calloc(axes * n, sizeof *a->reflector);
    a->weight = calloc(axes, sizeof *a->weight);
    ij_status status = IJ_OK;
    if (!basis || !room || !a->covariance || !a->reflector || !a->weight)
        status = ij_fail(IJ_ENOMEM, "no host memory for %zu axes of %zu features", axes, n);
    else if (a->rank < width)
        status = iterate(a, room, basis, product, multiply, with);
    else
        status = take_features(a, basis, product, multiply, with);
    for (size_t i = 0; i < axes && !status; i++) {
        for (size_t j = 0; j <= i; j++)
            a->covariance[i * axes + j] = a->covariance[j * axes + i] = ij_dot(basis + i * n, product + j * n, n);
        along += a->covariance[i * axes + i];
    }
    a->rest = a->rank < width ? fmax(0, total - along) / (width - a->rank) : 0;
    free(basis);
    free(room);
    if (status)
        ij_axes_destroy(a);
    return status;
}

void ij_axes_destroy(ij_axes *a)
{
    free(a->covariance);
    free(a->reflector);
    free(a->weight);
    *a = (ij_axes){0};
}

/* Q = 1 - V T V', V's columns the reflectors, T [rank, rank] an upper triangle (Schreiber and Van Loan 1989). */
static void join(const ij_axes *a, double *t)
{
    const size_t n = (size_t)a->width, rank = (size_t)a->rank;
    for (size_t k = 0; k < rank; k++) {
        t[k * rank + k] = a->weight[k];
        for (size_t i = 0; i < k; i++) { /* -weight (V' v), then times T from the left */
            const double *v = a->reflector + i * n, *w = a->reflector + k * n;
            t[i * rank + k] = -a->weight[k] * ij_dot_double(v + k, w + k, n - k);
        }
        for (size_t i = 0; i < k; i++) {
            double sum = 0;
            for (size_t j = i; j < k; j++)
                sum += t[i * rank + j] * t[j * rank + k];
            t[i * rank + k] = sum;
        }
    }
}

ij_status ij_axes_rotation(const ij_axes *a, float *down, float *up)
{
    const size_t n = (size_t)a->width, rank = (size_t)a->rank;
    double *t = calloc(rank * rank + n, sizeof *t), *row = t ? t + rank * rank : NULL;
    if (!t)
        return ij_fail(IJ_ENOMEM, "no host memory for %zu axes", rank);
    join(a, t);
    for (size_t k = 0; k < rank; k++) { /* column k of V T */
        memset(row, 0, n * sizeof *row);
        for (size_t i = 0; i <= k; i++)
            for (size_t j = 0; j < n; j++)
                row[j] += t[i * rank + k] * a->reflector[i * n + j];
        for (size_t j = 0; j < n; j++) {
            down[k * n + j] = (float)row[j];
            up[j * rank + k] = (float)-a->reflector[k * n + j];
        }
    }
    free(t);
    return IJ_OK;
}

void ij_axes_turn_back(const ij_axes *a, float *weights, double *room)
{
    if (a->rank == a->width)
        return;
    for (int j = 0; j < a->width; j++)
        room[j] = (double)weights[j];
    for (int k = a->rank - 1; k >= 0; k--)
        reflect(a, k, room);
    for (int j = 0; j < a->width; j++)
        weights[j] = (float)room[j];
}
