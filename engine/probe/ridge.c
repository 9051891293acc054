/* Minimises |X W - Y|^2 + lambda n |W|^2 over W [width + 1, outputs] by the normal equations (X'X + lambda n) W = X'Y
 * and a Cholesky factorisation. X has a last column of ones, whose weights, the biases, are not penalised. */
#include "engine/probe/ridge.h"

#include "engine/base/try.h"
#include "engine/probe/standard.h"
#include "engine/probe/vectors.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { HELD_OUT = 5, BLOCK = 64 }; /* every fifth sample chooses lambda; rows standardised at a time */

static const double lambdas[] = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1};
enum { N_LAMBDAS = sizeof lambdas / sizeof lambdas[0] };

/* X'X [size, size] (upper triangle) and X'Y [size, outputs] of some samples. */
typedef struct sums {
    double *xx, *xy;
    int64_t n;
} sums;

/* Samples with what they are to give: a class, or a number where `value` is there. */
typedef struct samples {
    const ij_labelled *data;
    const double *value; /* [n] */
} samples;

typedef struct solver {
    int width, size, outputs; /* size = width + 1; a number has one output */
    ij_standard standard;
    double *rows;    /* [BLOCK, size] standardised */
    double *targets; /* [BLOCK, outputs] */
    sums fit, held;  /* all but every fifth sample; those */
    double *factor;  /* [size, size] */
    double *weights; /* [size, outputs] */
    double *answer;  /* [outputs] */
} solver;

/* ---- Normal equations -------------------------------------------------------------------------------------------- */

static void standardise(const solver *s, const float *features, double *row)
{
    for (int j = 0; j < s->width; j++)
        row[j] = ij_standard_of(&s->standard, features, j);
    row[s->width] = 1;
}

static void take_sample(const solver *s, samples from, int64_t i, int row)
{
    standardise(s, from.data->features + i * s->width, s->rows + (size_t)row * (size_t)s->size);
    double *target = s->targets + (size_t)row * (size_t)s->outputs;
    for (int c = 0; c < s->outputs; c++)
        target[c] = from.value ? from.value[i] : c == from.data->labels[i] ? 1 : -1;
}

/* Four rows x [4, size] into rows i and i + 1 of X'X, from column i on: eight products for four loads of x. The element
 * below the diagonal that row i + 1 gets is read by nobody. */
static void add_four(const double *restrict x, size_t size, size_t i, double *restrict upper, double *restrict lower)
{
    const double *x0 = x, *x1 = x + size, *x2 = x + 2 * size, *x3 = x + 3 * size;
    const double a0 = x0[i], a1 = x1[i], a2 = x2[i], a3 = x3[i];
    const double b0 = x0[i + 1], b1 = x1[i + 1], b2 = x2[i + 1], b3 = x3[i + 1];
    for (size_t j = i; j < size; j++) {
        upper[j] += (a0 * x0[j] + a1 * x1[j]) + (a2 * x2[j] + a3 * x3[j]);
        lower[j] += (b0 * x0[j] + b1 * x1[j]) + (b2 * x2[j] + b3 * x3[j]);
    }
}

/* Adds the block's rows; rows of X'X stay in the cache while all rows of the block pass by. */
static void add_block(const solver *s, int rows, sums *to)
{
    const size_t size = (size_t)s->size, outputs = (size_t)s->outputs;
    int whole = (rows + 3) / 4 * 4;
    memset(s->rows + (size_t)rows * size, 0, (size_t)(whole - rows) * size * sizeof *s->rows);
    for (size_t i = 0; i + 1 < size; i += 2)
        for (int r = 0; r < whole; r += 4)
            add_four(s->rows + (size_t)r * size, size, i, to->xx + i * size, to->xx + (i + 1) * size);
    for (int r = 0; r < rows && size % 2; r++) {
        double x = s->rows[(size_t)r * size + size - 1];
        to->xx[size * size - 1] += x * x;
    }
    for (size_t i = 0; i < size; i++)
        for (int r = 0; r < rows; r++) {
            double x = s->rows[(size_t)r * size + i];
            for (size_t c = 0; c < outputs; c++)
                to->xy[i * outputs + c] += x * s->targets[(size_t)r * outputs + c];
        }
    to->n += rows;
}

