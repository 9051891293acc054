/* Minimises |X W - Y|^2 + lambda n |W|^2 over W [width + 1, classes] by the normal equations (X'X + lambda n) W = X'Y
 * and a Cholesky factorisation. X has a last column of ones, whose weights, the biases, are not penalised. */
#include "tools/ridge.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { HELD_OUT = 5, BLOCK = 64 }; /* every fifth sample chooses lambda; rows standardised at a time */

static const double lambdas[] = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1};
enum { N_LAMBDAS = sizeof lambdas / sizeof lambdas[0] };

/* X'X [size, size] (upper triangle) and X'Y [size, classes] of some samples. */
typedef struct sums {
    double *xx, *xy;
    int64_t n;
} sums;

typedef struct solver {
    int width, size, classes; /* size = width + 1 */
    double *mean, *scale;     /* of the training set; scale 0 where a feature never varies */
    double *rows;             /* [BLOCK, size] standardised */
    int rows_label[BLOCK];
    sums fit, held;  /* all but every fifth sample; those */
    double *factor;  /* [size, size] */
    double *weights; /* [size, classes] */
} solver;

/* ---- Standardising ----------------------------------------------------------------------------------------------- */

static void measure(solver *s, const ridge_data *d)
{
    for (int64_t i = 0; i < d->n; i++)
        for (int j = 0; j < s->width; j++)
            s->mean[j] += d->features[i * s->width + j];
    for (int j = 0; j < s->width; j++)
        s->mean[j] /= (double)d->n;
    for (int64_t i = 0; i < d->n; i++)
        for (int j = 0; j < s->width; j++) {
            double x = d->features[i * s->width + j] - s->mean[j];
            s->scale[j] += x * x;
        }
    for (int j = 0; j < s->width; j++) {
        double deviation = sqrt(s->scale[j] / (double)d->n);
        s->scale[j] = deviation > 1e-12 ? 1 / deviation : 0;
    }
}

static void standardise(const solver *s, const float *features, double *row)
{
    for (int j = 0; j < s->width; j++)
        row[j] = (features[j] - s->mean[j]) * s->scale[j];
    row[s->width] = 1;
}

/* ---- Normal equations -------------------------------------------------------------------------------------------- */

/* Adds the block's rows; row i of X'X stays in the cache while all rows of the block pass by. */
static void add_block(const solver *s, int rows, sums *to)
{
    for (int i = 0; i < s->size; i++) {
        double *xx = to->xx + (size_t)i * (size_t)s->size;
        double *xy = to->xy + (size_t)i * (size_t)s->classes;
        for (int r = 0; r < rows; r++) {
            const double *x = s->rows + (size_t)r * (size_t)s->size;
            const double xi = x[i];
            for (int j = i; j < s->size; j++)
                xx[j] += xi * x[j];
            for (int c = 0; c < s->classes; c++)
                xy[c] += c == s->rows_label[r] ? xi : -xi;
        }
    }
    to->n += rows;
}

/* Sums over the samples that are (or are not) held out. */
static void accumulate(solver *s, const ridge_data *d, bool held, sums *to)
{
    int rows = 0;
    for (int64_t i = 0; i < d->n; i++) {
        if ((i % HELD_OUT == HELD_OUT - 1) != held)
            continue;
        standardise(s, d->features + i * s->width, s->rows + (size_t)rows * (size_t)s->size);
        s->rows_label[rows++] = d->labels[i];
        if (rows == BLOCK) {
            add_block(s, rows, to);
            rows = 0;
        }
    }
    add_block(s, rows, to);
}

/* Factors X'X + lambda n into L L', L in the lower triangle of `factor`. */
static bool factorise(solver *s, const sums *from, double lambda)
{
    const size_t size = (size_t)s->size;
    for (size_t i = 0; i < size; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = from->xx[j * size + i];
            if (i == j && i + 1 < size)
                sum += lambda * (double)from->n;
            const double *a = s->factor + i * size, *b = s->factor + j * size;
            for (size_t k = 0; k < j; k++)
                sum -= a[k] * b[k];
            if (i != j)
                s->factor[i * size + j] = sum / b[j];
            else if (sum > 0)
                s->factor[i * size + i] = sqrt(sum);
            else
                return false;
        }
    return true;
}

