/* Several ranks train what one does: losses and weights are those of the whole batch on one device, over 50 steps, the
 * same on every rank, and the same bits again. Started by mpirun with 2 to 4 processes. */
#include "engine/ranks/ranks.h"
#include "tests/skip.h"
#include "tests/test_model_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 7, STEPS = 50, PIXEL_STEPS = 20 };

static ij_ranks *ranks;

/* What a run comes to. */
typedef struct outcome {
    double losses[STEPS], spread[STEPS];
    float *state; /* weights, gradients, moments, target encoder */
    int64_t floats;
} outcome;

static void tell_end(const char *why)
{
    fprintf(stderr, "%s\n", why);
}

/* The keys' biases are left out: the softmax does not see them, their gradient is rounding, and AdamW makes steps of
 * full length of that. */
static void clear_key_biases(const ij_trainer *t, float *state)
{
    for (int i = 0; i < ij_trainer_tensor_count(t); i++) {
        const ij_tensor_info *info = ij_trainer_tensor(t, i);
        int stores = strncmp(info->name, "target_encoder.", 15) ? 4 : 1;
        size_t third = (size_t)info->elements / 3;
        for (int s = 0; s < stores; s++, state += info->elements)
            if (strstr(info->name, "attn.qkv.bias"))
                memset(state + third, 0, third * sizeof *state);
    }
}

/* first, images: this rank's share. */
static outcome run(ij_trainer_config config, int first, int images)
{
    outcome o = {0};
    ij_hyper hyper = {.lr = 1e-3, .wd = 0.05, .ema = 0.99, .features_from = PIXEL_STEPS};
    ij_trainer *t = case_trainer(&config);
    case_ok(ij_trainer_set_share(t, first, images));
    for (int k = 0; k < STEPS; k++) {
        ij_step_result result;
        case_step(t, k % 2, (uint64_t)k, hyper);
        if (k > 0) { /* as a run does: a step late */
            case_ok(ij_trainer_result(t, k - 1, &result));
            o.losses[k - 1] = result.loss;
            o.spread[k - 1] = result.target_std;
        }
    }
    ij_step_result result;
    case_ok(ij_trainer_result(t, STEPS - 1, &result));
    o.losses[STEPS - 1] = result.loss;
    o.spread[STEPS - 1] = result.target_std;
    o.state = case_state(t, &o.floats);
    clear_key_biases(t, o.state);
    ij_trainer_destroy(t);
    return o;
}

/* A share of weights[r] of 7 images for each rank, one image at least. */
static void share_of(const int *weights, int *first, int *images)
{
    int all = 0, begin = 0, left = BATCH, count = ij_ranks_count(ranks), own = ij_ranks_own(ranks);
    for (int r = 0; r < count; r++)
        all += weights[r];
    for (int r = 0; r < count; r++) {
        int n = r + 1 == count ? left : BATCH * weights[r] / all;
        n = n < 1 ? 1 : n;
        if (r == own) {
            *first = begin;
            *images = n;
        }
        begin += n;
        left -= n;
    }
    assert_true(left == 0);
}

static void compare(const outcome *got, const outcome *want)
{
    double worst = 0, difference = 0, size = 0;
    for (int k = 0; k < STEPS; k++) {
        worst = fmax(worst, fabs(got->losses[k] - want->losses[k]) / want->losses[k]);
        assert_int_equal(isnan(got->spread[k]), k < PIXEL_STEPS);
        if (k >= PIXEL_STEPS)
            worst = fmax(worst, fabs(got->spread[k] - want->spread[k]) / want->spread[k]);
    }
    for (int64_t i = 0; i < got->floats; i++) {
        double d = (double)got->state[i] - (double)want->state[i];
        difference += d * d;
        size += (double)want->state[i] * (double)want->state[i];
    }
    double state = sqrt(difference / size);
    if (ij_ranks_own(ranks) == 0)
        print_message("             losses and spreads within %.1e, weights and moments within %.1e\n", worst, state);
    assert_true(worst < 1e-6);
    assert_true(state < 1e-6);
}

