/* The runner: checkcl [--list] [FILTER]... runs the cases whose "case variant" contains a filter, or only names them.
 * IJEPA_TEST_SEED chooses other random shapes and numbers, IJEPA_TEST_EVERY=1 all that take long to compile,
 * IJEPA_VECTOR_WIDTH and IJEPA_IMPL what the variant "device" is, IJEPA_CL_DIR other kernel sources. */
#include "tests/checkcl.h"

#include "engine/ops/common.h"
#include "engine/ops/implementations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/skip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tiles unlike those that implementations begin with: four vectors wide; one vector wide, with keys and tokens in other
 * blocks; one panel and one tile copied at a time, no whole vectors; and the smallest of work-groups, without double
 * buffering. */
static const check_change wide[] = {{IJ_GROUP_DEVICE, "TN", 64},
                                    {IJ_GROUP_GEMM, "TM", 6},
                                    {IJ_GROUP_GRADIENT, "TM", 6},
                                    {IJ_GROUP_ATTENTION, "TM", 6},
                                    {IJ_GROUP_ATTENTION_BACKWARD, "TM", 4},
                                    {IJ_GROUP_ATTENTION_BACKWARD, "KB", 128},
                                    {0}};
static const check_change narrow[] = {{IJ_GROUP_DEVICE, "TN", 8},
                                      {IJ_GROUP_GEMM, "TM", 13},
                                      {IJ_GROUP_GRADIENT, "TM", 7},
                                      {IJ_GROUP_GRADIENT, "MBLOCK", 32},
                                      {IJ_GROUP_ATTENTION, "TM", 10},
                                      {IJ_GROUP_ATTENTION, "KB", 32},
                                      {0}};
static const check_change few[] = {{IJ_GROUP_DEVICE, "TN", 8},        {IJ_GROUP_GRADIENT, "TM", 7},
                                   {IJ_GROUP_GRADIENT, "MBLOCK", 32}, {IJ_GROUP_GRADIENT, "PANELS", 1},
                                   {IJ_GROUP_GRADIENT, "TILES", 1},   {0}};
static const check_change small[] = {{IJ_GROUP_GEMM, "WGM", 32},
                                     {IJ_GROUP_GEMM, "WGN", 32},
                                     {IJ_GROUP_GEMM, "TM", 4},
                                     {IJ_GROUP_GEMM, "TN", 4},
                                     {IJ_GROUP_GEMM, "STAGES", 1},
                                     {IJ_GROUP_GRADIENT, "WGM", 32},
                                     {IJ_GROUP_GRADIENT, "STAGES", 1},
                                     {IJ_GROUP_ATTENTION, "BR", 16},
                                     {IJ_GROUP_ATTENTION, "BC", 8},
                                     {IJ_GROUP_ATTENTION_BACKWARD, "BR", 8},
                                     {0}};

#define BY_ITEMS  "panel item"
#define BY_GROUPS "tile group"

/* An implementation or a tuning more is one line more here; what the device cannot build is left out. "device": what
 * the engine takes on this device. */
/* clang-format off */
static const check_variant variants[] = {
    {"device", NULL, 0, NULL, IJ_GEMM_OWN},
    {"cpu-16", BY_ITEMS, 16, NULL, IJ_GEMM_OWN},
    {"cpu-16-wide", BY_ITEMS, 16, wide, IJ_GEMM_OWN},
    {"cpu-8", BY_ITEMS, 8, NULL, IJ_GEMM_OWN},
    {"cpu-8-narrow", BY_ITEMS, 8, narrow, IJ_GEMM_OWN},
    {"cpu-8-packed", BY_ITEMS " gradient=packed", 8, NULL, IJ_GEMM_OWN},
    {"cpu-8-packed-few", BY_ITEMS " gradient=packed", 8, few, IJ_GEMM_OWN},
    {"cpu-4", BY_ITEMS, 4, NULL, IJ_GEMM_OWN},
    {"cpu-4-packed", BY_ITEMS " gradient=packed", 4, NULL, IJ_GEMM_OWN},
    {"gpu", BY_GROUPS, 0, NULL, IJ_GEMM_OWN},
    {"gpu-small", BY_GROUPS, 0, small, IJ_GEMM_OWN},
    {"gpu-subgroup", BY_GROUPS " gemm=subgroup", 0, NULL, IJ_GEMM_OWN},
    {"clblast", BY_ITEMS, 16, NULL, IJ_GEMM_CLBLAST},
    {"gpu-clblast", BY_GROUPS, 0, NULL, IJ_GEMM_CLBLAST},
};
/* clang-format on */

static const check_case *const operations[] = {check_gemm, check_layernorm, check_attention,  check_tokens,
                                               check_loss, check_optimizer, check_regularise, check_probe};

/* One case with one variant: a CMocka test. */
typedef struct job {
    const check_case *what;
    const check_variant *variant;
    char name[96];
} job;

static ij_device *device;
static ij_tuning own; /* that the device was opened with */
static uint64_t seed = 1;

static void change(ij_tuning *t, const check_change *c)
{
    const ij_implementation *of = t->row[c->group];
    for (int i = 0; i < of->count; i++)
        if (strcmp(of->params[i].macro, c->macro) == 0) {
            ij_tuning_start_of(t, of)->value[i] = c->value;
            return;
        }
    fail_msg("%s %s has no parameter %s", ij_group_name(c->group), of->name, c->macro);
}

