/* What implementations say that their kernels take of local memory, which decides what is legal and what fits, against
 * what the built kernels report: every implementation that the device can build, choices from one end of its list to
 * the other. */
#include "engine/ops/common.h"
#include "engine/ops/implementations.h"
#include "engine/program.h"
#include "engine/tuning_db.h"
#include "tests/skip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHOICES = 3, SHAPE0 = 64, SHAPE1 = 32, WIDEST = 1408 }; /* WIDEST: a row of LayerNorm, ViT-g's */

/* A kernel by which a source's program is made; others are found in it. */
static const struct {
    const char *source, *kernel;
} programs[] = {{"gemm", "gemm"},
                {"gradient", "gemm_gradient"},
                {"packed_gradient", "gemm_gradient"},
                {"gpu_gemm", "gemm"},
                {"subgroup_gemm", "gemm"},
                {"gpu_gradient", "gemm_gradient"},
                {"panels", "panel_transpose"},
                {"layernorm", "layernorm"},
                {"optimizer", "adamw"},
                {"regularise", "variance"},
                {"tokens", "patchify"},
                {"loss", "loss"},
                {"rowmajor", "tail"},
                {"softmax_probe", "softmax_gradient"},
                {"nearest", "nearest"},
                {"peak", "fma_peak"}};

/* One choice of an implementation under test. */
typedef struct probe {
    ij_device *device;
    const ij_implementation *of;
    int width; /* as ij_tuning_local_bytes wants it */
    char choice[128];
    size_t estimate, most; /* what the kernels report, of all of them */
} probe;

/* How estimates compare, for people: what is too much is memory that is not used. */
typedef struct summary {
    int compared, too_much;
    size_t most_too_much;
    char where[256];
} summary;

static bool is_attention(const ij_implementation *of)
{
    return of->group == IJ_GROUP_ATTENTION || of->group == IJ_GROUP_ATTENTION_BACKWARD;
}

/* Whether the engine uses a kernel with this implementation: attention's are all in one source. */
static bool is_used(const ij_implementation *of, const char *kernel)
{
    if (!is_attention(of))
        return true;
    const ij_attention_row *row = (const ij_attention_row *)of; /* its first member */
    for (int i = 0; i < IJ_ATTENTION_KERNELS && row->names[i]; i++)
        if (strcmp(row->names[i], kernel) == 0)
            return true;
    return false;
}

static void compare(probe *p, cl_kernel kernel)
{
    char name[128] = "";
    cl_ulong bytes = 0;
    assert_int_equal(clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof name - 1, name, NULL), CL_SUCCESS);
    if (!is_used(p->of, name))
        return;
    if (p->of == &ij_rows_group && strcmp(name, "layernorm_backward") == 0)
        assert_int_equal(clSetKernelArg(kernel, 12, 2 * WIDEST * sizeof(float), NULL), CL_SUCCESS);
    assert_int_equal(
        clGetKernelWorkGroupInfo(kernel, p->device->id, CL_KERNEL_LOCAL_MEM_SIZE, sizeof bytes, &bytes, NULL),
        CL_SUCCESS);
    if (bytes > p->estimate)
        fail_msg("%s %s, %s, width %d: %s takes %llu bytes of local memory, and the engine thinks %zu",
                 ij_group_name(p->of->group), p->of->name, p->choice, p->width, name, (unsigned long long)bytes,
                 p->estimate);
    p->most = bytes > p->most ? (size_t)bytes : p->most;
}

static const char *kernel_of(const probe *p, const char *source)
{
    if (is_attention(p->of))
        return ((const ij_attention_row *)p->of)->names[0];
    const char *prefix = ij_common_of(p->of)->prefix ? ij_common_of(p->of)->prefix : "";
    const char *short_name = strncmp(source, prefix, strlen(prefix)) == 0 ? source + strlen(prefix) : source;
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        if (strcmp(programs[i].source, source) == 0 || strcmp(programs[i].source, short_name) == 0)
            return programs[i].kernel;
    fail_msg("this test does not know the source %s", source);
    return NULL;
}

/* All kernels of one source. */
static void compare_source(probe *p, const char *source)
{
    ij_kernel_tuning tuning = {.of = p->of};
    if (is_attention(p->of)) {
        tuning.shape[0] = p->width;
        ij_kernel_define(&tuning, "DH", p->width);
    } else if (p->of->group == IJ_GROUP_GEMM || p->of->group == IJ_GROUP_GRADIENT) {
        tuning.shape[0] = SHAPE0, tuning.shape[1] = SHAPE1;
    }
    const char *name = kernel_of(p, source);
    cl_kernel kernel, all[32];
    cl_program program;
    cl_uint count = 0;
    if (ij_kernel_create(p->device, source, tuning, name, &kernel))
        fail_msg("%s", ij_error());
    assert_int_equal(clGetKernelInfo(kernel, CL_KERNEL_PROGRAM, sizeof program, &program, NULL), CL_SUCCESS);
    assert_int_equal(clCreateKernelsInProgram(program, 32, all, &count), CL_SUCCESS);
    assert_in_range(count, 1, 32);
    for (cl_uint k = 0; k < count; k++) {
        compare(p, all[k]);
        clReleaseKernel(all[k]);
    }
    clReleaseKernel(kernel);
}

