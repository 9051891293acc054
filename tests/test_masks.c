/* The multi-block sampler: sizes by the formula, places uniform, contexts disjoint from targets, truncation, and the
 * configurations for which no valid mask exists. */
#include "engine/base/random.h"
#include "tests/mask_batch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static ij_mask_config official(int side)
{
    return (ij_mask_config){.side = side,
                            .n_context = 1,
                            .n_target = 4,
                            .enc_scale = {0.85, 1},
                            .pred_scale = {0.15, 0.2},
                            .aspect = {0.75, 1.5},
                            .min_keep = 10};
}

/* docs/method.md's block size, written out once more. */
static void formula(int side, const double scale[2], double a0, double a1, double r, int *height, int *width)
{
    double keep = floor(side * side * (scale[0] + r * (scale[1] - scale[0]))), aspect = a0 + r * (a1 - a0);
    int h = (int)nearbyint(sqrt(keep * aspect)), w = (int)nearbyint(sqrt(keep / aspect));
    while (h >= side)
        h--;
    while (w >= side)
        w--;
    *height = h;
    *width = w;
}

static void sizes_of(const ij_mask_config *c, uint64_t seed, int64_t number, int target[2], int context[2])
{
    ij_random random;
    ij_random_start(&random, seed, IJ_STREAM_MASK, (uint64_t)number, 0);
    formula(c->side, c->pred_scale, c->aspect[0], c->aspect[1], (double)ij_random_uniform(&random), &target[0],
            &target[1]);
    formula(c->side, c->enc_scale, 1, 1, (double)ij_random_uniform(&random), &context[0], &context[1]);
}

/* Checks that `patch` [count] is a full block of height x width inside the grid; marks it. */
static void check_block(const int32_t *patch, int height, int width, int side, bool *marked)
{
    int top = patch[0] / side, left = patch[0] % side;
    assert_true(top + height < side && left + width < side); /* no draw reaches the last row or column */
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            assert_int_equal(patch[y * width + x], (top + y) * side + left + x);
            marked[patch[y * width + x]] = true;
        }
}

static void check_batch(const ij_mask_config *c, const ij_batch *b, const int target[2], const int context[2],
                        int *overlapping)
{
    bool taken[64 * 64];
    assert_int_equal(b->target_length, target[0] * target[1]);
    assert_int_equal(b->context_offset[0], 0);
    for (int image = 0; image < b->images; image++) {
        memset(taken, 0, sizeof taken);
        for (int t = 0; t < c->n_target; t++)
            check_block(b->target + (t * b->images + image) * b->target_length, target[0], target[1], c->side, taken);
        for (int k = 0; k < c->n_context; k++) {
            int s = k * b->images + image, begin = b->context_offset[s], end = b->context_offset[s + 1];
            assert_true(end - begin <= b->context_capacity && end - begin <= context[0] * context[1]);
            assert_true(end - begin > c->min_keep);
            bool overlap = false;
            int low = c->side, high = 0;
            for (int i = begin; i < end; i++) {
                assert_true(b->context[i] >= 0 && b->context[i] < c->side * c->side);
                assert_true(i == begin || b->context[i] > b->context[i - 1]);
                overlap |= taken[b->context[i]];
                low = b->context[i] % c->side < low ? b->context[i] % c->side : low;
                high = b->context[i] % c->side > high ? b->context[i] % c->side : high;
            }
            assert_true(high - low < context[1]);
            assert_true((b->context[end - 1] - b->context[begin]) / c->side < context[0]);
            *overlapping += overlap;
        }
    }
}