/* Solves L L' W = X'Y for all classes at once. */
static void substitute(solver *s, const sums *from)
{
    const size_t size = (size_t)s->size, classes = (size_t)s->classes;
    memcpy(s->weights, from->xy, size * classes * sizeof *s->weights);
    for (size_t i = 0; i < size; i++) {
        double *w = s->weights + i * classes;
        for (size_t k = 0; k < i; k++)
            for (size_t c = 0; c < classes; c++)
                w[c] -= s->factor[i * size + k] * s->weights[k * classes + c];
        for (size_t c = 0; c < classes; c++)
            w[c] /= s->factor[i * size + i];
    }
    for (size_t i = size; i-- > 0;) {
        double *w = s->weights + i * classes;
        for (size_t k = i + 1; k < size; k++)
            for (size_t c = 0; c < classes; c++)
                w[c] -= s->factor[k * size + i] * s->weights[k * classes + c];
        for (size_t c = 0; c < classes; c++)
            w[c] /= s->factor[i * size + i];
    }
}

static ij_status solve(solver *s, const sums *from, double lambda)
{
    if (!factorise(s, from, lambda))
        return ij_fail(IJ_EINVAL, "the features admit no linear classifier: are they finite?");
    substitute(s, from);
    return IJ_OK;
}

/* ---- Scoring ----------------------------------------------------------------------------------------------------- */

static int classify(const solver *s, const double *row, double *scores)
{
    memset(scores, 0, (size_t)s->classes * sizeof *scores);
    for (int j = 0; j < s->size; j++)
        for (int c = 0; c < s->classes; c++)
            scores[c] += row[j] * s->weights[(size_t)j * (size_t)s->classes + (size_t)c];
    int best = 0;
    for (int c = 1; c < s->classes; c++)
        if (scores[c] > scores[best])
            best = c;
    return best;
}

/* Share of right answers among every `stride`-th sample. `scores` [classes] is scratch. */
static double accuracy(const solver *s, const ridge_data *d, int stride, double *scores)
{
    int64_t right = 0, all = 0;
    for (int64_t i = stride - 1; i < d->n; i += stride, all++) {
        standardise(s, d->features + i * s->width, s->rows);
        right += classify(s, s->rows, scores) == d->labels[i];
    }
    return all ? (double)right / (double)all : 0;
}

/* ---- All of it ----------------------------------------------------------------------------------------------------
 */

static ij_status choose_lambda(solver *s, const ridge_data *train, double *scores, double *lambda)
{
    double best = -1;
    for (int i = 0; i < N_LAMBDAS; i++) {
        ij_status status = solve(s, &s->fit, lambdas[i]);
        if (status)
            return status;
        double right = accuracy(s, train, HELD_OUT, scores);
        if (right > best) {
            best = right;
            *lambda = lambdas[i];
        }
    }
    return IJ_OK;
}

/* The sums over all of the training set, in place of those over a part. */
static void take_held_in(solver *s)
{
    const size_t size = (size_t)s->size;
    for (size_t i = 0; i < size * size; i++)
        s->fit.xx[i] += s->held.xx[i];
    for (size_t i = 0; i < size * (size_t)s->classes; i++)
        s->fit.xy[i] += s->held.xy[i];
    s->fit.n += s->held.n;
}

static ij_status run(solver *s, const ridge_data *train, const ridge_data *test, double *scores, ridge_result *result)
{
    measure(s, train);
    accumulate(s, train, false, &s->fit);
    accumulate(s, train, true, &s->held);
    ij_status status = choose_lambda(s, train, scores, &result->lambda);
    if (status)
        return status;
    take_held_in(s);
    if ((status = solve(s, &s->fit, result->lambda)))
        return status;
    result->train_accuracy = accuracy(s, train, 1, scores);
    result->accuracy = accuracy(s, test, 1, scores);
    return IJ_OK;
}

ij_status ridge_classify(const ridge_data *train, const ridge_data *test, ridge_result *result)
{
    if (train->n < 2 * HELD_OUT || train->classes < 2 || test->n < 1)
        return ij_fail(IJ_EINVAL, "a linear classifier needs at least %d training images of two classes", 2 * HELD_OUT);
    solver s = {.width = train->width, .size = train->width + 1, .classes = train->classes};
    const size_t size = (size_t)s.size, classes = (size_t)s.classes;
    /* One piece of memory, cut up. */
    double *memory = calloc(2 * size + BLOCK * size + 3 * size * size + 3 * size * classes + classes, sizeof *memory);
    if (!memory)
        return ij_fail(IJ_ENOMEM, "no host memory for a linear classifier on %d features", train->width);
    double *next = memory;
    s.mean = next, next += size;
    s.scale = next, next += size;
    s.rows = next, next += BLOCK * size;
    s.fit.xx = next, next += size * size;
    s.held.xx = next, next += size * size;
    s.factor = next, next += size * size;
    s.fit.xy = next, next += size * classes;
    s.held.xy = next, next += size * classes;
    s.weights = next, next += size * classes;
    ij_status status = run(&s, train, test, next, result);
    free(memory);
    return status;
}
