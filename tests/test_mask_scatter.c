/* Scattered masks: the counts asked for, disjoint and in blocks, every patch as likely as any other, the same whoever
 * draws, on grids of any size; and the counts that do not fit a grid. */
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

enum { NOBODY = -1, CONTEXT = 1000 };

static ij_mask_config scattered(int side, int block_side, int targets, int contexts, int sets)
{
    return (ij_mask_config){.sampler = IJ_MASK_SCATTER,
                            .side = side,
                            .n_context = 1,
                            .n_target = sets,
                            .scatter = {block_side, targets, contexts}};
}

/* Marks ascending patches that nobody had before. */
static void take(int *owner, int patches, const int32_t *patch, int count, int who)
{
    for (int i = 0; i < count; i++) {
        assert_true(patch[i] >= 0 && patch[i] < patches);
        assert_true(i == 0 || patch[i] > patch[i - 1]);
        assert_int_equal(owner[patch[i]], NOBODY);
        owner[patch[i]] = who;
    }
}

/* Whose each patch of an image is: a target set's, CONTEXT's, NOBODY's. */
static void owners(const ij_batch *b, int patches, int image, int *owner)
{
    for (int p = 0; p < patches; p++)
        owner[p] = NOBODY;
    for (int set = 0; set < b->targets; set++)
        take(owner, patches, b->target + (set * b->images + image) * b->target_length, b->target_length, set);
    int begin = b->context_offset[image];
    take(owner, patches, b->context + begin, b->context_offset[image + 1] - begin, CONTEXT);
}

/* Blocks whose patches are not all one owner's. */
static int divided_blocks(const int *owner, int side, int block_side)
{
    int divided = 0;
    for (int top = 0; top < side; top += block_side)
        for (int left = 0; left < side; left += block_side) {
            bool whole = true;
            for (int y = top; y < top + block_side && y < side; y++)
                for (int x = left; x < left + block_side && x < side; x++)
                    whole = whole && owner[y * side + x] == owner[top * side + left];
            divided += !whole;
        }
    return divided;
}

static void check_batch(const ij_mask_config *c, const ij_batch *b)
{
    static int owner[256 * 256];
    const ij_mask_scatter *s = &c->scatter;
    int area = s->block_side * s->block_side, sets = b->targets;
    bool whole = c->side % s->block_side == 0 && s->target_patches / sets % area == 0 && s->context_patches % area == 0;
    assert_int_equal(b->target_length * sets, s->target_patches);
    assert_int_equal(b->context_offset[0], 0);
    for (int image = 0; image < b->images; image++) {
        assert_int_equal(b->context_offset[image + 1] - b->context_offset[image], s->context_patches);
        owners(b, c->side * c->side, image, owner);
        int divided = divided_blocks(owner, c->side, s->block_side);
        /* one at most where a set or the context ends */
        assert_true(divided <= (whole ? 0 : sets + 1));
    }
}

/* Every number of targets and many of contexts, on grids that the blocks fit or do not fit. */
static void test_properties(void **state)
{
    (void)state;
    int checked = 0;
    for (int side = 2; side <= 9; side++)
        for (int block_side = 1; block_side <= side; block_side++)
            for (int targets = 1; targets < side * side; targets++)
                for (int sets = 1; sets <= 4; sets++) {
                    int rest = side * side - targets;
                    ij_mask_config c = scattered(side, block_side, targets, 1 + targets * 7 % rest, sets);
                    if (targets % sets)
                        continue;
                    if (ij_mask_check(&c))
                        fail_msg("%s", ij_error());
                    ij_batch batch = mask_batch_make(&c, 3);
                    mask_batch_sample(&c, 11, targets, &batch);
                    check_batch(&c, &batch);
                    mask_batch_free(&batch);
                    checked++;
                }
    printf("  %d batches\n", checked);
}

