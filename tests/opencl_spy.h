/* A look at what a program asks of OpenCL: this file's functions stand in front of the library's (also for libraries
 * that the program uses, such as CLBlast), count the calls, can make one of them fail, and pass the rest on. */
#ifndef IJ_TESTS_OPENCL_SPY_H
#define IJ_TESTS_OPENCL_SPY_H

#include <CL/cl.h>

typedef enum spy_call {
    SPY_CREATE_BUFFER,
    SPY_CREATE_SUB_BUFFER,
    SPY_CREATE_PROGRAM_WITH_SOURCE,
    SPY_CREATE_PROGRAM_WITH_BINARY,
    SPY_CREATE_KERNEL,
    SPY_ENQUEUE_KERNEL,
    SPY_ENQUEUE_READ,
    SPY_ENQUEUE_WRITE,
    SPY_ENQUEUE_MAP,
    SPY_WAIT,           /* for events */
    SPY_RELEASE_MEMORY, /* buffers and sub-buffers */
    SPY_RELEASE_PROGRAM,
    SPY_RELEASE_KERNEL,
    SPY_CALLS
} spy_call;

/* Calls so far. */
int spy_count(spy_call call);
/* The `after`-th call from now (0: the next) fails with `code`; the one before it and those behind it do not. */
void spy_fail(spy_call call, int after, cl_int code);
/* The most kernels that were enqueued between two waits for events, since this was asked the last time. */
int spy_most_in_flight(void);
/* From now on the driver says of every kernel that it allows work-groups of at most so many items; 0: what it says
 * itself.
 */
void spy_allow(size_t work_group);
/* Forgets a failure that has not happened yet; returns 1 if there was one. */
int spy_forget(spy_call call);

#endif
