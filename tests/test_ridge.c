/* The probe's classifier: separable data, data that carry nothing, data that admit no answer. */
#include "tools/ridge.h"

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
static ridge_data clouds(int64_t n, float distance, uint32_t seed)
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
    return (ridge_data){features, labels, n, WIDTH, CLASSES};
}

static void release(ridge_data *d)
{
    free((void *)d->features);
    free((void *)d->labels);
}

static ridge_result classify(float distance)
{
    ridge_data train = clouds(N, distance, 10), test = clouds(N_TEST, distance, 11);
    ridge_result result;
    assert_int_equal(ridge_classify(&train, &test, &result), IJ_OK);
    release(&train);
    release(&test);
    return result;
}

static void separable(void **state)
{
    (void)state;
    ridge_result r = classify(3);
    assert_true(r.accuracy > 0.99 && r.train_accuracy > 0.99);
}

static void overlapping(void **state)
{
    (void)state;
    ridge_result r = classify(0.5f);
    assert_true(r.accuracy > 0.5 && r.accuracy < 0.98);
}

static void pure_noise(void **state)
{
    (void)state;
    ridge_result r = classify(0);
    assert_true(r.accuracy > 0.1 && r.accuracy < 0.4); /* 1 in 4 by chance */
}

static void no_answer(void **state)
{
    (void)state;
    ridge_data train = clouds(N, 1, 10), test = clouds(N_TEST, 1, 11);
    ridge_result result;
    ridge_data few = train;
    few.n = 9;
    assert_int_equal(ridge_classify(&few, &test, &result), IJ_EINVAL);
    ((float *)train.features)[17] = NAN;
    assert_int_equal(ridge_classify(&train, &test, &result), IJ_EINVAL);
    release(&train);
    release(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(separable), cmocka_unit_test(overlapping),
                                       cmocka_unit_test(pure_noise), cmocka_unit_test(no_answer)};
    return cmocka_run_group_tests_name("ridge", tests, NULL, NULL);
}
