/* Enqueuing a kernel: arguments as a list, sizes in work-items. */
#ifndef IJ_LAUNCH_H
#define IJ_LAUNCH_H

#include "engine/opencl.h"

typedef struct ij_arg {
    size_t size;
    const void *value;
} ij_arg;

/* An argument by address of an lvalue: cl_mem, cl_int, cl_float, cl_float2, ... */
#define IJ_ARG(x)                                                                                                      \
    {                                                                                                                  \
        sizeof(x), &(x)                                                                                                \
    }

/* A launch's size, and what it does, for profiles: leave the rest zero where nobody asks. */
typedef struct ij_grid {
    size_t x, y;         /* work-groups */
    size_t local;        /* work-group size along x */
    double flops, bytes; /* arithmetic (a multiply-add is two) and the memory traffic it cannot avoid */
    ij_operation what;
} ij_grid;

/* Enqueues `kernel` on the compute queue. Nothing to do (an empty grid) is no error. */
ij_status ij_launch(ij_device *device, cl_kernel kernel, const char *name, ij_grid grid, const ij_arg *args, int count);
#define IJ_LAUNCH(device, kernel, name, grid, ...)                                                                     \
    ij_launch(device, kernel, name, grid, (const ij_arg[]){__VA_ARGS__},                                               \
              (int)(sizeof((const ij_arg[]){__VA_ARGS__}) / sizeof(ij_arg)))

static inline int ij_ceil_div(int64_t a, int64_t b)
{
    return (int)((a + b - 1) / b);
}

#endif
