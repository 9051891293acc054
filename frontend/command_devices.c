/* `ijepa devices`: lists the OpenCL devices as `--device` numbers them. */
#include "engine/device.h"
#include "frontend/command.h"
#include "frontend/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(void)
{
    puts("Usage: ijepa devices\n"
         "\n"
         "Lists the OpenCL devices. A run takes the one that --device, [run] device or the environment variable\n"
         "IJEPA_DEVICE names (in this order): by its number, by part of its name or its platform's, or as cpu or gpu.\n"
         "Without a name it takes the first GPU, or else the first device.");
}

/* What implementations go by (engine/implementation.h). */
static void print_abilities(const ij_device_info *d)
{
    static const char *const units[] = {[IJ_MATRIX_NONE] = "",
                                        [IJ_MATRIX_MMA] = ", matrix units (mma)",
                                        [IJ_MATRIX_MFMA] = ", matrix units (mfma)",
                                        [IJ_MATRIX_WMMA] = ", matrix units (wmma)",
                                        [IJ_MATRIX_DPAS] = ", matrix units (dpas)"};
    printf("   vectors of %d floats", d->vector_width);
    const char *before = ", sub-groups of ";
    for (unsigned size = 1; size && size <= d->sub_groups; size *= 2)
        if (d->sub_groups & size) {
            printf("%s%u", before, size);
            before = ", ";
        }
    printf("%s%s%s%s", d->fp16 ? ", fp16" : "", d->bf16 ? ", bf16" : "", d->integer_dot ? ", integer dot products" : "",
           units[d->matrix_unit]);
    if (d->generation)
        printf(", architecture %x", d->generation);
    puts("");
}

static void print_device(const ij_device_info *d)
{
    static const char *const types[] = {[IJ_DEVICE_CPU] = "CPU", [IJ_DEVICE_GPU] = "GPU", [IJ_DEVICE_OTHER] = "other"};
    const double gib = 1 << 30;
    printf("%d: %s (%s)\n", d->index, d->name, types[d->type]);
    printf("   platform %s, vendor %s, %s, driver %s\n", d->platform, d->vendor, d->version, d->driver);
    printf("   %u compute units at up to %u MHz, work-groups of up to %zu\n", d->compute_units, d->max_clock_mhz,
           d->max_work_group);
    printf("   %.1f GiB of memory%s, %.1f GiB in one piece; %llu KiB local\n", (double)d->global_bytes / gib,
           d->unified_memory ? " shared with the host" : "", (double)d->max_alloc_bytes / gib,
           (unsigned long long)(d->local_bytes / 1024));
    print_abilities(d);
}

int ij_command_devices(int argc, char **argv)
{
    if (argc && (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h"))) {
        print_help();
        return IJ_EXIT_DONE;
    }
    if (argc) {
        ij_complain("unknown argument %s; see `ijepa devices --help`", argv[0]);
        return IJ_EXIT_USAGE;
    }
    ij_device_info *list;
    int count;
    if (ij_device_list(&list, &count)) {
        ij_complain("%s", ij_error());
        return IJ_EXIT_FAILED;
    }
    for (int i = 0; i < count; i++)
        print_device(&list[i]);
    free(list);
    return IJ_EXIT_DONE;
}
