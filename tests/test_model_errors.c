/* What the trainer says no to, and what happens when OpenCL does: one status and one message that helps, nothing left
 * behind, no crash. Also run under AddressSanitizer, which sees what would be left. */
#include "engine/memory.h"

#include "tests/opencl_spy.h"
#include "tests/test_model_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const ij_hyper hyper = {.lr = 1e-3, .wd = 0.05, .ema = 0.99};

static void expect_words(const char *const *words)
{
    for (; *words; words++)
        if (!strstr(ij_error(), *words))
            fail_msg("\"%s\" is not in \"%s\"", *words, ij_error());
}

/* ---- Configurations that contradict themselves --------------------------------------------------------------------
 */

static void refuse(ij_trainer_config config, const char *first, const char *second)
{
    ij_trainer *t;
    assert_non_null(case_device());
    int buffers = spy_count(SPY_CREATE_BUFFER);
    assert_int_equal(ij_trainer_create(&t, case_device(), &config), IJ_EINVAL);
    assert_null(t);
    expect_words((const char *const[]){first, second, NULL});
    assert_int_equal(spy_count(SPY_CREATE_BUFFER), buffers);
}

#define REFUSE(change, first, second)                                                                                  \
    do {                                                                                                               \
        ij_trainer_config c = case_config();                                                                           \
        change;                                                                                                        \
        refuse(c, first, second);                                                                                      \
    } while (0)

static void contradictions(void **state)
{
    (void)state;
    REFUSE(c.model.crop = 13, "13", "4");
    REFUSE(c.model.dim = 18, "18", "encoder");
    REFUSE(c.model.dim = 20, "20", "2 heads");  /* heads 10 wide: no multiple of 8 */
    REFUSE(c.model.heads = 3, "16", "3 heads"); /* does not divide */
    REFUSE(c.model.dim = 272, "272", "136");    /* too wide */
    REFUSE(c.model.pred_dim = 24, "predictor", "24");
    REFUSE(c.model.depth = 0, "at least 1", "");
    REFUSE(c.model.heads = 0, "at least 1", "");
    REFUSE(c.model.hidden = -5, "at least 1", "");
    REFUSE(c.model.patch = 0, "at least 1", "");
    REFUSE(c.clip_grad = -1, "norm", "0");
    REFUSE(c.clip_grad = NAN, "norm", "0");
    REFUSE(c.variance_weight = -1, "variance", "0");
    REFUSE(c.sigreg_weight = NAN, "SIGReg", "0");
    REFUSE((c.covariance_weight = 1, c.batch = 1, c.contexts = 1), "one context", "covariance");
    REFUSE(c.target_layers = 3, "last 3 blocks", "has 2");
    REFUSE(c.batch = 0, "batch", "at least 1");
    REFUSE(c.contexts = 0, "context", "at least 1");
    REFUSE(c.targets = -1, "target", "at least 1");
    REFUSE(c.context_capacity = 10, "10", "9 patches");
    REFUSE(c.target_capacity = 0, "0", "9 patches");
    /* More tokens than an int can number. */
    REFUSE(c.batch = 100000000, "100000000", "smaller batch");
    REFUSE(c.batch = 2147483647, "2147483647", "smaller batch");
    REFUSE((c.batch = 1000000, c.targets = 1000000), "1000000", "smaller batch");
}

/* ---- The device's environment --------------------------------------------------------------------------------------
 */

/* IJEPA_MEMORY=discrete gives any device memory of its own; the tests that are run that way go that way. */
static void memory_switch(void **state)
{
    (void)state;
    const char *now = getenv("IJEPA_MEMORY");
    char before[32];
    snprintf(before, sizeof before, "%s", now ? now : "");
    if (*before)
        assert_false(ij_device_describe(case_device())->unified_memory);
    ij_device *device;
    setenv("IJEPA_MEMORY", "discrete", 1);
    case_ok(ij_device_open(&device, NULL));
    assert_false(ij_device_describe(device)->unified_memory);
    ij_device_close(device);
    setenv("IJEPA_MEMORY", "shared", 1);
    assert_int_equal(ij_device_open(&device, NULL), IJ_EINVAL);
    expect_words((const char *const[]){"IJEPA_MEMORY", "discrete", "shared", NULL});
    setenv("IJEPA_MEMORY", before, 1);
}

