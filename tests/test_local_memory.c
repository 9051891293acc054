/* What engine/tuning.c says that kernels take of local memory, which decides what is legal and what fits, against what
 * the built kernels report: both families, every group, choices from one end of its list to the other. */
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

/* A kernel by which a source's program is made. */
static const struct {
    const char *source, *kernel, *define;
} programs[] = {{"gemm", "gemm", "ALIGNED"},
                {"gradient", "gemm_gradient", "ALIGNED"},
                {"attention", "attention", "DH"},
                {"layernorm", "layernorm", NULL},
                {"optimizer", "adamw", NULL},
                {"regularise", "variance", NULL},
                {"tokens", "patchify", NULL},
                {"loss", "loss", NULL},
                {"rowmajor", "tail", "ALIGNED"},
                {"panels", "panel_transpose", NULL},
                {"softmax_probe", "softmax_gradient", NULL},
                {"nearest", "nearest", NULL},
                {"peak", "fma_peak", NULL}};

/* One choice of a group under test. */
typedef struct probe {
    ij_device *device;
    ij_group group;
    int width; /* as ij_tuning_local_bytes wants it */
    char choice[128];
    size_t estimate, most; /* what the kernels report, of all of them */
} probe;

/* How a group's estimates compare, for people: what is too much is memory that is not used. */
typedef struct summary {
    int compared, too_much;
    size_t most_too_much;
    char where[256];
} summary;

static bool has_word(const char *words, const char *word)
{
    const char *at = strstr(words, word);
    size_t length = strlen(word);
    return at && (at == words || at[-1] == ' ') && (at[length] == ' ' || at[length] == 0);
}

/* Whether the engine uses a kernel with this group: attention's are all in one source. */
static bool is_used(ij_group group, const char *kernel)
{
    if (group == IJ_GROUP_ATTENTION)
        return strcmp(kernel, "attention") == 0;
    if (group == IJ_GROUP_ATTENTION_BACKWARD)
        return has_word("attention_backward attention_backward_q attention_backward_kv", kernel);
    return true;
}

static void compare(probe *p, cl_kernel kernel)
{
    char name[128] = "";
    cl_ulong bytes = 0;
    assert_int_equal(clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof name - 1, name, NULL), CL_SUCCESS);
    if (!is_used(p->group, name))
        return;
    if (p->device->tuning.family == IJ_FAMILY_GPU && strcmp(name, "layernorm_backward") == 0)
        assert_int_equal(clSetKernelArg(kernel, 12, 2 * WIDEST * sizeof(float), NULL), CL_SUCCESS);
    assert_int_equal(
        clGetKernelWorkGroupInfo(kernel, p->device->id, CL_KERNEL_LOCAL_MEM_SIZE, sizeof bytes, &bytes, NULL),
        CL_SUCCESS);
    if (bytes > p->estimate)
        fail_msg("%s, %s, width %d: %s takes %llu bytes of local memory, and the engine thinks %zu",
                 ij_group_of(p->device->tuning.family, p->group)->name, p->choice, p->width, name,
                 (unsigned long long)bytes, p->estimate);
    p->most = bytes > p->most ? (size_t)bytes : p->most;
}

