/* The probe's classifier: separable data, data that carry nothing, data that admit no answer. */
#include "engine/probe/ridge.h"

#include "engine/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

enum { CLASSES = 4, WIDTH = 24, N = 403, N_TEST = 200 };

/* Gaussian clouds around one centre a class, `distance` from the origin; feature 3 is constant, feature 5 has a large
 * offset and scale. */
static ij_labelled clouds(int64_t n, float distance, uint32_t seed)
{
    float *features = malloc((size_t)n * WIDTH * sizeof *features);
    int *labels = malloc((size_t)n * sizeof *labels);
    assert_true(features && labels);
    ij_random centres, noise;
    ij_random_start(&noise, seed, IJ_STREAM_TEST, 1, 0);
    for (int64_t i = 0; i < n; i++) {
        labels[i] = (int)ij_random_below(&noise, CLASSES);
        ij_random_start(&centres, 1, IJ_STREAM_TEST, 2, (uint32_t)labels[i]);
        for (int j = 0; j < WIDTH; j++)
            features[i * WIDTH + j] = distance * ij_random_normal(&centres) + ij_random_normal(&noise);
        features[i * WIDTH + 3] = 7;
        features[i * WIDTH + 5] = 1e4f + 1e3f * features[i * WIDTH + 5];
    }
    return (ij_labelled){features, labels, n, WIDTH, CLASSES};
}

static void release(ij_labelled *d)
{
    free((void *)d->features);
    free((void *)d->labels);
}

static ij_ridge_class_result classify(float distance)
{
    ij_labelled train = clouds(N, distance, 10), test = clouds(N_TEST, distance, 11);
    ij_ridge_class_result result;
    assert_int_equal(ij_ridge_classify(&train, &test, &result), IJ_OK);
    release(&train);
    release(&test);
    return result;
}

static void separable(void **state)
{
    (void)state;
    ij_ridge_class_result r = classify(3);
    assert_true(ij_score_top1(&r.score) > 0.99 && r.train_accuracy > 0.99);
    ij_score_destroy(&r.score);
}

static void overlapping(void **state)
{
    (void)state;
    ij_ridge_class_result r = classify(0.5f);
    assert_true(ij_score_top1(&r.score) > 0.5 && ij_score_top1(&r.score) < 0.98);
    ij_score_destroy(&r.score);
}

static void pure_noise(void **state)
{
    (void)state;
    ij_ridge_class_result r = classify(0);
    assert_true(ij_score_top1(&r.score) > 0.1 && ij_score_top1(&r.score) < 0.4); /* 1 in 4 by chance */
    ij_score_destroy(&r.score);
}

static void no_answer(void **state)
{
    (void)state;
    ij_labelled train = clouds(N, 1, 10), test = clouds(N_TEST, 1, 11);
    ij_ridge_class_result result;
    ij_labelled few = train;
    few.n = 9;
    assert_int_equal(ij_ridge_classify(&few, &test, &result), IJ_EINVAL);
    ((float *)train.features)[17] = NAN;
    assert_int_equal(ij_ridge_classify(&train, &test, &result), IJ_EINVAL);
    release(&train);
    release(&test);
}

/* A number that is a linear function of the features but for noise of variance 1: r2 says how much of its variance is
 * explained, the mean absolute error is the noise's, sqrt(2 / pi). */
static void numbers(void **state)
{
    (void)state;
    enum { MANY = 4000 };
    ij_labelled train = clouds(MANY, 1, 10), test = clouds(MANY, 1, 11);
    double *target[2], mean = 0, square = 0;
    const ij_labelled *sets[2] = {&train, &test};
    for (int k = 0; k < 2; k++) {
        ij_random noise;
        ij_random_start(&noise, (uint64_t)k, IJ_STREAM_TEST, 3, 0);
        assert_non_null(target[k] = malloc(MANY * sizeof *target[k]));
        for (int i = 0; i < MANY; i++) {
            const float *x = sets[k]->features + i * WIDTH;
            target[k][i] = 100 + 2 * (double)x[0] - (double)x[7] + (double)ij_random_normal(&noise);
        }
    }
    for (int i = 0; i < MANY; i++)
        mean += target[1][i] / MANY;
    for (int i = 0; i < MANY; i++)
        square += (target[1][i] - mean) * (target[1][i] - mean) / MANY;
    ij_ridge_value_result r;
    assert_int_equal(ij_ridge_regress(&train, target[0], &test, target[1], &r), IJ_OK);
    assert_true(fabs(r.r2 - (1 - 1 / square)) < 0.02);
    assert_true(fabs(r.absolute_error - sqrt(2 / 3.14159265)) < 0.04);
    for (int i = 0; i < MANY; i++)
        target[1][i] = 5;
    assert_int_equal(ij_ridge_regress(&train, target[0], &test, target[1], &r), IJ_OK);
    assert_true(isnan(r.r2) && r.absolute_error > 50);
    for (int k = 0; k < 2; k++)
        free(target[k]);
    release(&train);
    release(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers), cmocka_unit_test(separable),
                                       cmocka_unit_test(overlapping), cmocka_unit_test(pure_noise),
                                       cmocka_unit_test(no_answer)};
    return cmocka_run_group_tests_name("ridge", tests, NULL, NULL);
}
