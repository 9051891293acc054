/* The index lists of a batch: what they say, entry by entry, and the masks that are refused. No device. */
#include "engine/batch_index.h"
#include "engine/position.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PATCHES = 9 };

/* Two images, two context blocks, three target blocks of two patches: sequences (block, image) of 2, 1, 3, 1 tokens. */
typedef struct example {
    int32_t context[16], offset[5], target[12];
    ij_batch batch;
    ij_batch_index index;
    int32_t *ints;
} example;

static void make(example *e)
{
    *e = (example){.context = {0, 4, 8, 1, 2, 3, 7}, .offset = {0, 2, 3, 6, 7}};
    static const int32_t targets[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2};
    memcpy(e->target, targets, sizeof targets);
    e->batch = (ij_batch){.images = 2,
                          .crop = 12,
                          .contexts = 2,
                          .targets = 3,
                          .context_capacity = 4,
                          .target_capacity = 2,
                          .context = e->context,
                          .context_offset = e->offset,
                          .target = e->target,
                          .target_length = 2};
    ij_batch_index_plan(&e->index, &e->batch);
    e->ints = calloc((size_t)e->index.offset[IJ_LISTS], sizeof *e->ints);
    assert_non_null(e->ints);
}

static const int32_t *list(const example *e, ij_list which)
{
    return e->ints + e->index.offset[which];
}

static void lists_say_it(void **state)
{
    (void)state;
    example e;
    make(&e);
    assert_int_equal(ij_batch_index_fill(&e.index, &e.batch, PATCHES, e.ints), IJ_OK);
    assert_int_equal(e.index.context_tokens, 7);
    assert_int_equal(e.index.predictions, 3 * 2 * 2 * 2);
    assert_int_equal(e.index.target_rows, 3 * 2 * 2);
    assert_int_equal(e.index.predictor_stride, 7 + 4 * 2);
    assert_int_equal(e.index.predictor_tokens, 3 * 15);
    static const int32_t image[7] = {0, 0, 1, 0, 0, 0, 1};
    assert_memory_equal(list(&e, IJ_LIST_CONTEXT_IMAGE), image, sizeof image);
    assert_memory_equal(list(&e, IJ_LIST_CONTEXT_PATCH), e.context, sizeof image);
    assert_memory_equal(list(&e, IJ_LIST_CONTEXT_OFFSET), e.offset, sizeof e.offset);

    /* The predictor's sequences (target block, context block, image): context tokens, then mask tokens. */
    const int32_t *offset = list(&e, IJ_LIST_PREDICTOR_OFFSET), *source = list(&e, IJ_LIST_SOURCE);
    int row = 0, prediction = 0;
    for (int t = 0; t < 3; t++)
        for (int s = 0; s < 4; s++) {
            assert_int_equal(offset[t * 4 + s], row);
            for (int i = e.offset[s]; i < e.offset[s + 1]; i++, row++) {
                assert_int_equal(source[row], i);
                assert_int_equal(list(&e, IJ_LIST_PLACE)[i] + t * e.index.predictor_stride, row);
            }
            for (int i = 0; i < 2; i++, row++) {
                assert_int_equal(source[row], -1 - e.target[(t * 2 + s % 2) * 2 + i]);
                assert_int_equal(list(&e, IJ_LIST_MASK_ROWS)[prediction++], row);
            }
        }
    assert_int_equal(offset[12], row);
    for (int i = 0; i < e.index.target_rows; i++)
        assert_int_equal(list(&e, IJ_LIST_TARGET_ROWS)[i], i / 2 % 2 * PATCHES + e.target[i]);
    free(e.ints);
}

