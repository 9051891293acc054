/* The subcommands of bench; each gets its own arguments and returns an exit status. */
#ifndef IJ_BENCH_H
#define IJ_BENCH_H

int bench_peak(int argc, char **argv);
int bench_step(int argc, char **argv);

#endif