static void test_properties(void **state)
{
    (void)state;
    int checked = 0, overlapping = 0;
    for (int side = 3; side <= 32; side++)
        for (int blocks = 1; blocks <= 2; blocks++) {
            ij_mask_config c = official(side);
            c.n_context = blocks;
            c.min_keep = side < 6 ? 0 : side < 10 ? 2 : 10;
            if (ij_mask_check(&c))
                fail_msg("side %d: %s", side, ij_error());
            ij_batch batch = mask_batch_make(&c, 8);
            for (int64_t number = 0; number < 60; number++) {
                int target[2], context[2], before = overlapping;
                mask_batch_sample(&c, 11, number, &batch);
                sizes_of(&c, 11, number, target, context);
                check_batch(&c, &batch, target, context, &overlapping);
                assert_true(side < 10 || overlapping == before);
                checked++;
            }
            mask_batch_free(&batch);
        }
    printf("  %d batches; %d contexts on grids below 10x10 had to keep patches of a target\n", checked, overlapping);
}

/* Each place is as likely as any other. */
static void test_places_are_uniform(void **state)
{
    (void)state;
    ij_mask_config c = official(8);
    c.pred_scale[0] = c.pred_scale[1] = 0.25;
    c.aspect[0] = c.aspect[1] = 1; /* 4x4 blocks: 4x4 places */
    c.min_keep = 4;
    enum { PLACES = 16, BATCHES = 500, IMAGES = 8, DRAWS = BATCHES * IMAGES };
    int count[4][PLACES] = {{0}};
    ij_batch batch = mask_batch_make(&c, IMAGES);
    for (int64_t number = 0; number < BATCHES; number++) {
        mask_batch_sample(&c, 5, number, &batch);
        assert_int_equal(batch.target_length, 16);
        for (int t = 0; t < 4; t++)
            for (int image = 0; image < IMAGES; image++) {
                int first = batch.target[(t * IMAGES + image) * 16];
                count[t][first / 8 * 4 + first % 8]++;
            }
    }
    for (int t = 0; t < 4; t++) {
        double chi = 0;
        for (int i = 0; i < PLACES; i++)
            chi += pow(count[t][i] - DRAWS / (double)PLACES, 2) / (DRAWS / (double)PLACES);
        assert_true(chi < 45); /* 15 degrees of freedom: p = 0.00008 */
    }
    mask_batch_free(&batch);
}

static void test_truncation(void **state)
{
    (void)state;
    ij_mask_config whole = official(14), cut = whole;
    cut.truncate_batch = true;
    whole.n_context = cut.n_context = 2;
    enum { IMAGES = 16 };
    ij_batch a = mask_batch_make(&whole, IMAGES), b = mask_batch_make(&cut, IMAGES);
    bool shortened = false;
    for (int64_t number = 0; number < 20; number++) {
        mask_batch_sample(&whole, 3, number, &a);
        mask_batch_sample(&cut, 3, number, &b);
        int shortest = a.context_capacity;
        for (int s = 0; s < 2 * IMAGES; s++) {
            int length = a.context_offset[s + 1] - a.context_offset[s];
            shortest = length < shortest ? length : shortest;
        }
        for (int s = 0; s < 2 * IMAGES; s++) {
            assert_int_equal(b.context_offset[s + 1] - b.context_offset[s], shortest);
            assert_memory_equal(b.context + b.context_offset[s], a.context + a.context_offset[s],
                                (size_t)shortest * sizeof(int32_t));
            shortened |= shortest < a.context_offset[s + 1] - a.context_offset[s];
        }
        assert_int_equal(a.target_length, b.target_length);
        assert_memory_equal(a.target, b.target, (size_t)(4 * IMAGES * a.target_length) * sizeof(int32_t));
    }
    assert_true(shortened);
    mask_batch_free(&a);
    mask_batch_free(&b);
}

/* A batch's masks follow from seed and number, not from what was drawn before. */
static void test_reproducible(void **state)
{
    (void)state;
    ij_mask_config c = official(14);
    ij_batch a = mask_batch_make(&c, 4), b = mask_batch_make(&c, 4);
    mask_batch_sample(&c, 9, 41, &a);
    mask_batch_sample(&c, 9, 7, &b);
    assert_true(a.target_length != b.target_length ||
                memcmp(a.target, b.target, (size_t)(16 * a.target_length) * sizeof(int32_t)) != 0);
    mask_batch_sample(&c, 9, 41, &b);
    mask_batch_same(&a, &b);
    mask_batch_sample(&c, 10, 41, &b);
    assert_true(a.target_length != b.target_length ||
                memcmp(a.target, b.target, (size_t)(16 * a.target_length) * sizeof(int32_t)) != 0);
    mask_batch_free(&a);
    mask_batch_free(&b);
}