static void compare_choice(ij_device *d, const ij_implementation *of, const ij_choice *choice, int width, summary *s)
{
    bool product = of->group == IJ_GROUP_GEMM || of->group == IJ_GROUP_GRADIENT;
    probe p = {.device = d, .of = of, .width = width};
    p.estimate = ij_tuning_local_bytes(&d->tuning, of, choice, width);
    if (p.estimate > d->info.local_bytes)
        return; /* nothing that the engine would build here */
    ij_tuned tuned = {.of = of, .choice = *choice};
    tuned.shape[0] = product ? SHAPE0 : is_attention(of) ? width : 0;
    tuned.shape[1] = product ? SHAPE1 : 0;
    if (of->group != IJ_GROUP_DEVICE)
        assert_true(ij_tuning_put(&d->tuning, tuned));
    ij_choice_print(of, choice, p.choice, sizeof p.choice);
    for (int i = 0; i < IJ_MOST_SOURCES && of->sources[i]; i++)
        compare_source(&p, of->sources[i]);
    if (p.estimate > 0) /* else what they report says nothing */
        assert_true(p.most > 0);
    s->compared++;
    s->too_much += p.most < p.estimate;
    if (p.estimate - p.most > s->most_too_much) {
        s->most_too_much = p.estimate - p.most;
        snprintf(s->where, sizeof s->where, ", up to %zu of %zu bytes with %s, width %d", s->most_too_much, p.estimate,
                 p.choice, width);
    }
}

/* Choices evenly spread over the legal ones, the first and the last among them. */
static void compare_some(ij_device *d, const ij_implementation *of, int width, summary *s)
{
    ij_choice choice = ij_choice_first(of);
    int legal = 0, at = 0;
    do
        legal += !ij_choice_illegal(&d->tuning, of, &choice);
    while (ij_choice_next(of, &choice));
    assert_true(legal > 0);
    int steps = legal < CHOICES ? legal : CHOICES, next = 0;
    choice = ij_choice_first(of);
    do {
        if (ij_choice_illegal(&d->tuning, of, &choice))
            continue;
        if (at++ == (steps > 1 ? next * (legal - 1) / (steps - 1) : 0)) {
            compare_choice(d, of, &choice, width, s);
            next++;
        }
    } while (ij_choice_next(of, &choice));
    assert_int_equal(next, steps);
}

static void compare_implementation(ij_device *d, const ij_implementation *of, const char *title)
{
    static const int heads[] = {8, 24, 128}, none[] = {WIDEST};
    summary s = {0};
    for (size_t i = 0; i < (is_attention(of) ? sizeof heads / sizeof *heads : 1); i++)
        if (of->group == IJ_GROUP_DEVICE)
            compare_choice(d, of, ij_choice_for(&d->tuning, of, 0, 0), WIDEST, &s);
        else
            compare_some(d, of, is_attention(of) ? heads[i] : none[0], &s);
    assert_true(s.compared > 0);
    print_message("%-14s %-18s %-8s %2d choices, %d estimated too high%s\n", title, ij_group_name(of->group), of->name,
                  s.compared, s.too_much, s.where);
}

/* All that have `common` in common, and that itself. */
static void compare_all(ij_device *d, const ij_implementation *common, const char *title)
{
    for (const ij_implementation *const *of = ij_implementations; *of; of++)
        if ((*of == common || (*of)->common == common) && (!(*of)->lacks || !(*of)->lacks(&d->info)))
            compare_implementation(d, *of, title);
}

/* ---- What implementations have in common ------------------------------------------------------------------------- */

static bool device_found = true;

static ij_device *open_device(void)
{
    ij_device *device;
    if (ij_device_open(&device, NULL)) {
        skip_without_device();
        device_found = false;
        skip();
    }
    return device;
}

static void by_items(void **state)
{
    static const ij_choice layouts[] = {{{4, 8}}, {{8, 16}}, {{16, 64}}};
    (void)state;
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        char title[32];
        ij_device *d = open_device();
        ij_tuning_db_set_common(d, &ij_common_item, &layouts[i]);
        snprintf(title, sizeof title, "VW=%d TN=%d", layouts[i].value[0], layouts[i].value[1]);
        compare_all(d, &ij_common_item, title);
        ij_device_close(d);
    }
}

static void by_groups(void **state)
{
    (void)state;
    ij_device *d = open_device();
    compare_all(d, &ij_common_group, "groups");
    ij_device_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(by_items), cmocka_unit_test(by_groups)};
    setenv("IJEPA_TUNING", "off", 1);
    int failed = cmocka_run_group_tests_name("local memory", tests, NULL, NULL);
    return failed || device_found ? failed : 77; /* ctest shows it as skipped */
}
