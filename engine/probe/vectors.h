/* Sums over long vectors, in double and always in the same order. */
#ifndef IJ_PROBE_VECTORS_H
#define IJ_PROBE_VECTORS_H

#include <stddef.h>

/* a . b, in eight sums that do not wait for each other. */
static inline double ij_dot(const float *a, const float *b, size_t n)
{
    double sum[8] = {0};
    size_t k = 0;
    for (; k + 8 <= n; k += 8)
        for (size_t u = 0; u < 8; u++)
            sum[u] += (double)a[k + u] * (double)b[k + u];
    for (; k < n; k++)
        sum[0] += (double)a[k] * (double)b[k];
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

static inline double ij_dot_double(const double *a, const double *b, size_t n)
{
    double sum[8] = {0};
    size_t k = 0;
    for (; k + 8 <= n; k += 8)
        for (size_t u = 0; u < 8; u++)
            sum[u] += a[k + u] * b[k + u];
    for (; k < n; k++)
        sum[0] += a[k] * b[k];
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/* y += factor x */
static inline void ij_add_scaled(float *y, double factor, const float *x, size_t n)
{
    float f = (float)factor;
    for (size_t k = 0; k < n; k++)
        y[k] += f * x[k];
}

#endif
