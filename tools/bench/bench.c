/* bench: what this device does, and how fast a configuration trains on it. One file a subcommand. */
#include "tools/bench/bench.h"

#include <stdio.h>
#include <string.h>

static int help(FILE *out, int status)
{
    fputs(
        "Usage: ijepa-bench COMMAND ...\n"
        "\n"
        "  ijepa-bench peak                   the device's fp32 FMA peak and copy bandwidth\n"
        "  ijepa-bench kernels CONFIG.ini     each kernel at the shapes of a step: time, rate, share of peak or "
        "bandwidth\n"
        "  ijepa-bench step CONFIG.ini        median training step on random images\n"
        "      --data                         on the configured data set, read and decoded as in a training run; also\n"
        "                                     prints how long the device waited for images\n"
        "      --profile FILE                 writes a few steps as a trace for Perfetto (ui.perfetto.dev) or\n"
        "                                     about:tracing, a checkpoint's copy of the state among them\n"
        "                                     (mpirun -n 2 ijepa-bench step: by ranks, the way of their gradients "
        "too)\n"
        "      --kernels                      also prints what `ijepa-bench kernels` does\n"
        "  ijepa-bench loader CONFIG.ini      images a second from the configured data set, stage by stage\n"
        "  ijepa-bench checkpoint CONFIG.ini  the whole state to disk and back, beside what the disk gives\n"
        "      --folder F                     where (the current one)\n"
        "      --runs N                       how many times (3)\n"
        "  ijepa-bench embed MODEL            features of images in memory by a model file of any kind\n"
        "      --batch N                      images at a time, 16; 0: as `ijepa embed` chooses\n"
        "\n"
        "All of them take:\n"
        "  --device D                         the device (see `ijepa devices`)\n"
        "  --tuning FILE                      the tuning database\n"
        "  --set section.key=value            replaces one value of CONFIG.ini; may be repeated\n"
        "  --steps N                          how many steps are measured; step, kernels, loader and embed\n",
        out);
    return status;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = {{"peak", bench_peak},     {"kernels", bench_kernels},       {"step", bench_step},
                    {"loader", bench_loader}, {"checkpoint", bench_checkpoint}, {"embed", bench_embed}};
    if (argc < 2)
        return help(stderr, 2);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help(stdout, 0);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    fprintf(stderr, "ijepa-bench: unknown command %s\n", argv[1]);
    return help(stderr, 2);
}
