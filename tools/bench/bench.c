/* bench: what this device does, and how fast a configuration trains on it. One file a subcommand. */
#include "tools/bench/bench.h"

#include <stdio.h>
#include <string.h>

static int help(FILE *out, int status)
{
    fputs("Usage: bench COMMAND ...\n"
          "\n"
          "  bench peak [--device D]                     the device's fp32 FMA peak and copy bandwidth\n"
          "  bench step CONFIG.ini [--set section.key=value]... [--device D] [--steps N] [--kernels]\n"
          "                                              median training step on random images\n"
          "\n"
          "--kernels adds the device time of each kernel of a step.\n",
          out);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return help(stderr, 2);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help(stdout, 0);
    if (strcmp(argv[1], "peak") == 0)
        return bench_peak(argc - 2, argv + 2);
    if (strcmp(argv[1], "step") == 0)
        return bench_step(argc - 2, argv + 2);
    fprintf(stderr, "bench: unknown command %s\n", argv[1]);
    return help(stderr, 2);
}
