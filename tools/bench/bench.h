/* The subcommands of bench; each gets its own arguments and returns an exit status. */
#ifndef IJ_BENCH_H
#define IJ_BENCH_H

#include "tools/bench/workload.h"

int bench_peak(int argc, char **argv);
int bench_step(int argc, char **argv);
int bench_kernels(int argc, char **argv);
int bench_loader(int argc, char **argv);
int bench_embed(int argc, char **argv);
int bench_checkpoint(int argc, char **argv);

/* The table of bench kernels for an open workload: each kernel and shape with the best time of `steps` runs of step k.
 * Wants the steps before k done, as warm-up. */
ij_status bench_print_kernels(ij_workload *w, int64_t k, int steps);

#endif
