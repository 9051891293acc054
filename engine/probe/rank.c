#include "engine/probe/rank.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* The vectors less their mean, in double; false where they differ by no more than floats' rounding. */
static bool centre(const float *features, int rows, int width, double *x)
{
    double all = 0, left = 0;
    for (int j = 0; j < width; j++) {
        double mean = 0;
        for (int i = 0; i < rows; i++) {
            mean += (double)features[i * width + j];
            all += (double)features[i * width + j] * (double)features[i * width + j];
        }
        mean /= rows;
        for (int i = 0; i < rows; i++) {
            x[i * width + j] = (double)features[i * width + j] - mean;
            left += x[i * width + j] * x[i * width + j];
        }
    }
    return !(left <= 1e-13 * all);
}

/* The inner products of the vectors, or where these are narrower than many, those of the columns: their eigenvalues are
 * the squares of the singular values. */
static void products(const double *x, int rows, int width, int size, double *a)
{
    bool columns = width < rows;
    int length = columns ? rows : width, step = columns ? width : 1, start = columns ? 1 : width;
    for (int i = 0; i < size; i++)
        for (int j = 0; j <= i; j++) {
            double sum = 0;
            for (int k = 0; k < length; k++)
                sum += x[i * start + k * step] * x[j * start + k * step];
            a[i * size + j] = a[j * size + i] = sum;
        }
}

/* Makes element (p, q) of a symmetric matrix zero by a rotation. */
static void rotate(double *a, int n, int p, int q)
{
    double theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
    double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1)), c = 1 / sqrt(t * t + 1), s = t * c;
    for (int k = 0; k < n; k++) {
        double x = a[k * n + p], y = a[k * n + q];
        a[k * n + p] = c * x - s * y;
        a[k * n + q] = s * x + c * y;
    }
    for (int k = 0; k < n; k++) {
        double x = a[p * n + k], y = a[q * n + k];
        a[p * n + k] = c * x - s * y;
        a[q * n + k] = s * x + c * y;
    }
}

/* Rotates until nothing beside the diagonal counts: its sum of squares is below 1e-20 of the diagonal's. */
static void diagonalise(double *a, int n)
{
    enum { SWEEPS = 30 };
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        double beside = 0, diagonal = 0;
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                *(i == j ? &diagonal : &beside) += a[i * n + j] * a[i * n + j];
        if (!(beside > 1e-20 * diagonal))
            return;
        double small = sqrt(beside) / n * 1e-3;
        for (int p = 0; p < n; p++)
            for (int q = p + 1; q < n; q++)
                if (fabs(a[p * n + q]) > small)
                    rotate(a, n, p, q);
    }
}

ij_status ij_effective_rank(const float *features, int rows, int width, double *rank)
{
    rows = rows < IJ_RANK_ROWS ? rows : IJ_RANK_ROWS;
    int size = rows < width ? rows : width;
    size_t squares = (size_t)size * (size_t)size;
    double *a = malloc((squares + (size_t)rows * (size_t)width) * sizeof *a), sum = 0, entropy = 0;
    if (!a)
        return ij_fail(IJ_ENOMEM, "no host memory for the rank of %d features", width);
    bool differ = centre(features, rows, width, a + squares);
    products(a + squares, rows, width, size, a);
    diagonalise(a, size);
    for (int i = 0; i < size; i++)
        sum += a[i * size + i] = isnan(a[i * size + i]) ? NAN : sqrt(fmax(a[i * size + i], 0));
    for (int i = 0; i < size && sum > 0; i++) {
        double p = a[i * size + i] / sum;
        entropy -= p > 0 ? p * log(p) : 0;
    }
    *rank = isnan(sum) ? NAN : differ && sum > 0 ? exp(entropy) : 0;
    free(a);
    return IJ_OK;
}
