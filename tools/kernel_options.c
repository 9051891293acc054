/* Prints what the engine would build on a device, without one: for tools/portability. A line a program, its fields
 * parted by tabs: a label, the files of cl/ in their order, the build options, the kernels that are used ("*": all). */
#include "engine/base/try.h"
#include "engine/ops/implementations.h"
#include "engine/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: kernel-options cpu|gpu [VENDOR [WORK-GROUP LOCAL-BYTES SUB-GROUPS]]\n"
    "\n"
    "The programs of all implementations that a CPU or a GPU offers, with the parameters that they begin with on a\n"
    "device of VENDOR (as CL_DEVICE_VENDOR says it), of work-groups up to WORK-GROUP (256), LOCAL-BYTES (32768) and\n"
    "SUB-GROUPS, the sum of the sub-group sizes that a kernel may ask for (0: it may not).\n";

/* What the engine creates of a source: DH, built for a head width, or ALIGNED, for widths of rows that are or are not
 * multiples of four. */
typedef struct program {
    const ij_implementation *of;
    const char *file, *kernels;
} program;

static ij_status print(const ij_tuning *t, const program *p, const char *define, int value, int head_width)
{
    char options[IJ_KERNEL_OPTIONS], label[96] = "";
    const ij_implementation *common = p->of->common;
    const char *prefix = common->prefix ? common->prefix : "";
    const char *name = p->file + (strncmp(p->file, prefix, strlen(prefix)) == 0 ? strlen(prefix) : 0);
    ij_kernel_tuning tuning = {.of = p->of, .shape = {head_width, 0}};
    if (define)
        ij_kernel_define(&tuning, define, value);
    TRY(ij_kernel_options(t, tuning, options, sizeof options));
    if (define)
        snprintf(label, sizeof label, " %s=%d", define, value);
    printf("%s%s\t", name, label);
    for (int i = 0; i < IJ_MOST_BEFORE && common->before[i]; i++)
        printf("cl/%s.cl ", common->before[i]);
    printf("cl/%s.cl\t%s\t%s\n", p->file, options, p->kernels);
    return IJ_OK;
}

static ij_status print_heads(const ij_tuning *t, const ij_implementation *of)
{
    static const int widths[] = {8, 16, 24, 32, 48, 64, 80, 88, 128};
    const ij_attention_row *row = (const ij_attention_row *)of; /* its first member */
    char kernels[96] = "";
    for (int i = 0; i < IJ_ATTENTION_KERNELS && row->names[i]; i++)
        snprintf(kernels + strlen(kernels), sizeof kernels - strlen(kernels), "%s%s", i ? " " : "", row->names[i]);
    program p = {of, row->source, kernels};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        TRY(print(t, &p, "DH", widths[i], widths[i]));
    return IJ_OK;
}

static ij_status print_all(const ij_tuning *t, const ij_implementation *of)
{
    if (of->group == IJ_GROUP_ATTENTION || of->group == IJ_GROUP_ATTENTION_BACKWARD)
        return print_heads(t, of);
    for (int i = 0; i < IJ_MOST_SOURCES && of->sources[i]; i++) {
        program p = {of, of->sources[i], "*"};
        TRY(print(t, &p, NULL, 0, 0));
        if (!of->common->any_width)
            TRY(print(t, &p, "ALIGNED", 0, 0));
    }
    return IJ_OK;
}

/* Those that offer themselves; a library has no kernels here. */
static bool is_wanted(const ij_device_info *device, const ij_implementation *of)
{
    return of->common && (!of->lacks || !of->lacks(device)) && (!of->offers || of->offers(device));
}

int main(int argc, char **argv)
{
    bool gpu = argc > 1 && strcmp(argv[1], "gpu") == 0;
    if (argc < 2 || argc == 4 || argc == 5 || argc > 6 || (!gpu && strcmp(argv[1], "cpu") != 0)) {
        fputs(usage, stderr);
        return 2;
    }
    size_t limit[3] = {256, 32768, 0};
    for (int i = 0; argc == 6 && i < 3; i++)
        limit[i] = strtoul(argv[3 + i], NULL, 10);
    ij_device_info device = {.type = gpu ? IJ_DEVICE_GPU : IJ_DEVICE_CPU,
                             .max_work_group = limit[0],
                             .local_bytes = limit[1],
                             .sub_groups = (unsigned)limit[2],
                             .vector_width = 16};
    snprintf(device.vendor, sizeof device.vendor, "%s", argc > 2 ? argv[2] : "");
    ij_tuning t;
    ij_tuning_start(&t, &device);
    for (const ij_implementation *const *of = ij_implementations; *of; of++)
        if (is_wanted(&device, *of) && print_all(&t, *of)) {
            fprintf(stderr, "kernel-options: %s\n", ij_error());
            return 1;
        }
    return 0;
}
