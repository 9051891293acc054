/* Classifiers on frozen features against plain C: softmax regression descended to its minimum in double, neighbours by
 * comparing all with all; which images take part; the effective rank of vectors whose rank is known. */
#include "engine/base/random.h"
#include "engine/probe/linear.h"
#include "engine/probe/neighbours.h"
#include "engine/probe/rank.h"
#include "engine/probe/split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/skip.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static ij_device *device;

static void ok(ij_status status)
{
    if (status)
        fail_msg("%s", ij_error());
}

/* Clouds around a centre a class; feature 1 is constant, feature 2 far from zero and wide. */
static ij_labelled clouds(int64_t n, int width, int classes, float distance, uint64_t seed)
{
    float *features = malloc((size_t)n * (size_t)width * sizeof *features);
    int *labels = malloc((size_t)n * sizeof *labels);
    assert_true(features && labels);
    ij_random centre, noise;
    ij_random_start(&noise, seed, IJ_STREAM_TEST, 1, 0);
    for (int64_t i = 0; i < n; i++) {
        labels[i] = (int)ij_random_below(&noise, (uint32_t)classes);
        ij_random_start(&centre, 1, IJ_STREAM_TEST, 2, (uint32_t)labels[i]);
        float *x = features + i * width;
        for (int j = 0; j < width; j++)
            x[j] = distance * ij_random_normal(&centre) + ij_random_normal(&noise);
        x[1] = 0.5f;
        x[2] = 300.0f + 50.0f * x[2];
    }
    return (ij_labelled){features, labels, n, width, classes};
}

static void release(ij_labelled *d)
{
    free((void *)d->features);
    free((void *)d->labels);
}

/* ---- Softmax regression ----------------------------------------------------------------------------------------- */

enum { WIDEST = 16, MOST_CLASSES = 12 };

typedef struct plain {
    double mean[WIDEST], scale[WIDEST], w[MOST_CLASSES][WIDEST + 1];
} plain;

static void rate(const plain *p, const ij_labelled *d, int64_t i, double *x, double *rating)
{
    for (int j = 0; j < d->width; j++)
        x[j] = ((double)d->features[i * d->width + j] - p->mean[j]) * p->scale[j];
    x[d->width] = 1;
    for (int c = 0; c < d->classes; c++) {
        rating[c] = 0;
        for (int j = 0; j <= d->width; j++)
            rating[c] += p->w[c][j] * x[j];
    }
}

/* Plain gradient descent, long enough for so small a problem. */
static void learn_plain(plain *p, const ij_labelled *d, double decay)
{
    memset(p, 0, sizeof *p);
    for (int j = 0; j < d->width; j++) {
        double square = 0;
        for (int64_t i = 0; i < d->n; i++)
            p->mean[j] += (double)d->features[i * d->width + j] / (double)d->n;
        for (int64_t i = 0; i < d->n; i++)
            square += pow((double)d->features[i * d->width + j] - p->mean[j], 2) / (double)d->n;
        p->scale[j] = square > 1e-20 ? 1 / sqrt(square) : 0;
    }
    for (int step = 0; step < 3000; step++) {
        double g[MOST_CLASSES][WIDEST + 1] = {{0}}, x[WIDEST + 1], rating[MOST_CLASSES];
        for (int64_t i = 0; i < d->n; i++) {
            double sum = 0;
            rate(p, d, i, x, rating);
            for (int c = 0; c < d->classes; c++)
                sum += exp(rating[c]);
            for (int c = 0; c < d->classes; c++)
                for (int j = 0; j <= d->width; j++)
                    g[c][j] += (exp(rating[c]) / sum - (c == d->labels[i])) * x[j] / (double)d->n;
        }
        for (int c = 0; c < d->classes; c++)
            for (int j = 0; j <= d->width; j++)
                p->w[c][j] -= 0.5 * (g[c][j] + (j < d->width ? decay * p->w[c][j] : 0));
    }
}

