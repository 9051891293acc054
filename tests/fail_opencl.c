/* A library to load before the program (LD_PRELOAD): a device that is lost, as FAIL_OPENCL says. "KERNELS CODE": after
 * so many kernels they, transfers and waits fail with CODE. */
#define _GNU_SOURCE
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_int kernels;

/* CL_SUCCESS while the device is there. */
static cl_int state(void)
{
    const char *text = getenv("FAIL_OPENCL");
    int after = 0, code = 0;
    if (!text || sscanf(text, "%d %d", &after, &code) != 2)
        return CL_SUCCESS;
    return kernels > after ? code : CL_SUCCESS;
}

/* The library's function of that name into *function: C has no cast from void * to a function. */
static void next(const char *name, void *function)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    memcpy(function, &found, sizeof found);
}

#define DOER(name, parameters, arguments)                                                                              \
    CL_API_ENTRY cl_int CL_API_CALL name parameters                                                                    \
    {                                                                                                                  \
        static cl_int(CL_API_CALL *real) parameters;                                                                   \
        if (!real)                                                                                                     \
            next(#name, &real);                                                                                        \
        cl_int code = state();                                                                                         \
        return code == CL_SUCCESS ? real arguments : code;                                                             \
    }

/* A wait fails when what was enqueued before is over: nothing writes into the program's memory after it. */
#define WAITER(name, parameters, arguments)                                                                            \
    CL_API_ENTRY cl_int CL_API_CALL name parameters                                                                    \
    {                                                                                                                  \
        static cl_int(CL_API_CALL *real) parameters;                                                                   \
        if (!real)                                                                                                     \
            next(#name, &real);                                                                                        \
        cl_int code = state(), waited = real arguments;                                                                \
        return code == CL_SUCCESS ? waited : code;                                                                     \
    }

WAITER(clFinish, (cl_command_queue queue), (queue))
WAITER(clWaitForEvents, (cl_uint count, const cl_event *events), (count, events))
DOER(clGetEventInfo, (cl_event event, cl_event_info what, size_t size, void *value, size_t *bytes),
     (event, what, size, value, bytes))
DOER(clEnqueueReadBuffer,
     (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size, void *to, cl_uint count,
      const cl_event *wait, cl_event *event),
     (queue, buffer, blocking, offset, size, to, count, wait, event))
DOER(clEnqueueWriteBuffer,
     (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size, const void *from,
      cl_uint count, const cl_event *wait, cl_event *event),
     (queue, buffer, blocking, offset, size, from, count, wait, event))
DOER(clEnqueueUnmapMemObject,
     (cl_command_queue queue, cl_mem buffer, void *mapped, cl_uint count, const cl_event *wait, cl_event *event),
     (queue, buffer, mapped, count, wait, event))

CL_API_ENTRY cl_int CL_API_CALL clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dims,
                                                       const size_t *offset, const size_t *global, const size_t *local,
                                                       cl_uint count, const cl_event *wait, cl_event *event)
{
    static cl_int(CL_API_CALL * real)(cl_command_queue, cl_kernel, cl_uint, const size_t *, const size_t *,
                                      const size_t *, cl_uint, const cl_event *, cl_event *);
    if (!real)
        next("clEnqueueNDRangeKernel", &real);
    kernels++;
    cl_int code = state();
    return code == CL_SUCCESS ? real(queue, kernel, dims, offset, global, local, count, wait, event) : code;
}

CL_API_ENTRY void *CL_API_CALL clEnqueueMapBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking,
                                                  cl_map_flags flags, size_t offset, size_t size, cl_uint count,
                                                  const cl_event *wait, cl_event *event, cl_int *status)
{
    static void *(CL_API_CALL * real)(cl_command_queue, cl_mem, cl_bool, cl_map_flags, size_t, size_t, cl_uint,
                                      const cl_event *, cl_event *, cl_int *);
    if (!real)
        next("clEnqueueMapBuffer", &real);
    cl_int code = state();
    if (code == CL_SUCCESS)
        return real(queue, buffer, blocking, flags, offset, size, count, wait, event, status);
    if (status)
        *status = code;
    return NULL;
}