/* All kernels of one source. */
static void compare_source(probe *p, const char *source)
{
    size_t i = 0;
    while (i < sizeof programs / sizeof *programs && strcmp(programs[i].source, source) != 0)
        i++;
    if (i == sizeof programs / sizeof *programs)
        fail_msg("this test does not know the source %s", source);
    bool heads = strcmp(source, "attention") == 0, gpu = p->device->tuning.family == IJ_FAMILY_GPU;
    ij_kernel_tuning tuning = {.group = p->group, .define = heads || gpu ? programs[i].define : NULL, .value = 1};
    if (heads)
        tuning.shape[0] = tuning.value = p->width;
    else if (p->group == IJ_GROUP_GEMM || p->group == IJ_GROUP_GRADIENT)
        tuning.shape[0] = SHAPE0, tuning.shape[1] = SHAPE1;
    const char *name =
        heads && gpu && p->group == IJ_GROUP_ATTENTION_BACKWARD ? "attention_backward_q" : programs[i].kernel;
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

static void compare_choice(ij_device *d, ij_group group, const ij_choice *choice, int width, summary *s)
{
    bool product = group == IJ_GROUP_GEMM || group == IJ_GROUP_GRADIENT, rows = group == IJ_GROUP_ROWS;
    const ij_group_info *info = ij_group_of(d->tuning.family, group);
    probe p = {.device = d, .group = group, .width = width};
    p.estimate = ij_tuning_local_bytes(&d->tuning, group, choice, width);
    if (p.estimate > d->info.local_bytes)
        return; /* nothing that the engine would build here */
    ij_tuned tuned = {.group = group,
                      .shape = {product ? SHAPE0
                                : rows  ? 0
                                        : width,
                                product ? SHAPE1 : 0},
                      .choice = *choice};
    if (group != IJ_GROUP_DEVICE)
        assert_true(ij_tuning_put(&d->tuning, tuned));
    ij_choice_print(info, choice, p.choice, sizeof p.choice);
    for (int i = 0; i < IJ_MOST_SOURCES && info->sources[i]; i++)
        if (group != IJ_GROUP_DEVICE || strcmp(info->sources[i], "peak") == 0)
            compare_source(&p, info->sources[i]);
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
static void compare_group(ij_device *d, ij_group group, int width, summary *s)
{
    const ij_group_info *info = ij_group_of(d->tuning.family, group);
    ij_choice choice = ij_choice_first(info);
    int legal = 0, at = 0;
    do
        legal += !ij_choice_illegal(&d->tuning, group, &choice, d->info.local_bytes);
    while (ij_choice_next(info, &choice));
    assert_true(legal > 0);
    int steps = legal < CHOICES ? legal : CHOICES, next = 0;
    choice = ij_choice_first(info);
    do {
        if (ij_choice_illegal(&d->tuning, group, &choice, d->info.local_bytes))
            continue;
        if (at++ == (steps > 1 ? next * (legal - 1) / (steps - 1) : 0)) {
            compare_choice(d, group, &choice, width, s);
            next++;
        }
    } while (ij_choice_next(info, &choice));
    assert_int_equal(next, steps);
}

static void compare_groups(ij_device *d, const char *title)
{
    static const int heads[] = {8, 24, 128}, none[] = {WIDEST};
    for (int g = 0; g < IJ_GROUPS; g++) {
        bool attention = g == IJ_GROUP_ATTENTION || g == IJ_GROUP_ATTENTION_BACKWARD;
        summary s = {0};
        for (size_t i = 0; i < (attention ? sizeof heads / sizeof *heads : 1); i++)
            if (g == IJ_GROUP_DEVICE)
                compare_choice(d, (ij_group)g, &d->tuning.choice[g], WIDEST, &s);
            else
                compare_group(d, (ij_group)g, attention ? heads[i] : none[0], &s);
        assert_true(s.compared > 0);
        print_message("%-14s %-18s %2d choices, %d estimated too high%s\n", title,
                      ij_group_of(d->tuning.family, (ij_group)g)->name, s.compared, s.too_much, s.where);
    }
}

/* ---- Families ---------------------------------------------------------------------------------------------------- */

static bool device_found = true;

static ij_device *open_device(const char *family)
{
    ij_device *device;
    setenv("IJEPA_FAMILY", family, 1);
    if (ij_device_open(&device, NULL)) {
        skip_without_device();
        device_found = false;
        skip();
    }
    return device;
}

static void cpu_family(void **state)
{
    static const ij_choice layouts[] = {{{4, 8}}, {{8, 16}}, {{16, 64}}};
    (void)state;
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        char title[32];
        ij_device *d = open_device("cpu");
        ij_tuning_db_set_layout(d, &layouts[i]);
        snprintf(title, sizeof title, "VW=%d TN=%d", layouts[i].value[0], layouts[i].value[1]);
        compare_groups(d, title);
        ij_device_close(d);
    }
}

static void gpu_family(void **state)
{
    (void)state;
    ij_device *d = open_device("gpu");
    compare_groups(d, "GPU family");
    ij_device_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cpu_family), cmocka_unit_test(gpu_family)};
    setenv("IJEPA_TUNING", "off", 1);
    int failed = cmocka_run_group_tests_name("local memory", tests, NULL, NULL);
    return failed || device_found ? failed : 77; /* ctest shows it as skipped */
}