/* Regions begin at multiples of 1024 ints and hold the largest batch. */
static void largest_fits(void **state)
{
    (void)state;
    example e;
    make(&e);
    for (int s = 0; s <= 4; s++)
        e.offset[s] = 4 * s;
    for (int i = 0; i < 16; i++)
        e.context[i] = i % 4;
    assert_int_equal(ij_batch_index_fill(&e.index, &e.batch, PATCHES, e.ints), IJ_OK);
    int sizes[IJ_LISTS];
    sizes[IJ_LIST_CONTEXT_IMAGE] = sizes[IJ_LIST_CONTEXT_PATCH] = sizes[IJ_LIST_PLACE] = e.index.context_tokens;
    sizes[IJ_LIST_CONTEXT_OFFSET] = 5;
    sizes[IJ_LIST_PREDICTOR_OFFSET] = 13;
    sizes[IJ_LIST_SOURCE] = e.index.predictor_tokens;
    sizes[IJ_LIST_MASK_ROWS] = e.index.predictions;
    sizes[IJ_LIST_TARGET_ROWS] = e.index.target_rows;
    for (int i = 0; i < IJ_LISTS; i++) {
        assert_int_equal(e.index.offset[i] % 1024, 0);
        assert_true(e.index.offset[i] + sizes[i] <= e.index.offset[i + 1]);
    }
    free(e.ints);
}

/* Spoils one number of a good batch: refused, with a word in the message. */
static void refuse(void (*spoil)(example *), const char *word)
{
    example e;
    make(&e);
    spoil(&e);
    assert_int_equal(ij_batch_index_fill(&e.index, &e.batch, PATCHES, e.ints), IJ_EINVAL);
    if (!strstr(ij_error(), word))
        fail_msg("\"%s\" is not in \"%s\"", word, ij_error());
    free(e.ints);
}

static void no_target(example *e)
{
    e->batch.target_length = 0;
}
static void long_target(example *e)
{
    e->batch.target_length = 3;
}
static void late_start(example *e)
{
    e->offset[0] = 1;
}
static void empty_context(example *e)
{
    e->offset[2] = 2;
}
static void descending(example *e)
{
    e->offset[2] = 1;
}
static void too_many(example *e)
{
    e->offset[4] = 17;
}
static void too_many_between(example *e)
{
    e->offset[2] = 1000000;
}
static void negative_end(example *e)
{
    e->offset[4] = -7;
}
static void context_below(example *e)
{
    e->context[3] = -1;
}
static void context_beyond(example *e)
{
    e->context[6] = PATCHES;
}
static void target_below(example *e)
{
    e->target[0] = -1;
}
static void target_beyond(example *e)
{
    e->target[11] = PATCHES;
}

static void bad_masks(void **state)
{
    (void)state;
    refuse(no_target, "target blocks of 0");
    refuse(long_target, "target blocks of 3");
    refuse(late_start, "context");
    refuse(empty_context, "sequence 1");
    refuse(descending, "sequence 1");
    refuse(too_many, "17 context tokens");
    refuse(too_many_between, "sequence 2");
    refuse(negative_end, "context");
    refuse(context_below, "patch -1 of 9");
    refuse(context_beyond, "patch 9 of 9");
    refuse(target_below, "patch -1 of 9");
    refuse(target_beyond, "patch 9 of 9");
}

/* docs/method.md, step 3: [sin | cos] of t w_i, first of the column, then of the row. */
static void positions(void **state)
{
    (void)state;
    enum { SIDE = 5, DIM = 24 };
    static float table[SIDE * SIDE * DIM];
    ij_position_table(table, SIDE, DIM, 1);
    for (int patch = 0; patch < SIDE * SIDE; patch++)
        for (int j = 0; j < DIM; j++) {
            int t = j < DIM / 2 ? patch % SIDE : patch / SIDE, k = j % (DIM / 2), i = k % (DIM / 4);
            double angle = t * exp(-log(10000.0) * i / (DIM / 4.0));
            double want = k < DIM / 4 ? sin(angle) : cos(angle);
            assert_true(fabs((double)table[patch * DIM + j] - want) <= 1e-7);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lists_say_it), cmocka_unit_test(largest_fits),
                                       cmocka_unit_test(bad_masks), cmocka_unit_test(positions)};
    return cmocka_run_group_tests_name("batch index", tests, NULL, NULL);
}