/* ---- Memory -------------------------------------------------------------------------------------------------------
 */

/* The message names the sum, the device, the groups and what to make smaller; nothing was made. */
static void too_large(void **state)
{
    (void)state;
    assert_non_null(case_device());
    ij_device_info *info = &case_device()->info, real = *info;
    ij_trainer_config config = case_config();
    ij_trainer *t;
    int buffers = spy_count(SPY_CREATE_BUFFER);

    info->global_bytes = 100000;
    assert_int_equal(ij_trainer_create(&t, case_device(), &config), IJ_ENOMEM);
    assert_null(t);
    expect_words((const char *const[]){"MiB", info->name, "weights", "activations", "batch_size", "model", NULL});

    info->global_bytes = real.global_bytes;
    info->max_alloc_bytes = 20000;
    assert_int_equal(ij_trainer_create(&t, case_device(), &config), IJ_ENOMEM);
    assert_null(t);
    expect_words((const char *const[]){"MiB", info->name, "at once", "batch_size", NULL});
    assert_int_equal(spy_count(SPY_CREATE_BUFFER), buffers);
    *info = real;
}

/* What print_plan and device_bytes say is what is made. */
static void plan_is_what_is_made(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    int buffers = spy_count(SPY_CREATE_BUFFER);
    ij_trainer *t = case_trainer(&config);
    assert_true(spy_count(SPY_CREATE_BUFFER) > buffers);
    char text[8192] = "";
    FILE *out = tmpfile();
    assert_non_null(out);
    ij_trainer_print_plan(t, out);
    rewind(out);
    text[fread(text, 1, sizeof text - 1, out)] = 0;
    fclose(out);
    assert_non_null(strstr(text, "weights"));
    assert_true((strstr(text, "batches (pinned)") == NULL) == ij_device_describe(case_device())->unified_memory);
    const char *sum = strstr(text, "sum");
    assert_non_null(sum);
    double megabytes = strtod(sum + strlen("sum"), NULL);
    assert_true(fabs(megabytes - (double)ij_trainer_device_bytes(t) / 1048576.0) <= 0.06);
    ij_trainer_destroy(t);
}

/* One buffer for several uses, as large as the largest of them. */
static void handed_on(void **state)
{
    (void)state;
    ij_plan *plan;
    cl_mem own, first, second, stranger = NULL;
    size_t bytes;
    int buffers = spy_count(SPY_CREATE_BUFFER);
    case_ok(ij_plan_create(&plan));
    case_ok(ij_plan_add(plan, "scratch", IJ_F32, 2, &own));
    case_ok(ij_plan_alias(plan, &own, IJ_U8, 33, &first));
    case_ok(ij_plan_alias(plan, &first, IJ_I32, 5, &second));
    assert_int_equal(ij_plan_alias(plan, &stranger, IJ_F32, 1, &second), IJ_EINVAL);
    assert_int_equal(ij_plan_bytes(plan), 36);
    case_ok(ij_plan_commit(plan, case_device()));
    assert_int_equal(spy_count(SPY_CREATE_BUFFER), buffers + 1);
    assert_non_null(own);
    assert_ptr_equal(first, own);
    assert_ptr_equal(second, own);
    assert_int_equal(clGetMemObjectInfo(own, CL_MEM_SIZE, sizeof bytes, &bytes, NULL), CL_SUCCESS);
    assert_int_equal(bytes, 36);
    ij_plan_destroy(plan);
}

/* Objects of OpenCL that were made and not yet given back; calls that failed made none. */
typedef struct balance {
    int memory, kernels, programs;
} balance;