static void compare_scores(const ij_score *got, const ij_score *want)
{
    assert_int_equal(got->n, want->n);
    assert_int_equal(got->top1, want->top1);
    assert_int_equal(got->top5, want->top5);
    size_t cells = (size_t)got->classes * (size_t)got->classes;
    assert_memory_equal(got->confusion, want->confusion, cells * sizeof *got->confusion);
}

static void converges(void **state)
{
    (void)state;
    const struct {
        int n, width, classes;
        double decay;
    } cases[] = {{203, 12, 7, 0.01}, {150, 5, 2, 0.1}, {120, 16, 12, 0.03}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        ij_labelled train = clouds(cases[k].n, cases[k].width, cases[k].classes, 0.7f, 20 + k);
        ij_labelled test = clouds(333, cases[k].width, cases[k].classes, 0.7f, 40 + k);
        static plain p;
        learn_plain(&p, &train, cases[k].decay);
        ij_score want;
        ok(ij_score_create(&want, cases[k].classes));
        for (int64_t i = 0; i < test.n; i++) {
            double x[WIDEST + 1], rating[MOST_CLASSES];
            rate(&p, &test, i, x, rating);
            ij_score_add(&want, rating, test.labels[i]);
        }
        ij_linear_result r;
        ok(ij_linear_probe(device, &train, &test,
                           &(ij_linear_options){.weight_decay = cases[k].decay, .tolerance = 1e-6}, &r));
        compare_scores(&r.score, &want);
        assert_true(r.gradient < 1e-5 && r.held == 0);
        ij_linear_result_free(&r);
        ij_score_destroy(&want);
        release(&train);
        release(&test);
    }
}

/* Every feature many times over: so wide that axes are looked for and the features turned. Minimal weights share a
 * feature evenly among its copies, so that the narrow problem with the decay divided by their number has the same
 * minimum. */
static void wide(void **state)
{
    (void)state;
    enum { N = 203, WIDTH = 12, CLASSES = 7, COPIES = 25 };
    ij_labelled sets[] = {clouds(N, WIDTH, CLASSES, 0.7f, 20), clouds(333, WIDTH, CLASSES, 0.7f, 40)}, copied[2];
    const double decay = 0.02;
    static plain p;
    ij_score want;
    ij_linear_result r;
    for (int k = 0; k < 2; k++) {
        float *features = malloc((size_t)sets[k].n * WIDTH * COPIES * sizeof *features);
        assert_non_null(features);
        for (int64_t i = 0; i < sets[k].n; i++)
            for (int c = 0; c < COPIES; c++)
                memcpy(features + (i * COPIES + c) * WIDTH, sets[k].features + i * WIDTH, WIDTH * sizeof *features);
        copied[k] = sets[k];
        copied[k].features = features;
        copied[k].width = WIDTH * COPIES;
    }
    learn_plain(&p, &sets[0], decay);
    ok(ij_score_create(&want, CLASSES));
    for (int64_t i = 0; i < sets[1].n; i++) {
        double x[WIDEST + 1], rating[MOST_CLASSES];
        rate(&p, &sets[1], i, x, rating);
        ij_score_add(&want, rating, sets[1].labels[i]);
    }
    ok(ij_linear_probe(device, &copied[0], &copied[1],
                       &(ij_linear_options){.weight_decay = decay * COPIES, .tolerance = 1e-6}, &r));
    compare_scores(&r.score, &want);
    assert_true(r.gradient <= 1e-6 && r.steps < 200);
    ij_linear_result_free(&r);
    ij_score_destroy(&want);
    for (int k = 0; k < 2; k++) {
        free((void *)copied[k].features);
        release(&sets[k]);
    }
}

