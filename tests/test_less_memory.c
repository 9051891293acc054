/* What a step can do with less memory: a batch in micro-batches has the losses and weights of the whole batch, whatever
 * their size; blocks that are computed again and moments in the host's memory have the very same. */
#include "engine/opencl.h"
#include "tests/test_model_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 50 };

static const ij_hyper hyper = {.lr = 1e-3, .wd = 0.05, .ema = 0.99};

/* What a run comes to. */
typedef struct outcome {
    double losses[STEPS], spread[STEPS];
    float *weights, *state; /* the latter with gradients, moments and the target encoder */
    int64_t weight_floats, state_floats;
    uint64_t bytes;
} outcome;

/* Without the keys' biases: the softmax does not see them, their gradient is zero but for rounding, and AdamW makes
 * steps of full length of that. */
static float *weights_of(ij_trainer *t, int64_t *floats)
{
    *floats = 0;
    for (int i = 0; i < ij_trainer_tensor_count(t); i++)
        *floats += ij_trainer_tensor(t, i)->elements;
    float *values = malloc((size_t)*floats * sizeof *values), *to = values;
    assert_non_null(values);
    for (int i = 0; i < ij_trainer_tensor_count(t); to += ij_trainer_tensor(t, i++)->elements) {
        const ij_tensor_info *info = ij_trainer_tensor(t, i);
        case_ok(ij_trainer_read(t, i, IJ_STORE_WEIGHT, to));
        int64_t third = info->elements / 3;
        if (strstr(info->name, "attn.qkv.bias"))
            memset(to + third, 0, (size_t)third * sizeof *to);
    }
    return values;
}

/* What a step tells of: micro-batches one after another, up to the whole batch. */
typedef struct progress {
    int calls, done, images;
} progress;

static void see(void *whom, int done, int images)
{
    progress *p = whom;
    assert_true(done > p->done && done <= images);
    *p = (progress){p->calls + 1, done, images};
}

static outcome run(ij_trainer_config config, int micro_batch)
{
    outcome o = {0};
    config.micro_batch = micro_batch;
    ij_trainer *t = case_trainer(&config);
    int size = micro_batch ? micro_batch : config.batch;
    for (int k = 0; k < STEPS; k++) {
        ij_step_result result;
        progress seen = {0};
        ij_trainer_tell_parts(t, k % 2 ? NULL : see, &seen);
        case_step(t, k % 2, (uint64_t)k, hyper);
        assert_int_equal(seen.calls, k % 2 ? 0 : (config.batch + size - 1) / size);
        assert_int_equal(seen.done, k % 2 ? 0 : config.batch);
        case_ok(ij_trainer_result(t, k, &result));
        o.losses[k] = result.loss;
        o.spread[k] = result.target_std;
    }
    o.weights = weights_of(t, &o.weight_floats);
    o.state = case_state(t, &o.state_floats);
    o.bytes = ij_trainer_device_bytes(t);
    ij_trainer_destroy(t);
    return o;
}

static double relative_error(const float *a, const float *b, int64_t n)
{
    double difference = 0, size = 0;
    for (int64_t i = 0; i < n; i++) {
        difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        size += (double)b[i] * (double)b[i];
    }
    return sqrt(difference / size);
}

static void compare(const outcome *got, const outcome *want, const char *what)
{
    double worst = 0;
    for (int k = 0; k < STEPS; k++) {
        worst = fmax(worst, fabs(got->losses[k] - want->losses[k]) / want->losses[k]);
        worst = fmax(worst, fabs(got->spread[k] - want->spread[k]) / want->spread[k]);
    }
    double weights = relative_error(got->weights, want->weights, want->weight_floats);
    print_message("             %s: losses and spreads within %.1e, weights within %.1e\n", what, worst, weights);
    assert_true(worst < 1e-6);
    assert_true(weights < 1e-6);
}

static void free_outcome(outcome *o)
{
    free(o->weights);
    free(o->state);
}