/* Sums over the samples that are (or are not) held out. */
static void accumulate(solver *s, samples from, bool held, sums *to)
{
    int rows = 0;
    for (int64_t i = 0; i < from.data->n; i++) {
        if ((i % HELD_OUT == HELD_OUT - 1) != held)
            continue;
        take_sample(s, from, i, rows++);
        if (rows == BLOCK) {
            add_block(s, rows, to);
            rows = 0;
        }
    }
    add_block(s, rows, to);
}

/* Element (i, j <= i) of L, given those before it in its row and all rows before. */
static bool factor_element(solver *s, const sums *from, double lambda, size_t i, size_t j)
{
    const size_t size = (size_t)s->size;
    const double *b = s->factor + j * size;
    double *a = s->factor + i * size, sum = from->xx[j * size + i];
    if (i == j && i + 1 < size)
        sum += lambda * (double)from->n;
    sum -= ij_dot_double(a, b, j);
    if (i == j && !(sum > 0))
        return false;
    a[j] = i == j ? sqrt(sum) : sum / b[j];
    return true;
}

/* Factors X'X + lambda n into L L', L in the lower triangle of `factor`. ROWS of its rows at a time, so that those
 * above come from memory once for all of these. */
static bool factorise(solver *s, const sums *from, double lambda)
{
    enum { ROWS = 16 };
    const size_t size = (size_t)s->size;
    for (size_t first = 0; first < size; first += ROWS) {
        size_t end = first + ROWS < size ? first + ROWS : size;
        for (size_t j = 0; j < first; j++)
            for (size_t i = first; i < end; i++)
                if (!factor_element(s, from, lambda, i, j))
                    return false;
        for (size_t i = first; i < end; i++)
            for (size_t j = first; j <= i; j++)
                if (!factor_element(s, from, lambda, i, j))
                    return false;
    }
    return true;
}

