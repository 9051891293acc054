/* How bench counts what the device waited for, on commands with times made up. */
#include "tools/bench/waits.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { STEPS = 4, KERNELS = 2, TRANSFERS = 1, COMMANDS = STEPS * (KERNELS + TRANSFERS) };

static const double milli = 1e-3, origin = 5000.0; /* seconds on the host's clock */
static const uint64_t device_ahead = 77000000000u; /* nanoseconds */

/* A run in milliseconds since `origin`: the loop asks for a batch, has it, has enqueued the step; its kernels begin and
 * end. The device is first idle and then busy between kernels; only the time between steps counts. */
typedef struct timeline {
    double asked, there, enqueued, begin, end;
} timeline;

/* Two kernels a step, from begin to end with a pause between them, and a transfer long before. */
static void fill(const timeline *line, ij_step_mark *marks, ij_profile_entry *entries)
{
    for (int k = 0, i = 0; k < STEPS; k++) {
        const timeline *t = &line[k];
        marks[k] = (ij_step_mark){origin + t->asked * milli, origin + t->there * milli, origin + t->enqueued * milli};
        double middle = (t->begin + t->end) / 2;
        const double times[3][2] = {{t->there, t->there + 0.1}, {t->begin, middle - 0.5}, {middle + 0.5, t->end}};
        for (int part = 0; part < KERNELS + TRANSFERS; part++, i++) {
            uint64_t enqueued = (uint64_t)((origin + t->there * milli) * 1e9) + (uint64_t)part;
            entries[i] = (ij_profile_entry){.kernel = "k",
                                            .queue = part == 0 ? IJ_QUEUE_TRANSFER : IJ_QUEUE_COMPUTE,
                                            .host = enqueued,
                                            .queued = enqueued + device_ahead,
                                            .start = (uint64_t)((origin + times[part][0] * milli) * 1e9) + device_ahead,
                                            .end = (uint64_t)((origin + times[part][1] * milli) * 1e9) + device_ahead};
        }
    }
}

static ij_gap_sum sum_of(const timeline *line, int first, ij_step_gap *gaps)
{
    ij_step_mark marks[STEPS];
    ij_profile_entry entries[COMMANDS];
    fill(line, marks, entries);
    ij_step_gaps(marks, STEPS, entries, COMMANDS, gaps);
    return ij_step_gaps_sum(gaps, first, STEPS, entries, COMMANDS);
}

static void assert_milliseconds(double seconds, double expected)
{
    assert_true(fabs(seconds / milli - expected) < 1e-3);
}

/* Batches that come while the device computes: no wait, whatever the loop was blocked for. */
static void ready_in_time(void **state)
{
    (void)state;
    static const timeline line[STEPS] = {
        {0, 5, 6, 7, 20}, {8, 15, 16, 20, 40}, {20, 39, 39.5, 40, 60}, {40, 41, 42, 60, 80}};
    ij_step_gap gaps[STEPS];
    ij_gap_sum sum = sum_of(line, 1, gaps);
    assert_milliseconds(sum.idle, 0);
    assert_milliseconds(sum.images, 0);
    assert_milliseconds(sum.of, 60);
}

/* Step 1's batch comes 10 ms after the device is idle, and its first kernel 3 ms later; step 2's was there, but the
 * loop came 4 ms late; step 3's is asked for 2 ms after the device became idle and comes 5 ms later. */
static void late(void **state)
{
    (void)state;
    static const timeline line[STEPS] = {
        {0, 5, 6, 7, 20}, {8, 30, 31, 33, 50}, {54, 54, 54.5, 54, 70}, {72, 77, 77.5, 77, 97}};
    ij_step_gap gaps[STEPS];
    ij_gap_sum sum = sum_of(line, 1, gaps);
    assert_milliseconds(gaps[1].to - gaps[1].from, 13);
    assert_milliseconds(gaps[1].images_to - gaps[1].images_from, 10);
    assert_milliseconds(sum.idle, 13 + 4 + 7);
    assert_milliseconds(sum.images, 10 + 0 + 5);
    assert_milliseconds(sum.of, 77);
    sum = sum_of(line, 3, gaps); /* the steps before 3 do not count */
    assert_milliseconds(sum.idle, 7);
    assert_milliseconds(sum.images, 5);
    assert_milliseconds(sum.of, 27);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ready_in_time), cmocka_unit_test(late)};
    return cmocka_run_group_tests_name("step gaps", tests, NULL, NULL);
}