static void test_overlap_allowed(void **state)
{
    (void)state;
    ij_mask_config c = official(14);
    c.allow_overlap = true;
    ij_batch batch = mask_batch_make(&c, 4);
    for (int64_t number = 0; number < 20; number++) {
        int target[2], context[2];
        mask_batch_sample(&c, 1, number, &batch);
        sizes_of(&c, 1, number, target, context);
        for (int s = 0; s < 4; s++)
            assert_int_equal(batch.context_offset[s + 1] - batch.context_offset[s], context[0] * context[1]);
    }
    mask_batch_free(&batch);
}

/* Where four targets leave too little, the context gives way after 20 tries and the sampler ends all the same. */
static void test_fewer_targets_subtracted(void **state)
{
    (void)state;
    ij_mask_config c = official(8);
    c.pred_scale[0] = c.pred_scale[1] = 0.4;
    c.min_keep = 18;
    assert_int_equal(ij_mask_check(&c), IJ_OK);
    ij_batch batch = mask_batch_make(&c, 16);
    int overlapping = 0;
    for (int64_t number = 0; number < 50; number++) {
        int target[2], context[2];
        mask_batch_sample(&c, 2, number, &batch);
        sizes_of(&c, 2, number, target, context);
        check_batch(&c, &batch, target, context, &overlapping);
    }
    assert_true(overlapping > 0);
    mask_batch_free(&batch);
}

/* The bounds are the largest over a fine sweep of draws, and no batch exceeds them. */
static void test_bounds(void **state)
{
    (void)state;
    for (int side = 3; side <= 32; side += 1 + side / 8) {
        ij_mask_config c = official(side);
        c.min_keep = 0;
        assert_int_equal(ij_mask_check(&c), IJ_OK);
        int max_context, max_target, largest = 0, smallest = side * side;
        ij_mask_bounds(&c, &max_context, &max_target);
        for (int i = 0; i < 20000; i++) {
            int h, w;
            formula(side, c.pred_scale, c.aspect[0], c.aspect[1], i / 20000.0, &h, &w);
            largest = h * w > largest ? h * w : largest;
            smallest = h * w < smallest ? h * w : smallest;
        }
        assert_int_equal(max_target, largest);
        assert_true(max_context < side * side);
        c.min_keep = smallest - 1;
        ij_status allowed = ij_mask_check(&c);
        if (allowed)
            assert_non_null(strstr(ij_error(), "context")); /* the targets themselves are large enough */
        c.min_keep = smallest;
        assert_int_equal(ij_mask_check(&c), IJ_EINVAL);
        assert_non_null(strstr(ij_error(), "target"));
    }
}

/* Two blocks on a small grid: the bound is met, so memory planned from it is not wasted either. */
static void test_bound_is_met(void **state)
{
    (void)state;
    ij_mask_config c = official(6);
    c.n_target = 1;
    c.min_keep = 2;
    int max_context, max_target, longest = 0;
    ij_mask_bounds(&c, &max_context, &max_target);
    ij_batch batch = mask_batch_make(&c, 8);
    for (int64_t number = 0; number < 500; number++) {
        mask_batch_sample(&c, 1, number, &batch);
        for (int s = 0; s < 8; s++) {
            int length = batch.context_offset[s + 1] - batch.context_offset[s];
            longest = length > longest ? length : longest;
        }
    }
    assert_int_equal(longest, max_context);
    mask_batch_free(&batch);
}

/* Joint targets are the blocks' union, a patch of several blocks once, cut at random to the batch's smallest; contexts
 * are what they were. */