/* Contexts are ragged, targets of two blocks and the last micro-batch smaller than the others. */
static void as_the_whole_batch(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    outcome whole = run(config, 0), same = run(config, config.batch), two = run(config, 2), one = run(config, 1),
            again = run(config, 1);
    assert_memory_equal(same.state, whole.state, (size_t)whole.state_floats * sizeof *whole.state);
    assert_memory_equal(again.state, one.state, (size_t)one.state_floats * sizeof *one.state);
    assert_memory_equal(again.losses, one.losses, sizeof one.losses);
    compare(&two, &whole, "micro-batches of 2 and 1 images");
    compare(&one, &whole, "micro-batches of 1 image");
    assert_true(one.bytes < two.bytes && two.bytes < whole.bytes);
    outcome *all[] = {&whole, &same, &two, &one, &again};
    for (int i = 0; i < 5; i++)
        free_outcome(all[i]);
}

/* Bit for bit, alone and in micro-batches. */
static void computed_again(void **state)
{
    (void)state;
    ij_trainer_config kept = case_config(), again = case_config();
    again.recompute = IJ_RECOMPUTE_BLOCKS;
    for (int micro_batch = 0; micro_batch < 3; micro_batch++) {
        outcome want = run(kept, micro_batch), got = run(again, micro_batch);
        assert_memory_equal(got.state, want.state, (size_t)want.state_floats * sizeof *want.state);
        assert_memory_equal(got.losses, want.losses, sizeof want.losses);
        assert_true(got.bytes < want.bytes);
        free_outcome(&want);
        free_outcome(&got);
    }
}

/* Bit for bit, on devices that share the host's memory and on those with memory of their own, clipped or not. */
static void offloaded(void **state)
{
    (void)state;
    ij_device *d = case_device();
    bool unified = d->info.unified_memory;
    for (int shared = 0; shared < 2; shared++)
        for (int clipped = 0; clipped < 2; clipped++) {
            ij_trainer_config here = case_config(), away = case_config();
            here.clip_grad = away.clip_grad = clipped ? 0.1 : 0;
            away.offload = IJ_OFFLOAD_MOMENTS;
            away.recompute = clipped ? IJ_RECOMPUTE_BLOCKS : IJ_RECOMPUTE_NONE;
            d->info.unified_memory = shared;
            outcome want = run(here, 0), got = run(away, 0);
            assert_memory_equal(got.state, want.state, (size_t)want.state_floats * sizeof *want.state);
            assert_memory_equal(got.losses, want.losses, sizeof want.losses);
            assert_true(got.bytes < want.bytes);
            free_outcome(&want);
            free_outcome(&got);
        }
    d->info.unified_memory = unified;
}

static void refused(void **state)
{
    (void)state;
    ij_trainer *t;
    ij_trainer_config config = case_config();
    config.micro_batch = config.batch + 1;
    assert_int_equal(ij_trainer_create(&t, case_device(), &config), IJ_EINVAL);
    assert_non_null(strstr(ij_error(), "a micro-batch has 1 to 3 images"));
    config.micro_batch = 1;
    config.variance_weight = 1;
    assert_int_equal(ij_trainer_create(&t, case_device(), &config), IJ_EINVAL);
    assert_non_null(strstr(ij_error(), "they cannot be computed in micro-batches"));
    config.micro_batch = config.batch;
    case_ok(ij_trainer_create(&t, case_device(), &config));
    ij_trainer_destroy(t);
}

/* Of a step in parts there is no output to read; masks are checked as of a whole batch. */
static void what_is_not_there(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    config.micro_batch = 1;
    ij_trainer *t = case_trainer(&config);
    float value;
    int64_t tokens;
    ij_batch *batch;
    case_step(t, 0, 1, hyper);
    assert_int_equal(ij_trainer_output(t, IJ_OUTPUT_CONTEXT, &value, 1, &tokens), IJ_EINVAL);
    case_ok(ij_trainer_slot(t, 1, &batch));
    case_fill(batch, 2);
    batch->context_offset[2] = 1 << 20;
    assert_int_equal(ij_trainer_step(t, 1, &hyper), IJ_EINVAL);
    case_fill(batch, 2);
    for (int s = 1; s <= config.contexts * config.batch; s++) /* the first is too long, and not all together */
        batch->context_offset[s] = config.context_capacity + s;
    assert_int_equal(ij_trainer_step(t, 1, &hyper), IJ_EINVAL);
    assert_non_null(strstr(ij_error(), "patches where"));
    case_ok(ij_trainer_finish(t));
    ij_trainer_destroy(t);
}