static balance outstanding(void)
{
    return (balance){.memory = spy_count(SPY_CREATE_BUFFER) + spy_count(SPY_CREATE_SUB_BUFFER) -
                               spy_count(SPY_RELEASE_MEMORY),
                     .kernels = spy_count(SPY_CREATE_KERNEL) - spy_count(SPY_RELEASE_KERNEL),
                     .programs = spy_count(SPY_CREATE_PROGRAM_WITH_SOURCE) + spy_count(SPY_CREATE_PROGRAM_WITH_BINARY) -
                                 spy_count(SPY_RELEASE_PROGRAM)};
}

/* A leak checker does not see this: what is made lies in the driver. */
static void everything_is_given_back(void **state)
{
    (void)state;
    case_close();
    balance before = outstanding();
    ij_trainer_config config = case_config();
    ij_trainer *t = case_trainer(&config);
    for (int k = 0; k < 3; k++)
        case_step(t, k % 2, (uint64_t)k, hyper);
    assert_true(outstanding().memory > before.memory + 100);
    ij_trainer_destroy(t);
    balance after = outstanding();
    assert_int_equal(after.memory, before.memory);
    assert_int_equal(after.kernels, before.kernels);
    case_close();
    assert_int_equal(outstanding().programs, before.programs);
    assert_non_null(case_device());
}

/* ---- OpenCL fails -------------------------------------------------------------------------------------------------
 */

/* Makes the first, second, ... call of that kind fail while a trainer is made, until one is made after all. */
static void creation_fails(spy_call call, cl_int code, ij_status expected)
{
    ij_trainer_config config = case_config();
    ij_trainer *t = NULL;
    int failures = 0, made = call <= SPY_CREATE_SUB_BUFFER; /* a call that fails is counted, and made nothing */
    for (;; failures++) {
        balance before = outstanding();
        spy_fail(call, failures, code);
        ij_status status = ij_trainer_create(&t, case_device(), &config);
        if (status == IJ_OK)
            break;
        assert_null(t);
        assert_int_equal(spy_forget(call), 0);
        assert_int_equal(status, expected);
        expect_words((const char *const[]){ij_cl_name(code), NULL});
        assert_int_equal(outstanding().memory, before.memory + made);
        assert_int_equal(outstanding().kernels, before.kernels + (call == SPY_CREATE_KERNEL));
    }
    assert_int_equal(spy_forget(call), 1);
    assert_true(failures > 0);
    case_step(t, 0, 1, hyper);
    case_ok(ij_trainer_finish(t));
    ij_trainer_destroy(t);
}

static void creation(void **state)
{
    (void)state;
    assert_non_null(case_device());
    creation_fails(SPY_CREATE_BUFFER, CL_MEM_OBJECT_ALLOCATION_FAILURE, IJ_ENOMEM);
    creation_fails(SPY_CREATE_SUB_BUFFER, CL_OUT_OF_HOST_MEMORY, IJ_ENOMEM);
    creation_fails(SPY_CREATE_KERNEL, CL_INVALID_KERNEL_NAME, IJ_EBUILD);
    creation_fails(SPY_ENQUEUE_MAP, CL_MAP_FAILURE, IJ_EDEVICE);
    creation_fails(SPY_ENQUEUE_WRITE, CL_OUT_OF_RESOURCES, IJ_ENOMEM);
}

/* The same during a step: it says so, and the trainer can still be taken down. */
static void step_fails(spy_call call, cl_int code, ij_status expected, const char *word)
{
    int failures = 0;
    for (int after = 0, failed = 1; failed; after++) {
        ij_trainer_config config = case_config();
        ij_trainer *t = case_trainer(&config);
        ij_batch *batch;
        case_step(t, 0, 1, hyper);
        case_ok(ij_trainer_slot(t, 1, &batch));
        case_fill(batch, 2);
        spy_fail(call, after, code);
        ij_status status = ij_trainer_step(t, 1, &hyper);
        failed = !spy_forget(call);
        assert_int_equal(status, failed ? expected : IJ_OK);
        if (failed)
            expect_words((const char *const[]){ij_cl_name(code), word, NULL});
        failures += failed;
        ij_trainer_destroy(t);
    }
    assert_true(failures > 0);
}