static void test_joint_targets(void **state)
{
    (void)state;
    enum { IMAGES = 8, N = 14 * 14 };
    ij_mask_config apart = official(14), joint = apart;
    joint.joint = true;
    assert_int_equal(ij_mask_target_sets(&apart), 4);
    assert_int_equal(ij_mask_target_sets(&joint), 1);
    ij_batch a = mask_batch_make(&apart, IMAGES), b = mask_batch_make(&joint, IMAGES);
    int cut = 0;
    for (int64_t number = 0; number < 50; number++) {
        bool in[IMAGES][N] = {{false}};
        int smallest = N;
        mask_batch_sample(&apart, 3, number, &a);
        mask_batch_sample(&joint, 3, number, &b);
        for (int image = 0; image < IMAGES; image++) {
            int size = 0;
            for (int t = 0; t < 4; t++)
                for (int i = 0; i < a.target_length; i++)
                    in[image][a.target[(t * IMAGES + image) * a.target_length + i]] = true;
            for (int p = 0; p < N; p++)
                size += in[image][p];
            smallest = size < smallest ? size : smallest;
            cut += size > b.target_length;
        }
        assert_int_equal(b.target_length, smallest);
        for (int i = 0; i < IMAGES * smallest; i++) {
            assert_true(in[i / smallest][b.target[i]]);
            assert_true(i % smallest == 0 || b.target[i] > b.target[i - 1]);
        }
        assert_memory_equal(a.context_offset, b.context_offset, (IMAGES + 1) * sizeof(int32_t));
        assert_memory_equal(a.context, b.context, (size_t)a.context_offset[IMAGES] * sizeof(int32_t));
    }
    assert_true(cut > 200);
    mask_batch_free(&a);
    mask_batch_free(&b);
}

/* Of one block an image there is nothing to join. */
static void test_one_block_is_joint_already(void **state)
{
    (void)state;
    ij_mask_config apart = official(14), joint;
    apart.n_target = 1;
    apart.n_context = 2;
    apart.truncate_batch = true;
    joint = apart;
    joint.joint = true;
    ij_batch a = mask_batch_make(&apart, 5), b = mask_batch_make(&joint, 5);
    assert_int_equal(a.target_capacity, b.target_capacity);
    for (int64_t number = 0; number < 20; number++) {
        mask_batch_sample(&apart, 3, number, &a);
        mask_batch_sample(&joint, 3, number, &b);
        mask_batch_same(&a, &b);
    }
    mask_batch_free(&a);
    mask_batch_free(&b);
}

/* Where a union is cut, each of its patches is as likely to stay, early or late in the image. */
static void test_joint_cut_is_fair(void **state)
{
    (void)state;
    enum { SIDE = 6, HALVES = 2, BATCHES = 3000 };
    ij_mask_config apart = official(SIDE), joint;
    apart.min_keep = 1;
    apart.n_target = 2;
    joint = apart;
    joint.joint = true;
    ij_batch a = mask_batch_make(&apart, 2), b = mask_batch_make(&joint, 2);
    double stayed[HALVES] = {0}, expected[HALVES] = {0};
    for (int64_t number = 0; number < BATCHES; number++) {
        mask_batch_sample(&apart, 8, number, &a);
        mask_batch_sample(&joint, 8, number, &b);
        for (int image = 0; image < 2; image++) {
            bool in[SIDE * SIDE] = {false};
            int size = 0, seen = 0;
            for (int t = 0; t < 2; t++)
                for (int i = 0; i < a.target_length; i++)
                    in[a.target[(t * 2 + image) * a.target_length + i]] = true;
            for (int p = 0; p < SIDE * SIDE; p++)
                size += in[p];
            for (int p = 0; p < SIDE * SIDE; p++) {
                int half = seen * HALVES / size; /* of the union, by patch number */
                bool stays = false;
                for (int i = 0; i < b.target_length && in[p]; i++)
                    stays |= b.target[image * b.target_length + i] == p;
                if (in[p] && size > b.target_length) {
                    stayed[half] += stays;
                    expected[half] += (double)b.target_length / size;
                }
                seen += in[p];
            }
        }
    }
    for (int half = 0; half < HALVES; half++) {
        assert_true(expected[half] > 5000);
        assert_true(fabs(stayed[half] / expected[half] - 1) < 0.02);
    }
    mask_batch_free(&a);
    mask_batch_free(&b);
}

