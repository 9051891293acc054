/* After step one nothing is made on the device any more, and the host's memory stays as large as it is, however long a
 * run takes; also of each of several ranks, where mpirun starts them. */
#include "engine/ranks/ranks.h"
#include "tests/opencl_spy.h"
#include "tests/test_model_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/skip.h"

#include <stdio.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define WITH_SANITIZER
#endif

static ij_ranks *ranks;

/* An image of each batch for each rank, and the rest of them for the last. */
static ij_trainer *make_trainer(ij_trainer_config *config)
{
    int count = ij_ranks_count(ranks), own = ij_ranks_own(ranks);
    config->ranks = ranks;
    config->share = own + 1 < count ? 1 : config->batch - count + 1;
    ij_trainer *t = case_trainer(config);
    case_ok(ij_trainer_set_share(t, own, config->share));
    return t;
}

static const ij_hyper hyper = {.lr = 1e-4, .wd = 0.05, .ema = 0.996};

/* Steps first .. last-1, each with a batch of its own and the result of the step before. */
static void run_steps(ij_trainer *t, int first, int last)
{
    for (int k = first; k < last; k++) {
        ij_step_result result;
        case_step(t, k % 2, (uint64_t)k, hyper);
        if (k > 0)
            case_ok(ij_trainer_result(t, k - 1, &result));
    }
    case_ok(ij_trainer_finish(t));
}

static void expect_nothing_made(ij_gemm_backend gemm, int micro_batch)
{
    static const spy_call makers[] = {SPY_CREATE_BUFFER, SPY_CREATE_SUB_BUFFER, SPY_CREATE_PROGRAM_WITH_SOURCE,
                                      SPY_CREATE_PROGRAM_WITH_BINARY};
    enum { MAKERS = sizeof makers / sizeof *makers };
    ij_trainer_config config = case_config();
    config.gemm = gemm;
    config.micro_batch = micro_batch;
    config.recompute = micro_batch ? IJ_RECOMPUTE_BLOCKS : IJ_RECOMPUTE_NONE;
    config.offload = micro_batch ? IJ_OFFLOAD_MOMENTS : IJ_OFFLOAD_NONE;
    ij_trainer *t = make_trainer(&config);
    run_steps(t, 0, 1);
    int before[MAKERS];
    for (int i = 0; i < MAKERS; i++)
        before[i] = spy_count(makers[i]);
    assert_true(before[0] > 50); /* the spy sees what the trainer makes */
    int kernels = spy_count(SPY_ENQUEUE_KERNEL);
    run_steps(t, 1, 50);
    assert_true(spy_count(SPY_ENQUEUE_KERNEL) - kernels >= 49 * 100);
    for (int i = 0; i < MAKERS; i++)
        assert_int_equal(spy_count(makers[i]), before[i]);
    ij_trainer_destroy(t);
}

static void nothing_made_own(void **state)
{
    (void)state;
    expect_nothing_made(IJ_GEMM_OWN, 0);
}

static void nothing_made_clblast(void **state)
{
    (void)state;
    expect_nothing_made(IJ_GEMM_CLBLAST, 0);
}

static void nothing_made_less_memory(void **state)
{
    (void)state;
    expect_nothing_made(IJ_GEMM_OWN, 1);
}

/* Kilobytes of this process in memory. */
static long resident(void)
{
    long size = 0, pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%ld %ld", &size, &pages) != 2)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Over a thousand steps: an event or another small thing lost at each would be a few hundred KiB. Usually it is not one
 * page; 128 KiB are for what the C library does. */
static void expect_flat(int micro_batch)
{
#ifdef WITH_SANITIZER
    skip_because("a sanitizer keeps what is freed");
#endif
    if (resident() == 0)
        skip_because("there is no /proc/self/statm");
    ij_trainer_config config = case_config();
    config.micro_batch = micro_batch;
    config.recompute = micro_batch ? IJ_RECOMPUTE_BLOCKS : IJ_RECOMPUTE_NONE;
    config.offload = micro_batch ? IJ_OFFLOAD_MOMENTS : IJ_OFFLOAD_NONE;
    ij_trainer *t = make_trainer(&config);
    run_steps(t, 0, 200);
    long before = resident();
    run_steps(t, 200, 1200);
    long after = resident();
    print_message("             %ld KiB, and after 1000 steps more %ld KiB\n", before, after);
    assert_true(after - before <= 128);
    ij_trainer_destroy(t);
}

static void host_memory_is_flat(void **state)
{
    (void)state;
    expect_flat(0);
}

static void host_memory_is_flat_less_memory(void **state)
{
    (void)state;
    expect_flat(1);
}

int main(void)
{
    if (ij_ranks_open(&ranks, NULL)) {
        fprintf(stderr, "%s\n", ij_error());
        return 1;
    }
    if (!case_device()) {
        ij_ranks_close(ranks);
        return CASE_NO_DEVICE;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_made_own), cmocka_unit_test(nothing_made_clblast),
                                       cmocka_unit_test(nothing_made_less_memory),
                                       cmocka_unit_test(host_memory_is_flat),
                                       cmocka_unit_test(host_memory_is_flat_less_memory)};
    int failed = cmocka_run_group_tests_name("memory", tests, NULL, NULL);
    case_close();
    if (failed && ranks)
        ij_ranks_abort(ranks, 1);
    ij_ranks_close(ranks);
    return failed;
}