static void test_whole_blocks(void **state)
{
    (void)state;
    for (int block_side = 2; block_side <= 4; block_side++) {
        int area = block_side * block_side;
        ij_mask_config c = scattered(12, block_side, 4 * area, 3 * area, 2);
        ij_batch batch = mask_batch_make(&c, 50);
        mask_batch_sample(&c, 3, 0, &batch);
        check_batch(&c, &batch); /* not one block is divided */
        mask_batch_free(&batch);
    }
}

/* The largest grid, all but one of its patches, the most sets. */
static void test_large_grid(void **state)
{
    (void)state;
    ij_mask_config c = scattered(256, 1, 65535, 1, 1);
    ij_batch batch = mask_batch_make(&c, 2);
    mask_batch_sample(&c, 1, 0, &batch);
    check_batch(&c, &batch);
    mask_batch_free(&batch);
    c = scattered(256, 255, 64, 65536 - 64, 64);
    batch = mask_batch_make(&c, 2);
    mask_batch_sample(&c, 1, 0, &batch);
    check_batch(&c, &batch);
    mask_batch_free(&batch);
}

/* Within five standard deviations: 1 in 10^6 by chance for each patch, and the seed is fixed. */
static void assert_as_likely(int count, int draws, double share)
{
    if (fabs(count - draws * share) > 5 * sqrt(draws * share * (1 - share)))
        fail_msg("%d of %d draws, %g of them expected", count, draws, share);
}

/* Also where a count ends within a block: 2x2 blocks in sets of 5. */
static void test_patches_are_as_likely(void **state)
{
    (void)state;
    enum { SIDE = 8, N = SIDE * SIDE, BATCHES = 500, IMAGES = 8, DRAWS = BATCHES * IMAGES, SETS = 3, T = 5, K = 17 };
    for (int block_side = 1; block_side <= 2; block_side++) {
        ij_mask_config c = scattered(SIDE, block_side, SETS * T, K, SETS);
        static int count[SETS + 1][N], owner[N];
        int neighbours = 0;
        memset(count, 0, sizeof count);
        ij_batch batch = mask_batch_make(&c, IMAGES);
        for (int64_t number = 0; number < BATCHES; number++) {
            mask_batch_sample(&c, 5, number, &batch);
            for (int image = 0; image < IMAGES; image++) {
                owners(&batch, N, image, owner);
                for (int p = 0; p < N; p++) {
                    if (owner[p] != NOBODY)
                        count[owner[p] == CONTEXT ? SETS : owner[p]][p]++;
                    neighbours += p % SIDE && owner[p] == CONTEXT && owner[p - 1] == CONTEXT;
                }
            }
        }
        for (int p = 0; p < N; p++) {
            for (int set = 0; set < SETS; set++)
                assert_as_likely(count[set][p], DRAWS, (double)T / N);
            assert_as_likely(count[SETS][p], DRAWS, (double)K / N);
        }
        /* Patches by themselves do not care for their neighbours; those of blocks do. */
        double pairs = (double)neighbours / DRAWS / (SIDE * (SIDE - 1)),
               independent = (double)K * (K - 1) / N / (N - 1);
        if (block_side == 1)
            assert_true(fabs(pairs / independent - 1) < 0.03);
        else
            assert_true(pairs > 1.5 * independent);
        mask_batch_free(&batch);
    }
}

/* An image's masks follow from seed, batch and its place in it, not from what was drawn before or beside it. */
static void test_reproducible(void **state)
{
    (void)state;
    ij_mask_config c = scattered(14, 2, 96, 40, 4);
    ij_batch a = mask_batch_make(&c, 4), b = mask_batch_make(&c, 4), more = mask_batch_make(&c, 9);
    mask_batch_sample(&c, 9, 41, &a);
    mask_batch_sample(&c, 9, 7, &b);
    assert_memory_not_equal(a.context, b.context, 4 * 40 * sizeof(int32_t));
    mask_batch_sample(&c, 9, 41, &b);
    mask_batch_same(&a, &b);
    mask_batch_sample(&c, 9, 41, &more);
    assert_memory_equal(a.context, more.context, 4 * 40 * sizeof(int32_t));
    for (int set = 0; set < 4; set++)
        assert_memory_equal(a.target + set * 4 * 24, more.target + set * 9 * 24, 4 * 24 * sizeof(int32_t));
    mask_batch_sample(&c, 10, 41, &b);
    assert_memory_not_equal(a.context, b.context, 4 * 40 * sizeof(int32_t));
    for (int image = 1; image < 4; image++)
        assert_memory_not_equal(a.context, a.context + image * 40, 40 * sizeof(int32_t));
    mask_batch_free(&a);
    mask_batch_free(&b);
    mask_batch_free(&more);
}