/* The bound holds every batch of one image, whose union is not cut, and what is planned for leaves room for contexts.
 */
static void test_joint_bounds(void **state)
{
    (void)state;
    for (int side = 4; side <= 16; side += 3) {
        ij_mask_config c = official(side);
        c.joint = true;
        c.min_keep = 0;
        int most = 0;
        int64_t context, predictor;
        ij_batch one = mask_batch_make(&c, 1), many = mask_batch_make(&c, 40);
        ij_mask_most_tokens(&c, 40, &context, &predictor);
        many.most_context = context;
        many.most_predictor = predictor;
        for (int64_t number = 0; number < 200; number++) {
            mask_batch_sample(&c, 4, number, &one);
            most = one.target_length > most ? one.target_length : most;
            mask_batch_sample(&c, 4, number, &many);
            assert_true(many.context_offset[40] + 40 * many.target_length <= predictor);
        }
        assert_true(most <= one.target_capacity);
        assert_true(side > 4 || most == one.target_capacity);
        many.most_predictor = 40 * 3; /* far less than any batch needs */
        mask_batch_sample(&c, 4, 0, &many);
        assert_true(many.context_offset[40] + 40 * many.target_length <= 40 * 3);
        mask_batch_free(&one);
        mask_batch_free(&many);
    }
}

static void test_impossible(void **state)
{
    (void)state;
    masks_refused(official(8), "pred_mask_scale", "min_keep 10"); /* 32 pixels, patches of 4 */
    masks_refused(official(2), "no valid target mask", "2x2");
    masks_refused(official(1), "grid", "patch_size");
    masks_refused(official(1000), "grid", "256");
    ij_mask_config c = official(14);
    c.enc_scale[0] = c.enc_scale[1] = 0.04;
    masks_refused(c, "no valid context mask", "enc_mask_scale");
    c = official(14);
    c.pred_scale[0] = c.pred_scale[1] = c.aspect[0] = c.aspect[1] = 1; /* targets as large as the context */
    masks_refused(c, "no valid context mask", "allow_overlap");
    c.allow_overlap = true;
    assert_int_equal(ij_mask_check(&c), IJ_OK);
    c = official(14);
    c.min_keep = 40;
    masks_refused(c, "min_keep 40", "pred_mask_scale");
    c = official(14);
    c.pred_scale[0] = 0.3;
    masks_refused(c, "pred_mask_scale", "0.3");
    c = official(14);
    c.aspect[0] = 0;
    masks_refused(c, "aspect_ratio", "0");
    c = official(14);
    c.n_target = 0;
    masks_refused(c, "num_pred_masks", "0");
    c = official(14);
    c.enc_scale[0] = NAN;
    masks_refused(c, "enc_mask_scale", "nan");
    c = official(14);
    assert_int_equal(ij_mask_check(&c), IJ_OK);
    ij_batch batch = mask_batch_make(&c, 2);
    batch.context_capacity = 5;
    assert_int_equal(ij_mask_sample(&c, 1, 0, &batch), IJ_EINVAL);
    assert_non_null(strstr(ij_error(), "does not fit"));
    mask_batch_free(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_properties),
        cmocka_unit_test(test_places_are_uniform),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_reproducible),
        cmocka_unit_test(test_overlap_allowed),
        cmocka_unit_test(test_fewer_targets_subtracted),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_bound_is_met),
        cmocka_unit_test(test_joint_targets),
        cmocka_unit_test(test_one_block_is_joint_already),
        cmocka_unit_test(test_joint_cut_is_fair),
        cmocka_unit_test(test_joint_bounds),
        cmocka_unit_test(test_impossible),
    };
    return cmocka_run_group_tests_name("masks", tests, NULL, NULL);
}