/* More images than a tile holds; the grid; the same seed gives the same answer, and another fifth another one. */
static void grid(void **state)
{
    (void)state;
    ij_labelled train = clouds(9001, 6, 3, 0.8f, 60), test = clouds(9000, 6, 3, 0.8f, 61);
    ij_linear_result r[3], fixed;
    for (int i = 0; i < 3; i++)
        ok(ij_linear_probe(device, &train, &test, &(ij_linear_options){.seed = i < 2 ? 5 : 6, .steps = 150}, &r[i]));
    compare_scores(&r[0].score, &r[1].score);
    assert_memory_equal(&r[0].gradient, &r[1].gradient, sizeof r[0].gradient);
    assert_int_equal(r[0].held, 9001 / 5);
    assert_true(r[0].held_top1 != r[2].held_top1);
    /* What was chosen is what that weight decay alone gives. */
    ok(ij_linear_probe(device, &train, &test, &(ij_linear_options){.weight_decay = r[0].weight_decay, .steps = 150},
                       &fixed));
    assert_true(fabs(ij_score_top1(&fixed.score) - ij_score_top1(&r[0].score)) < 2e-3);
    assert_true(fabs(r[0].train_top1 - r[0].held_top1) < 0.03);
    assert_true(ij_score_top1(&r[0].score) > 0.5); /* a third by chance */
    for (int i = 0; i < 3; i++)
        ij_linear_result_free(&r[i]);
    ij_linear_result_free(&fixed);
    release(&train);
    release(&test);
}

static void refusals(void **state)
{
    (void)state;
    ij_labelled train = clouds(40, 4, 2, 1, 1), test = clouds(10, 4, 2, 1, 2), one = train, none = test;
    ij_linear_result r;
    int *same = calloc(40, sizeof *same), k[] = {10};
    ij_score score[1];
    one.labels = same;
    none.n = 0;
    assert_int_equal(ij_linear_probe(device, &one, &test, &(ij_linear_options){0}, &r), IJ_EINVAL);
    assert_non_null(strstr(ij_error(), "one class"));
    assert_int_equal(ij_linear_probe(device, &train, &none, &(ij_linear_options){0}, &r), IJ_EINVAL);
    assert_int_equal(ij_neighbours(device, &one, &test, k, 1, 0.07, score), IJ_EINVAL);
    one = train;
    one.n = 9;
    assert_int_equal(ij_linear_probe(device, &one, &test, &(ij_linear_options){0}, &r), IJ_EINVAL);
    ((float *)train.features)[17] = NAN;
    assert_int_equal(ij_linear_probe(device, &train, &test, &(ij_linear_options){0}, &r), IJ_EINVAL);
    assert_int_equal(ij_neighbours(device, &train, &test, k, 1, 0.07, score), IJ_EINVAL);
    free(same);
    release(&train);
    release(&test);
}

/* ---- Neighbours ------------------------------------------------------------------------------------------------- */

static double cosine(const float *a, const float *b, int width)
{
    double ab = 0, aa = 0, bb = 0;
    for (int j = 0; j < width; j++) {
        ab += (double)a[j] * (double)b[j];
        aa += (double)a[j] * (double)a[j];
        bb += (double)b[j] * (double)b[j];
    }
    return ab / sqrt(aa * bb);
}

static void plain_votes(const ij_labelled *train, const float *query, int k, double *rating)
{
    double *near = malloc((size_t)train->n * sizeof *near);
    assert_non_null(near);
    for (int64_t i = 0; i < train->n; i++)
        near[i] = cosine(query, train->features + i * train->width, train->width);
    memset(rating, 0, (size_t)train->classes * sizeof *rating);
    for (int j = 0; j < k && j < train->n; j++) {
        int64_t best = 0;
        for (int64_t i = 1; i < train->n; i++)
            best = near[i] > near[best] ? i : best;
        rating[train->labels[best]] += exp(near[best] / 0.07);
        near[best] = -2;
    }
    free(near);
}

/* Directions, not places: clouds without the two odd features. Sizes beyond a tile, and fewer images than neighbours.
 */