/* The largest part with which the plan keeps to the limit, and the limit's message where there is none. */
static void as_many_as_fit(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    uint64_t bytes[4] = {0};
    ij_trainer *t;
    for (int images = 1; images <= 3; images++) {
        config.micro_batch = images;
        t = case_trainer(&config);
        bytes[images] = ij_trainer_device_bytes(t);
        ij_trainer_destroy(t);
    }
    config.micro_batch = IJ_MICRO_AUTO;
    for (int images = 1; images <= 3; images++)
        for (int more = 0; more < 2; more++) {
            config.memory = bytes[images] + (uint64_t)more;
            t = case_trainer(&config);
            assert_int_equal(ij_trainer_micro_batch(t), images);
            assert_int_equal(ij_trainer_device_bytes(t), bytes[images]);
            ij_trainer_destroy(t);
        }
    config.memory = bytes[1] - 1;
    config.recompute = IJ_RECOMPUTE_AUTO; /* the last resort, with micro-batches that are as large as then may be */
    t = case_trainer(&config);
    assert_true(ij_trainer_recomputes(t) && ij_trainer_device_bytes(t) <= config.memory);
    ij_trainer_destroy(t);
    config.memory = bytes[1];
    t = case_trainer(&config);
    assert_false(ij_trainer_recomputes(t));
    ij_trainer_destroy(t);
    config.recompute = IJ_RECOMPUTE_BLOCKS;
    config.micro_batch = 1;
    config.memory = 0;
    t = case_trainer(&config);
    uint64_t least = ij_trainer_device_bytes(t);
    ij_trainer_destroy(t);
    config.micro_batch = IJ_MICRO_AUTO; /* not even that is enough: moments leave */
    config.recompute = IJ_RECOMPUTE_AUTO;
    config.offload = IJ_OFFLOAD_AUTO;
    config.memory = least;
    t = case_trainer(&config);
    assert_false(ij_trainer_offloads(t));
    ij_trainer_destroy(t);
    config.memory = least - 1;
    t = case_trainer(&config);
    assert_true(ij_trainer_offloads(t) && ij_trainer_device_bytes(t) < least);
    ij_trainer_destroy(t);
    config.offload = IJ_OFFLOAD_NONE;
    config.memory = bytes[1] - 1;
    config.recompute = IJ_RECOMPUTE_NONE;
    assert_int_equal(ij_trainer_create(&t, case_device(), &config), IJ_ENOMEM);
    assert_null(t);
    assert_non_null(strstr(ij_error(), "and may take"));
    config.memory = bytes[3] - 1;
    config.micro_batch = 0;
    assert_int_equal(ij_trainer_create(&t, case_device(), &config), IJ_ENOMEM);
    config.micro_batch = IJ_MICRO_AUTO; /* what is of a whole batch has no smaller part */
    config.sigreg_weight = 1;
    assert_int_equal(ij_trainer_create(&t, case_device(), &config), IJ_ENOMEM);
    config.memory = 0;
    t = case_trainer(&config);
    assert_int_equal(ij_trainer_micro_batch(t), 3);
    ij_trainer_destroy(t);
}

int main(void)
{
    if (!case_device())
        return CASE_NO_DEVICE;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_whole_batch), cmocka_unit_test(computed_again), cmocka_unit_test(offloaded),
        cmocka_unit_test(as_many_as_fit),     cmocka_unit_test(refused),        cmocka_unit_test(what_is_not_there)};
    int failed = cmocka_run_group_tests_name("less memory", tests, NULL, NULL);
    case_close();
    return failed;
}
