/* The regularisers of pooled features: variance, covariance, SIGReg.
 *
 * Tolerance: sums of up to some hundred products of numbers near 1, and cosines, which OpenCL lets be 4 ulp wrong.
 * Terms that are small differences of large sums are compared with what they are differences of. */
#include "engine/ops/loss.h"
#include "engine/ops/regularise.h"

#include "tests/checkcl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#define TOLERANCE 3e-6

static void make(check *c, ij_regularise *r, int n, int dim)
{
    size_t floats = (size_t)n * (size_t)dim;
    check_ok(c, ij_regularise_create(r, c->device, n, dim));
    r->z = check_output(c, floats);
    r->dz = check_output(c, floats);
    r->centred = check_output(c, floats);
    r->square = check_output(c, (size_t)dim * (size_t)dim);
    r->direction = check_output(c, IJ_DIRECTIONS * (size_t)dim);
    r->across = check_output(c, IJ_DIRECTIONS * (size_t)dim);
    r->projected = check_output(c, IJ_DIRECTIONS * (size_t)n);
    r->slope = check_output(c, IJ_DIRECTIONS * (size_t)n);
}

static double total(check *c, cl_mem partial, int partials)
{
    const float *sums = check_read(c, partial);
    double sum = 0;
    assert_in_range(partials, 1, IJ_LOSS_PARTIALS);
    for (int i = 0; i < partials; i++)
        sum += (double)sums[i];
    return sum;
}

/* ---- Means over sequences ---------------------------------------------------------------------------------------- */

static void run_pool(check *c, int n, int dim)
{
    ij_regularise r;
    check_shape(c, "%d sequences of %d floats", n, dim);
    make(c, &r, n, dim);
    int32_t *offset = check_host(c, (size_t)(n + 1) * sizeof *offset);
    for (int s = 0; s < n; s++)
        offset[s + 1] = offset[s] + check_draw(c, 1, 9);
    size_t width = (size_t)dim, rows = (size_t)offset[n];
    float *x = check_normals(c, rows * width, 0.5f, 1.0f), *dz = check_normals(c, (size_t)n * width, 0.0f, 1.0f);
    float *d = check_normals(c, rows * width, 0.0f, 1.0f);
    double *z = check_doubles(c, (size_t)n * width), *want = check_doubles(c, rows * width);
    for (int s = 0; s < n; s++)
        for (int i = offset[s]; i < offset[s + 1]; i++)
            for (int j = 0; j < dim; j++) {
                double share = 1.0 / (offset[s + 1] - offset[s]);
                z[s * dim + j] += share * (double)x[i * dim + j];
                want[i * dim + j] = (double)d[i * dim + j] + share * (double)dz[s * dim + j];
            }
    cl_mem offsets = check_input(c, offset, (size_t)(n + 1) * sizeof *offset);
    check_ok(c, ij_regularise_pool(&r, check_input(c, x, rows * width * sizeof *x), offsets));
    check_close(c, "means", check_read(c, r.z), z, (size_t)n * width, TOLERANCE);
    cl_mem gradient = check_changing(c, d, rows * width * sizeof *d);
    r.dz = check_input(c, dz, (size_t)n * width * sizeof *dz);
    check_ok(c, ij_regularise_spread(&r, offsets, gradient));
    check_close(c, "gradient", check_read(c, gradient), want, rows * width, TOLERANCE);
    ij_regularise_destroy(&r);
    check_end(c);
}

static void pool(check *c)
{
    run_pool(c, 1, 4);
    for (int i = 0; i < 6; i++)
        run_pool(c, check_draw(c, 1, 12), 4 * check_draw(c, 1, 40));
}

/* ---- Variance and covariance ------------------------------------------------------------------------------------- */

/* Columns of every size of spread: with none (of a number whose sums floats hold, since what rounding makes of others
 * is steep there), with some, with more than the term asks for. */
static void run_moments(check *c, int n, int dim, double variance_weight, double covariance_weight)
{
    ij_regularise r;
    check_shape(c, "%d features of %d floats, weights %g and %g", n, dim, variance_weight, covariance_weight);
    make(c, &r, n, dim);
    size_t width = (size_t)dim, floats = (size_t)n * width;
    float *z = check_normals(c, floats, 0.0f, 1.0f);
    for (size_t i = 0; i < floats; i++)
        z[i] = 0.25f + z[i] * 0.5f * (float)(i % width % 5);
    double *centred = check_doubles(c, floats), *want = check_doubles(c, floats),
           *off = check_doubles(c, width * width);
    double hinges = 0, squares = 0;
    for (int j = 0; j < dim; j++) {
        double mean = 0, var = 0;
        for (int b = 0; b < n; b++)
            mean += (double)z[b * dim + j] / n;
        for (int b = 0; b < n; b++) {
            centred[b * dim + j] = (double)z[b * dim + j] - mean;
            var += centred[b * dim + j] * centred[b * dim + j] / (n - 1);
        }
        double sigma = sqrt(var + 1e-4);
        hinges += sigma < 1 ? 1 - sigma : 0;
        for (int b = 0; b < n && sigma < 1; b++)
            want[b * dim + j] = -variance_weight / dim * centred[b * dim + j] / ((n - 1) * sigma);
    }
    for (int i = 0; i < dim; i++)
        for (int j = 0; j < dim; j++)
            if (i != j) {
                for (int b = 0; b < n; b++)
                    off[i * dim + j] += centred[b * dim + i] * centred[b * dim + j] / (n - 1);
                squares += off[i * dim + j] * off[i * dim + j];
            }
    for (int b = 0; b < n; b++)
        for (int i = 0; i < dim; i++)
            for (int j = 0; j < dim; j++)
                want[b * dim + j] += 4 * covariance_weight / dim / (n - 1) * centred[b * dim + i] * off[i * dim + j];
    r.z = check_input(c, z, floats * sizeof *z);
    int partials = 0;
    cl_mem partial = check_output(c, IJ_LOSS_PARTIALS);
    check_ok(c, ij_regularise_variance(&r, partial, variance_weight, &partials));
    check_number(c, "variance", total(c, partial, partials), hinges, dim, TOLERANCE);
    check_close(c, "centred", check_read(c, r.centred), centred, floats, TOLERANCE);
    check_ok(c, ij_regularise_covariance(&r, partial, covariance_weight, &partials));
    if (covariance_weight > 0) {
        check_number(c, "covariance", total(c, partial, partials), squares, squares, TOLERANCE);
        check_close(c, "covariances", check_read(c, r.square), off, width * width, TOLERANCE);
    }
    check_close(c, "gradient", check_read(c, r.dz), want, floats, TOLERANCE);
    ij_regularise_destroy(&r);
    check_end(c);
}