/* All ranks have rank 0's. */
static void same_everywhere(const outcome *o)
{
    float *first = malloc((size_t)o->floats * sizeof *first);
    assert_non_null(first);
    memcpy(first, o->state, (size_t)o->floats * sizeof *first);
    ij_ranks_from_first(ranks, first, (size_t)o->floats * sizeof *first);
    assert_memory_equal(first, o->state, (size_t)o->floats * sizeof *first);
    free(first);
}

static void as_one_rank(ij_trainer_config config, const int *weights)
{
    int first = 0, images = 0;
    share_of(weights, &first, &images);
    outcome want = run(config, 0, BATCH);
    config.ranks = ranks;
    config.share = images;
    if (config.micro_batch > images)
        config.micro_batch = images;
    outcome got = run(config, first, images), again = run(config, first, images);
    compare(&got, &want);
    same_everywhere(&got);
    assert_memory_equal(again.state, got.state, (size_t)got.floats * sizeof *got.state);
    assert_memory_equal(again.losses, got.losses, sizeof got.losses);
    free(want.state);
    free(got.state);
    free(again.state);
}

static const int equal[4] = {1, 1, 1, 1}, unequal[4] = {4, 1, 1, 1};

static void equal_shares(void **state)
{
    (void)state;
    as_one_rank(case_config_pixels(BATCH), equal);
}

static void unequal_shares(void **state)
{
    (void)state;
    as_one_rank(case_config_pixels(BATCH), unequal);
}

/* Micro-batches on top, of different counts on different ranks; blocks computed again, moments in the host's memory. */
static void with_less_memory(void **state)
{
    (void)state;
    ij_trainer_config c = case_config_pixels(BATCH);
    c.micro_batch = 2;
    c.recompute = IJ_RECOMPUTE_BLOCKS;
    c.offload = IJ_OFFLOAD_MOMENTS;
    as_one_rank(c, unequal);
}

/* By the norm of the whole batch's gradient. */
static void clipped(void **state)
{
    (void)state;
    ij_trainer_config c = case_config_pixels(BATCH);
    c.clip_grad = 0.05;
    as_one_rank(c, equal);
}

/* The mean features of all images come from everywhere. */
static void features(void **state)
{
    (void)state;
    int first = 0, images = 0;
    share_of(unequal, &first, &images);
    ij_hyper hyper = {.lr = 1e-3, .ema = 0.99};
    size_t floats = (size_t)BATCH * (size_t)case_config().model.dim;
    float *of[2] = {malloc(floats * sizeof(float)), malloc(floats * sizeof(float))};
    assert_true(of[0] && of[1]);
    for (int together = 0; together < 2; together++) {
        ij_trainer_config c = case_config_pixels(BATCH);
        c.ranks = together ? ranks : NULL;
        c.share = together ? images : 0;
        ij_trainer *t = case_trainer(&c);
        if (together)
            case_ok(ij_trainer_set_share(t, first, images));
        case_step(t, 0, 1, hyper);
        case_ok(ij_trainer_batch_features(t, of[together]));
        if (together)
            ij_ranks_add_floats(ranks, of[1], floats);
        ij_trainer_destroy(t);
    }
    for (size_t i = 0; i < floats; i++)
        assert_true(fabsf(of[1][i] - of[0][i]) < 1e-5f);
    free(of[0]);
    free(of[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equal_shares), cmocka_unit_test(unequal_shares),
                                       cmocka_unit_test(with_less_memory), cmocka_unit_test(clipped),
                                       cmocka_unit_test(features)};
    if (ij_ranks_open(&ranks, tell_end) != IJ_OK) {
        fprintf(stderr, "%s\n", ij_error());
        return 1;
    }
    if (!case_device()) {
        ij_ranks_close(ranks);
        return CASE_NO_DEVICE;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    case_close();
    if (failed)
        ij_ranks_abort(ranks, 1);
    ij_ranks_close(ranks);
    return failed;
}