static void neighbours(void **state)
{
    (void)state;
    const struct {
        int n, queries, width;
    } cases[] = {{5000, 40, 9}, {300, 1100, 20}, {37, 50, 3}};
    const int k[] = {1, 10, 20, 100, 200};
    enum { KS = sizeof k / sizeof *k };
    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        ij_labelled train = clouds(cases[at].n, cases[at].width, 6, 0.6f, 70 + at);
        ij_labelled test = clouds(cases[at].queries, cases[at].width, 6, 0.6f, 80 + at);
        for (int64_t i = 0; i < train.n; i++)
            ((float *)train.features)[i * train.width + 2] = (train.features[i * train.width + 2] - 300) / 50;
        for (int64_t i = 0; i < test.n; i++)
            ((float *)test.features)[i * test.width + 2] = (test.features[i * test.width + 2] - 300) / 50;
        ij_score got[KS];
        ok(ij_neighbours(device, &train, &test, k, KS, IJ_NEIGHBOURS_TEMPERATURE, got));
        for (int i = 0; i < KS; i++) {
            ij_score want;
            ok(ij_score_create(&want, 6));
            for (int64_t q = 0; q < test.n; q++) {
                double rating[6];
                plain_votes(&train, test.features + q * test.width, k[i], rating);
                ij_score_add(&want, rating, test.labels[q]);
            }
            compare_scores(&got[i], &want);
            ij_score_destroy(&want);
            ij_score_destroy(&got[i]);
        }
        release(&train);
        release(&test);
    }
}

/* Images that are all the same: the first ones are the nearest. */
static void ties(void **state)
{
    (void)state;
    enum { N = 4200 }; /* beyond a tile */
    float *features = malloc(N * 4 * sizeof *features), query[4] = {1, 2, 3, 4};
    int *labels = malloc(N * sizeof *labels), label = 0;
    const int k[] = {3, 4};
    assert_true(features && labels);
    for (int i = 0; i < N; i++) {
        memcpy(features + 4 * i, query, sizeof query);
        labels[i] = i < 3 ? 0 : 1;
    }
    labels[0] = 1;
    const ij_labelled train = {features, labels, N, 4, 2}, test = {query, &label, 1, 4, 2};
    ij_score got[2];
    ok(ij_neighbours(device, &train, &test, k, 2, 0.07, got));
    assert_int_equal(got[0].confusion[0], 1); /* classes 1, 0, 0 */
    assert_int_equal(got[1].confusion[0], 1); /* 1, 0, 0, 1: equal votes, the lower class */
    ij_score_destroy(&got[0]);
    ij_score_destroy(&got[1]);
    free(features);
    free(labels);
}

/* ---- Which images take part ------------------------------------------------------------------------------------- */

static void few(void **state)
{
    (void)state;
    enum { N = 500 };
    ij_labelled d = clouds(N, 3, 5, 1, 90);
    int64_t chosen[2][N], count[2], of[5] = {0}, all[5] = {0};
    for (int i = 0; i < N; i++)
        all[d.labels[i]]++;
    for (uint32_t draw = 0; draw < 2; draw++)
        ok(ij_split_few(&d, 7, 0, 3, draw, chosen[draw], &count[draw]));
    assert_int_equal(count[0], 35);
    assert_memory_not_equal(chosen[0], chosen[1], 35 * sizeof chosen[0][0]);
    for (int i = 0; i < 35; i++) {
        of[d.labels[chosen[0][i]]]++;
        assert_true(i == 0 || chosen[0][i] > chosen[0][i - 1]);
    }
    for (int c = 0; c < 5; c++)
        assert_int_equal(of[c], 7);
    ok(ij_split_few(&d, 0, 0.1, 3, 0, chosen[0], &count[0]));
    memset(of, 0, sizeof of);
    for (int64_t i = 0; i < count[0]; i++)
        of[d.labels[chosen[0][i]]]++;
    for (int c = 0; c < 5; c++)
        assert_int_equal(of[c], llround(0.1 * (double)all[c]));
    ok(ij_split_few(&d, 0, 1e-6, 3, 0, chosen[0], &count[0]));
    assert_int_equal(count[0], 5);
    assert_int_equal(ij_split_few(&d, 400, 0, 3, 0, chosen[0], &count[0]), IJ_EINVAL);
    release(&d);
}

/* ---- Scores and ranks ------------------------------------------------------------------------------------------- */