/* Joint targets are one set of all, whatever num_pred_masks. */
static void test_joint(void **state)
{
    (void)state;
    ij_mask_config joint = scattered(8, 2, 30, 20, 4), one = scattered(8, 2, 30, 20, 1);
    joint.joint = true;
    assert_int_equal(ij_mask_check(&joint), IJ_OK);
    ij_batch a = mask_batch_make(&joint, 6), b = mask_batch_make(&one, 6);
    assert_int_equal(a.targets, 1);
    assert_int_equal(a.target_capacity, 30);
    for (int64_t number = 0; number < 10; number++) {
        mask_batch_sample(&joint, 3, number, &a);
        mask_batch_sample(&one, 3, number, &b);
        mask_batch_same(&a, &b);
    }
    mask_batch_free(&a);
    mask_batch_free(&b);
}

/* What memory is planned for is what every batch has. */
static void test_planned_tokens(void **state)
{
    (void)state;
    ij_mask_config c = scattered(16, 4, 96, 120, 3);
    int64_t context, predictor;
    ij_mask_most_tokens(&c, 1000, &context, &predictor);
    assert_int_equal(context, 1000 * 120);
    assert_int_equal(predictor, 3 * 1000 * (120 + 32));
}

static void test_impossible(void **state)
{
    (void)state;
    ij_mask_config good = scattered(8, 2, 32, 32, 4);
    assert_int_equal(ij_mask_check(&good), IJ_OK);
    masks_refused(scattered(8, 0, 32, 32, 4), "block_side 0", "1 to 8");
    masks_refused(scattered(8, 9, 32, 32, 4), "block_side 9", "1 to 8");
    masks_refused(scattered(8, 2, 0, 32, 4), "target_patches 0", "1 to 63");
    masks_refused(scattered(8, 2, 64, 1, 4), "target_patches 64", "8x8 has 64");
    masks_refused(scattered(8, 2, 32, 33, 4), "context_patches 33", "target_patches takes 32");
    masks_refused(scattered(8, 2, 32, 0, 4), "context_patches 0", "1 to 32");
    masks_refused(scattered(8, 2, 30, 32, 4), "target_patches 30", "num_pred_masks 4");
    masks_refused(scattered(8, 2, 32, 32, 65), "num_pred_masks 65", "64");
    masks_refused(scattered(1, 1, 1, 1, 1), "grid", "patch_size");
    masks_refused(scattered(257, 1, 1, 1, 1), "grid", "256");
    ij_mask_config contexts = good;
    contexts.n_context = 2;
    masks_refused(contexts, "num_enc_masks 2", "one context");
    ij_batch batch = mask_batch_make(&good, 2);
    batch.target_capacity--;
    assert_int_equal(ij_mask_sample(&good, 1, 0, &batch), IJ_EINVAL);
    assert_non_null(strstr(ij_error(), "do not fit"));
    batch.target_capacity++;
    batch.context_capacity--;
    assert_int_equal(ij_mask_sample(&good, 1, 0, &batch), IJ_EINVAL);
    mask_batch_free(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_properties),     cmocka_unit_test(test_whole_blocks),
        cmocka_unit_test(test_large_grid),     cmocka_unit_test(test_patches_are_as_likely),
        cmocka_unit_test(test_reproducible),   cmocka_unit_test(test_joint),
        cmocka_unit_test(test_planned_tokens), cmocka_unit_test(test_impossible),
    };
    return cmocka_run_group_tests_name("mask_scatter", tests, NULL, NULL);
}