/* Solves L L' W = X'Y for all outputs at once. */
static void substitute(solver *s, const sums *from)
{
    const size_t size = (size_t)s->size, outputs = (size_t)s->outputs;
    memcpy(s->weights, from->xy, size * outputs * sizeof *s->weights);
    for (size_t i = 0; i < size; i++) {
        double *w = s->weights + i * outputs;
        for (size_t k = 0; k < i; k++)
            for (size_t c = 0; c < outputs; c++)
                w[c] -= s->factor[i * size + k] * s->weights[k * outputs + c];
        for (size_t c = 0; c < outputs; c++)
            w[c] /= s->factor[i * size + i];
    }
    for (size_t i = size; i-- > 0;) {
        double *w = s->weights + i * outputs;
        for (size_t k = i + 1; k < size; k++)
            for (size_t c = 0; c < outputs; c++)
                w[c] -= s->factor[k * size + i] * s->weights[k * outputs + c];
        for (size_t c = 0; c < outputs; c++)
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

static const double *answer(const solver *s, const float *features)
{
    standardise(s, features, s->rows);
    memset(s->answer, 0, (size_t)s->outputs * sizeof *s->answer);
    for (int j = 0; j < s->size; j++)
        for (int c = 0; c < s->outputs; c++)
            s->answer[c] += s->rows[j] * s->weights[(size_t)j * (size_t)s->outputs + (size_t)c];
    return s->answer;
}

/* Sums over every `stride`-th sample: squared and absolute errors of a number, or how many classes are right. */
typedef struct outcome {
    int64_t n, right;
    double squares, absolute, mean, deviation; /* deviation: squares about the mean */
} outcome;

static outcome look(const solver *s, samples from, int stride, ij_score *score)
{
    outcome o = {0};
    for (int64_t i = stride - 1; i < from.data->n; i += stride) {
        const double *got = answer(s, from.data->features + i * s->width);
        o.n++;
        if (!from.value) {
            int best = 0;
            for (int c = 1; c < s->outputs; c++)
                best = got[c] > got[best] ? c : best;
            o.right += best == from.data->labels[i];
            if (score)
                ij_score_add(score, got, from.data->labels[i]);
            continue;
        }
        double error = got[0] - from.value[i], off = from.value[i] - o.mean;
        o.squares += error * error;
        o.absolute += fabs(error);
        o.mean += off / (double)o.n; /* Welford's way */
        o.deviation += off * (from.value[i] - o.mean);
    }
    return o;
}

static double r2(outcome o)
{
    return o.deviation > 0 ? 1 - o.squares / o.deviation : NAN;
}

/* ---- All of it ----------------------------------------------------------------------------------------------------
 */

static ij_status choose_lambda(solver *s, samples train, double *lambda)
{
    double best = -INFINITY;
    for (int i = 0; i < N_LAMBDAS; i++) {
        TRY(solve(s, &s->fit, lambdas[i]));
        outcome o = look(s, train, HELD_OUT, NULL);
        double merit = train.value ? -o.squares : (double)o.right;
        if (merit > best) {
            best = merit;
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
    for (size_t i = 0; i < size * (size_t)s->outputs; i++)
        s->fit.xy[i] += s->held.xy[i];
    s->fit.n += s->held.n;
}

static ij_status fit(solver *s, samples train, double *lambda)
{
    accumulate(s, train, false, &s->fit);
    accumulate(s, train, true, &s->held);
    TRY(choose_lambda(s, train, lambda));
    take_held_in(s);
    return solve(s, &s->fit, *lambda);
}

/* One piece of memory, cut up; the caller frees it, also on failure. */
static ij_status prepare(solver *s, const ij_labelled *train, int outputs, double **memory)
{
    *s = (solver){.width = train->width, .size = train->width + 1, .outputs = outputs};
    const size_t size = (size_t)s->size, n = (size_t)outputs;
    *memory = NULL;
    if (train->n < 2 * HELD_OUT)
        return ij_fail(IJ_EINVAL, "a linear classifier needs at least %d training images of two classes", 2 * HELD_OUT);
    TRY(ij_standard_create(&s->standard, train->features, train->n, train->width));
    *memory = calloc(BLOCK * (size + n) + 3 * size * size + 3 * size * n + n, sizeof **memory);
    if (!*memory)
        return ij_fail(IJ_ENOMEM, "no host memory for a linear classifier on %d features", train->width);
    struct {
        double **part;
        size_t length;
    } parts[] = {{&s->rows, BLOCK * size},   {&s->targets, BLOCK * n},  {&s->fit.xx, size * size},
                 {&s->held.xx, size * size}, {&s->factor, size * size}, {&s->fit.xy, size * n},
                 {&s->held.xy, size * n},    {&s->weights, size * n},   {&s->answer, n}};
    double *next = *memory;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; next += parts[i++].length)
        *parts[i].part = next;
    return IJ_OK;
}

ij_status ij_ridge_classify(const ij_labelled *train, const ij_labelled *test, ij_ridge_class_result *result)
{
    solver s;
    double *memory;
    *result = (ij_ridge_class_result){0};
    TRY(ij_labelled_check(train, test));
    ij_status status = prepare(&s, train, train->classes, &memory);
    const samples learnt = {train, NULL}, tested = {test, NULL};
    if (!status)
        status = fit(&s, learnt, &result->lambda);
    if (!status)
        status = ij_score_create(&result->score, train->classes);
    if (!status) {
        outcome o = look(&s, learnt, 1, NULL);
        result->train_accuracy = (double)o.right / (double)o.n;
        look(&s, tested, 1, &result->score);
    }
    ij_standard_destroy(&s.standard);
    free(memory);
    return status;
}

ij_status ij_ridge_regress(const ij_labelled *train, const double *train_target, const ij_labelled *test,
                           const double *test_target, ij_ridge_value_result *result)
{
    solver s;
    double *memory;
    *result = (ij_ridge_value_result){0};
    if (test->n < 1)
        return ij_fail(IJ_EINVAL, "there is no image to test a regression on");
    ij_status status = prepare(&s, train, 1, &memory);
    const samples learnt = {train, train_target}, tested = {test, test_target};
    if (!status)
        status = fit(&s, learnt, &result->lambda);
    if (!status) {
        result->train_r2 = r2(look(&s, learnt, 1, NULL));
        outcome o = look(&s, tested, 1, NULL);
        result->r2 = r2(o);
        result->absolute_error = o.absolute / (double)o.n;
    }
    ij_standard_destroy(&s.standard);
    free(memory);
    return status;
}