/* What a variant begins with; NULL, or why the device cannot build it. */
static const char *begin(const check_variant *v, ij_tuning *t)
{
    static ij_device_info said; /* what the device is said to be */
    *t = own;
    if (v->vector || v->take) {
        said = device->info;
        said.vector_width = v->vector ? v->vector : said.vector_width;
        ij_tuning_start(t, &said);
    }
    return v->take ? ij_tuning_take(t, v->take) : NULL;
}

/* Sets the kernels' parameters and sees to it that they are legal together. */
static void use(const check_variant *v)
{
    const char *width = getenv("IJEPA_VECTOR_WIDTH"), *why;
    ij_tuning t;
    if ((why = begin(v, &t))) {
        print_message("             left out: %s\n", why);
        skip();
    }
    if (!v->take && width && *width && t.row[IJ_GROUP_DEVICE] == &ij_common_item)
        assert_int_equal(ij_tuning_vw(&t), atoi(width)); /* the width that a test asks for is the one it gets */
    for (const check_change *c = v->change; c && c->macro; c++)
        change(&t, c);
    for (ij_group g = 0; g < IJ_GROUPS; g++) {
        const char *illegal = ij_choice_illegal(&t, t.row[g], ij_choice_for(&t, t.row[g], 0, 0));
        if (illegal)
            fail_msg("variant %s: %s", v->name, illegal);
    }
    device->tuning = t;
}

/* The widest choice of shapes only where they are at home: what the engine takes on this device. Compiling kernels for
 * groups on a CPU takes seconds each. IJEPA_TEST_EVERY widens all. */
static bool runs_every(const check_variant *v)
{
    bool at_home = (device->info.type == IJ_DEVICE_GPU) == (own.row[IJ_GROUP_DEVICE] == &ij_common_group);
    return getenv("IJEPA_TEST_EVERY") || (!v->take && at_home);
}

static void run_job(void **state)
{
    const job *j = *state;
    static check c;
    memset(&c, 0, sizeof c);
    *state = &c;
    c.device = device;
    c.variant = j->variant;
    use(j->variant);
    c.every = runs_every(j->variant);
    /* The stream depends on the case and not on the variant: all variants see the same shapes. */
    uint64_t number = 0;
    for (const char *p = j->what->name; *p; p++)
        number = number * 31 % 1000003 + (unsigned char)*p;
    ij_random_start(&c.random, seed, IJ_STREAM_TEST, number, 0);
    j->what->run(&c);
    print_message("             worst %.1e %s\n", c.worst, c.worst_at);
}

/* After a failure the case's memory is still there. */
static int drop_job(void **state)
{
    check_drop(*state);
    return 0;
}

static bool wanted(const char *name, int filters, char **filter)
{
    for (int i = 0; i < filters; i++)
        if (strstr(name, filter[i]))
            return true;
    return filters == 0;
}

/* All jobs that are wanted into `jobs` where that is given; returns how many there are. */
static size_t find_jobs(int filters, char **filter, job *jobs)
{
    size_t count = 0;
    for (size_t o = 0; o < sizeof operations / sizeof *operations; o++)
        for (const check_case *what = operations[o]; what->name; what++)
            for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
                job j = {.what = what, .variant = &variants[v]};
                snprintf(j.name, sizeof j.name, "%s %s", what->name, variants[v].name);
                if ((variants[v].products == IJ_GEMM_CLBLAST && !what->products) || !wanted(j.name, filters, filter))
                    continue;
                if (jobs)
                    jobs[count] = j;
                count++;
            }
    return count;
}

static int run_jobs(job *jobs, size_t count)
{
    struct CMUnitTest *tests = calloc(count, sizeof *tests);
    if (!tests)
        return 1;
    for (size_t i = 0; i < count; i++)
        tests[i] = (struct CMUnitTest){jobs[i].name, run_job, NULL, drop_job, &jobs[i]};
    own = device->tuning;
    printf("checkcl: %s, vectors of %d, seed %llu\n", device->info.name, device->info.vector_width,
           (unsigned long long)seed);
    int failed = _cmocka_run_group_tests("checkcl", tests, count, NULL, NULL);
    device->tuning = own;
    free(tests);
    return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    bool list = argc > 1 && strcmp(argv[1], "--list") == 0;
    int filters = argc - 1 - list;
    char **filter = argv + 1 + list;
    size_t count = find_jobs(filters, filter, NULL);
    job *jobs = calloc(count + 1, sizeof *jobs);
    int failed = 1;
    if (count == 0 || !jobs) {
        fprintf(stderr, "checkcl: no case matches\n");
        free(jobs);
        return 2;
    }
    find_jobs(filters, filter, jobs);
    for (size_t i = 0; list && i < count; i++)
        puts(jobs[i].name);
    if (getenv("IJEPA_TEST_SEED"))
        seed = strtoull(getenv("IJEPA_TEST_SEED"), NULL, 10);
    setenv("IJEPA_TUNING", "off", 1); /* the engine's own choices */
    if (list) {
        failed = 0;
    } else if (ij_device_open(&device, NULL) == IJ_OK) {
        failed = run_jobs(jobs, count);
        ij_device_close(device);
    } else {
        skip_without_device();
        failed = 77; /* ctest shows it as skipped */
    }
    free(jobs);
    return failed;
}