static void steps(void **state)
{
    (void)state;
    step_fails(SPY_ENQUEUE_KERNEL, CL_OUT_OF_RESOURCES, IJ_ENOMEM, "smaller batch");
    step_fails(SPY_ENQUEUE_KERNEL, CL_DEVICE_NOT_AVAILABLE, IJ_EDEVICE, "");
    step_fails(SPY_ENQUEUE_WRITE, CL_OUT_OF_RESOURCES, IJ_ENOMEM, "");
    step_fails(SPY_ENQUEUE_READ, CL_OUT_OF_HOST_MEMORY, IJ_ENOMEM, "");
}

/* ---- Calls out of order -------------------------------------------------------------------------------------------
 */

static void misuse(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    ij_trainer *t = case_trainer(&config);
    ij_step_result result;
    assert_int_equal(ij_trainer_result(t, 0, &result), IJ_EINVAL); /* before any step */
    assert_int_equal(ij_trainer_result(t, -1, &result), IJ_EINVAL);
    for (int k = 0; k < 3; k++)
        case_step(t, k % 2, (uint64_t)k, hyper);
    assert_int_equal(ij_trainer_steps(t), 3);
    assert_int_equal(ij_trainer_result(t, 0, &result), IJ_EINVAL); /* too old */
    assert_int_equal(ij_trainer_result(t, 3, &result), IJ_EINVAL); /* not yet */
    case_ok(ij_trainer_result(t, 1, &result));
    case_ok(ij_trainer_result(t, 2, &result));
    assert_true(isfinite(result.loss) && result.loss > 0.0);
    assert_int_equal(ij_trainer_set_step(t, -1), IJ_EINVAL);
    case_ok(ij_trainer_set_step(t, 1000));
    assert_int_equal(ij_trainer_steps(t), 1000);
    case_step(t, 1, 4, hyper);
    case_ok(ij_trainer_result(t, 1000, &result));

    float values[16];
    int64_t tokens;
    assert_int_equal(ij_trainer_output(t, IJ_OUTPUT_CONTEXT, values, 16 - 1, &tokens), IJ_EINVAL);
    ij_trainer_destroy(t);
}

/* A batch with bad masks is refused, and the trainer goes on with the next one. */
static void bad_batch(void **state)
{
    (void)state;
    ij_trainer_config config = case_config();
    ij_trainer *t = case_trainer(&config);
    ij_batch *batch;
    case_ok(ij_trainer_slot(t, 0, &batch));
    case_fill(batch, 1);
    batch->context[0] = 9;
    assert_int_equal(ij_trainer_step(t, 0, &hyper), IJ_EINVAL);
    expect_words((const char *const[]){"patch 9 of 9", NULL});
    assert_int_equal(ij_trainer_steps(t), 0);
    ij_step_result result;
    case_step(t, 0, 1, hyper);
    case_ok(ij_trainer_result(t, 0, &result));
    assert_true(isfinite(result.loss));
    ij_trainer_destroy(t);
}

int main(void)
{
    if (!case_device())
        return CASE_NO_DEVICE;
    const struct CMUnitTest tests[] = {cmocka_unit_test(contradictions), cmocka_unit_test(memory_switch),
                                       cmocka_unit_test(too_large),      cmocka_unit_test(plan_is_what_is_made),
                                       cmocka_unit_test(handed_on),      cmocka_unit_test(everything_is_given_back),
                                       cmocka_unit_test(creation),       cmocka_unit_test(steps),
                                       cmocka_unit_test(misuse),         cmocka_unit_test(bad_batch)};
    int failed = cmocka_run_group_tests_name("errors", tests, NULL, NULL);
    case_close();
    return failed;
}