static void scores(void **state)
{
    (void)state;
    ij_score s;
    ok(ij_score_create(&s, 7));
    ij_score_add(&s, (const double[]){1, 2, 3, 4, 5, 6, 7}, 6);   /* first */
    ij_score_add(&s, (const double[]){1, 2, 3, 4, 5, 6, 7}, 2);   /* fifth */
    ij_score_add(&s, (const double[]){1, 2, 3, 4, 5, 6, 7}, 1);   /* sixth */
    ij_score_add(&s, (const double[]){3, 3, 3, 3, 3, 3, 3}, 0);   /* of equals the lowest */
    ij_score_add(&s, (const double[]){3, 3, 3, 3, 3, 3, 3}, 5);   /* the sixth of them */
    ij_score_add(&s, (const double[]){NAN, 1, 0, 0, 0, 0, 0}, 1); /* NaN is no rating */
    assert_int_equal(s.n, 6);
    assert_int_equal(s.top1, 3);
    assert_int_equal(s.top5, 4);
    assert_int_equal(s.confusion[2 * 7 + 6], 1);
    assert_int_equal(s.confusion[5 * 7 + 0], 1);
    ij_score_destroy(&s);
}

/* Pairs of vectors along axes, v and -v, of lengths 1, 1/2, 1/4, ..., all moved by the same: the singular values go
 * like the lengths, the entropy of (1/2, 1/4, ...) is nearly 2 ln 2. */
static void pairs(int rows, int width)
{
    static float x[2000];
    double length = 1, sum = 2 - pow(2, 1 - rows / 2), entropy = 0, rank;
    assert_true(rows * width <= 2000);
    for (int i = 0; i < rows * width; i++)
        x[i] = 3.0f;
    for (int i = 0; i < rows / 2; i++, length /= 2) {
        x[2 * i * width + (i * 7 + 3) % width] += (float)length;
        x[(2 * i + 1) * width + (i * 7 + 3) % width] -= (float)length;
        entropy -= length / sum * log(length / sum);
    }
    ok(ij_effective_rank(x, rows, width, &rank));
    assert_true(fabs(rank - exp(entropy)) < 1e-4);
}

static void ranks(void **state)
{
    (void)state;
    enum { ROWS = 24, WIDTH = 40 };
    static float x[ROWS * WIDTH];
    double rank;
    for (int i = 0; i < ROWS * WIDTH; i++) /* all the same */
        x[i] = 0.1f;
    ok(ij_effective_rank(x, ROWS, WIDTH, &rank));
    assert_true(rank == 0);
    for (int i = 0; i < ROWS; i++) /* along one line that does not meet zero */
        for (int j = 0; j < WIDTH; j++)
            x[i * WIDTH + j] = 2.0f + (float)(i + 1) * (float)(j % 5 - 2);
    ok(ij_effective_rank(x, ROWS, WIDTH, &rank));
    assert_true(fabs(rank - 1) < 1e-3);
    pairs(24, 40);
    pairs(40, 24);
    ij_random r;
    ij_random_start(&r, 1, IJ_STREAM_TEST, 9, 0);
    for (int i = 0; i < ROWS * WIDTH; i++)
        x[i] = ij_random_normal(&r);
    ok(ij_effective_rank(x, ROWS, WIDTH, &rank));
    assert_true(rank > 19 && rank < 23); /* 23 directions are left of 24 vectors about their mean */
    x[5] = NAN;
    ok(ij_effective_rank(x, ROWS, WIDTH, &rank));
    assert_true(isnan(rank));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(converges), cmocka_unit_test(wide),       cmocka_unit_test(grid),
        cmocka_unit_test(refusals),  cmocka_unit_test(neighbours), cmocka_unit_test(ties),
        cmocka_unit_test(few),       cmocka_unit_test(scores),     cmocka_unit_test(ranks)};
    if (ij_device_open(&device, NULL)) {
        skip_without_device();
        return 77;
    }
    int failed = cmocka_run_group_tests_name("probe", tests, NULL, NULL);
    ij_device_close(device);
    return failed;
}
