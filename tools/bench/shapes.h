/* The kernels of a profiled step, gathered by what they compute. */
#ifndef IJ_BENCH_SHAPES_H
#define IJ_BENCH_SHAPES_H

#include "engine/profile.h"
#include "tools/bench/workload.h"

/* All launches of one kernel that compute the same. */
typedef struct ij_kernel_time {
    const char *kernel;
    ij_operation what;
    double seconds;      /* of the device, all launches together */
    double flops, bytes; /* all launches together; 0: not known */
    int calls;
} ij_kernel_time;

/* Runs step k under a profile and gathers it, most time first; *times is malloc'ed, the caller frees. `seconds`: the
 * step's, by the host's clock. */
ij_status ij_shapes_of_step(ij_workload *w, int64_t k, ij_kernel_time **times, int *count, double *seconds);

#endif
