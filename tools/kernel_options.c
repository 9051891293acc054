/* Prints what the engine would build on a device, without one: for tools/portability. A line a program, its fields
 * parted by tabs: a label, the files of cl/ in their order, the build options, the kernels that are used ("*": all). */
#include "engine/base/try.h"
#include "engine/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: kernel-options cpu|gpu [VENDOR [WORK-GROUP LOCAL-BYTES SUB-GROUPS]]\n"
    "\n"
    "The programs of that family of kernels with the parameters that the engine's heuristics choose for a device of\n"
    "VENDOR (as CL_DEVICE_VENDOR says it), of work-groups up to WORK-GROUP (256), LOCAL-BYTES (32768) and SUB-GROUPS,\n"
    "the sum of the sub-group sizes that a kernel may ask for (0: it may not).\n";

/* Every program the engine creates, see engine/ops; DH: built for a head width, ALIGNED: for widths of rows that are or
 * are not multiples of four. */
typedef struct program {
    const char *source;
    ij_group group;
    const char *define;
    int values[12]; /* ends with -1 */
    const char *kernels;
} program;

#define HEAD_WIDTHS                                                                                                    \
    {                                                                                                                  \
        8, 16, 24, 32, 48, 64, 80, 88, 128, -1                                                                         \
    }

static const program cpu[] = {
    {"gemm", IJ_GROUP_GEMM, NULL, {0, -1}, "*"},
    {"gradient", IJ_GROUP_GRADIENT, NULL, {0, -1}, "*"},
    {"panels", IJ_GROUP_ROWS, NULL, {0, -1}, "*"},
    {"rowmajor", IJ_GROUP_ROWS, NULL, {0, -1}, "*"},
    {"attention", IJ_GROUP_ATTENTION, "DH", HEAD_WIDTHS, "attention"},
    {"attention", IJ_GROUP_ATTENTION_BACKWARD, "DH", HEAD_WIDTHS, "attention_backward"},
    {"layernorm", IJ_GROUP_ROWS, NULL, {0, -1}, "*"},
    {"tokens", IJ_GROUP_ROWS, NULL, {0, -1}, "*"},
    {"loss", IJ_GROUP_ROWS, NULL, {0, -1}, "*"},
    {"optimizer", IJ_GROUP_ROWS, NULL, {0, -1}, "*"},
    {"regularise", IJ_GROUP_ROWS, NULL, {0, -1}, "*"},
    {"softmax_probe", IJ_GROUP_ROWS, NULL, {0, -1}, "*"},
    {"nearest", IJ_GROUP_ROWS, NULL, {0, -1}, "*"},
    {.source = NULL},
};

static const program gpu[] = {
    {"gemm", IJ_GROUP_GEMM, "ALIGNED", {1, 0, -1}, "*"},
    {"gradient", IJ_GROUP_GRADIENT, "ALIGNED", {1, 0, -1}, "*"},
    {"rowmajor", IJ_GROUP_ROWS, "ALIGNED", {0, -1}, "*"},
    {"attention", IJ_GROUP_ATTENTION, "DH", HEAD_WIDTHS, "attention"},
    {"attention", IJ_GROUP_ATTENTION_BACKWARD, "DH", HEAD_WIDTHS, "attention_backward_q attention_backward_kv"},
    {"layernorm", IJ_GROUP_ROWS, NULL, {0, -1}, "*"},
    {"tokens", IJ_GROUP_ROWS, NULL, {0, -1}, "*"},
    {"loss", IJ_GROUP_ROWS, "ALIGNED", {1, 0, -1}, "*"},
    {"optimizer", IJ_GROUP_ROWS, NULL, {0, -1}, "*"},
    {"regularise", IJ_GROUP_ROWS, NULL, {0, -1}, "*"},
    {"softmax_probe", IJ_GROUP_ROWS, NULL, {0, -1}, "*"},
    {"nearest", IJ_GROUP_ROWS, NULL, {0, -1}, "*"},
    {.source = NULL},
};

static ij_status print(const ij_tuning *t, const program *p, int value)
{
    char first[64], name[64], options[IJ_KERNEL_OPTIONS], label[64] = "";
    TRY(ij_kernel_file(t->family, "common", first, sizeof first));
    TRY(ij_kernel_file(t->family, p->source, name, sizeof name));
    ij_kernel_tuning tuning = {.group = p->group, .define = p->define, .value = value};
    if (p->define && strcmp(p->define, "DH") == 0)
        tuning.shape[0] = value;
    TRY(ij_kernel_options(t, tuning, options, sizeof options));
    if (p->define)
        snprintf(label, sizeof label, " %s=%d", p->define, value);
    printf("%s%s\tcl/%s.cl cl/%s.cl\t%s\t%s\n", p->source, label, first, name, options, p->kernels);
    return IJ_OK;
}

int main(int argc, char **argv)
{
    bool is_gpu = argc > 1 && strcmp(argv[1], "gpu") == 0;
    if (argc < 2 || argc == 4 || argc == 5 || argc > 6 || (!is_gpu && strcmp(argv[1], "cpu") != 0)) {
        fputs(usage, stderr);
        return 2;
    }
    ij_tuning t = ij_tuning_default(is_gpu ? IJ_FAMILY_GPU : IJ_FAMILY_CPU, 16);
    size_t limit[3] = {256, 32768, 0};
    for (int i = 0; argc == 6 && i < 3; i++)
        limit[i] = strtoul(argv[3 + i], NULL, 10);
    ij_tuning_fit(&t, argc > 2 ? argv[2] : "", limit[0], limit[1], (unsigned)limit[2]);
    for (const program *p = is_gpu ? gpu : cpu; p->source; p++)
        for (int i = 0; p->values[i] >= 0; i++)
            if (print(&t, p, p->values[i])) {
                fprintf(stderr, "kernel-options: %s\n", ij_error());
                return 1;
            }
    return 0;
}