static void moments(check *c)
{
    run_moments(c, 2, 4, 1, 0);
    run_moments(c, 2, 8, 0, 0.5);
    run_moments(c, 5, 300, 25, 1);     /* more rows than sums */
    run_moments(c, 3, 4 * 1100, 1, 0); /* more vectors of 4 than sums */
    for (int i = 0; i < 8; i++)
        run_moments(c, check_draw(c, 2, 70), 4 * check_draw(c, 1, 30), check_draw(c, 0, 3), check_draw(c, 0, 3));
}

/* ---- SIGReg ------------------------------------------------------------------------------------------------------ */

/* Directions as the host's own random numbers give them. */
static void draw(uint64_t seed, int64_t step, int dim, double *direction)
{
    for (int m = 0; m < IJ_DIRECTIONS; m++, direction += dim) {
        ij_random stream;
        double squares = 0;
        ij_random_start(&stream, seed, IJ_STREAM_DIRECTIONS, (uint64_t)step, (uint32_t)m);
        for (int j = 0; j < dim; j += 2) {
            float pair[2];
            ij_random_normals(&stream, pair);
            for (int k = 0; k < 2; k++) {
                direction[j + k] = (double)pair[k];
                squares += direction[j + k] * direction[j + k];
            }
        }
        for (int j = 0; j < dim; j++)
            direction[j] /= sqrt(squares);
    }
}

static void run_sigreg(check *c, int n, int dim, uint64_t seed, int64_t step, double weight)
{
    enum { KNOTS = 17 };
    ij_regularise r;
    check_shape(c, "%d features of %d floats, seed %llu, step %lld, weight %g", n, dim, (unsigned long long)seed,
                (long long)step, weight);
    make(c, &r, n, dim);
    size_t width = (size_t)dim, floats = (size_t)n * width;
    float *z = check_normals(c, floats, 0.1f, 0.8f);
    double *direction = check_doubles(c, IJ_DIRECTIONS * width), *want = check_doubles(c, floats);
    double *p = check_doubles(c, (size_t)n), statistic = 0;
    draw(seed, step, dim, direction);
    for (int m = 0; m < IJ_DIRECTIONS; m++) {
        const double *a = direction + (size_t)m * width;
        for (int b = 0; b < n; b++) {
            p[b] = 0;
            for (int j = 0; j < dim; j++)
                p[b] += (double)z[b * dim + j] * a[j];
        }
        for (int k = 0; k < KNOTS; k++) {
            double dt = 3.0 / (KNOTS - 1), t = k * dt, phi = exp(-t * t / 2), real = -phi, imaginary = 0;
            double w = (k == 0 || k == KNOTS - 1 ? dt : 2 * dt) * phi;
            for (int b = 0; b < n; b++) {
                real += cos(t * p[b]) / n;
                imaginary += sin(t * p[b]) / n;
            }
            statistic += n * w * (real * real + imaginary * imaginary);
            for (int b = 0; b < n; b++) {
                double slope = 2 * w * t * (imaginary * cos(t * p[b]) - real * sin(t * p[b]));
                for (int j = 0; j < dim; j++)
                    want[b * dim + j] += weight / IJ_DIRECTIONS * slope * a[j];
            }
        }
    }
    r.z = check_input(c, z, floats * sizeof *z);
    int partials = 0;
    cl_mem partial = check_output(c, IJ_LOSS_PARTIALS);
    check_ok(c, ij_regularise_variance(&r, partial, 0, &partials)); /* clears dz */
    check_ok(c, ij_regularise_sigreg(&r, seed, step, partial, weight, &partials));
    check_close(c, "directions", check_read(c, r.direction), direction, IJ_DIRECTIONS * width, TOLERANCE);
    check_number(c, "statistic", total(c, partial, partials), statistic, statistic, TOLERANCE);
    check_close(c, "gradient", check_read(c, r.dz), want, floats, TOLERANCE);
    ij_regularise_destroy(&r);
    check_end(c);
}

static void sigreg(check *c)
{
    run_sigreg(c, 1, 8, 0, 0, 1);
    run_sigreg(c, 2, 4, 0, 0, 1);
    run_sigreg(c, 3, 12, UINT64_MAX, INT64_C(1) << 40, 0.02);
    for (int i = 0; i < 4; i++)
        run_sigreg(c, check_draw(c, 2, 40), 4 * check_draw(c, 1, 40), (uint64_t)check_draw(c, 0, 1 << 30),
                   check_draw(c, 0, 1 << 20), 0.5);
}

const check_case check_regularise[] = {{"regularise/pool", pool, false},
                                       {"regularise/moments", moments, false},
                                       {"regularise/sigreg", sigreg, false},
                                       {NULL, NULL, false}};
