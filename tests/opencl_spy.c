#include "tests/opencl_spy.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* CLBlast and OpenCL's own threads may call too. */
static atomic_int counts[SPY_CALLS];
static atomic_int countdown[SPY_CALLS]; /* calls left until one fails; 0: none will */
static cl_int codes[SPY_CALLS];
static size_t allowed;                       /* of spy_allow */
static atomic_int in_flight, most_in_flight; /* kernels since a wait */

int spy_count(spy_call call)
{
    return counts[call];
}

void spy_fail(spy_call call, int after, cl_int code)
{
    codes[call] = code;
    countdown[call] = after + 1;
}

int spy_forget(spy_call call)
{
    return atomic_exchange(&countdown[call], 0) > 0;
}

void spy_allow(size_t work_group)
{
    allowed = work_group;
}

int spy_most_in_flight(void)
{
    return atomic_exchange(&most_in_flight, 0);
}

/* Counts; CL_SUCCESS unless this call is to fail. */
static cl_int note(spy_call call)
{
    counts[call]++;
    if (call == SPY_ENQUEUE_KERNEL && ++in_flight > most_in_flight)
        most_in_flight = in_flight;
    if (call == SPY_WAIT)
        in_flight = 0;
    if (countdown[call] > 0 && --countdown[call] == 0)
        return codes[call];
    return CL_SUCCESS;
}

/* The library's function of that name into *function: C has no cast from void * to a function. */
static void next(const char *name, void *function)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) {
        fprintf(stderr, "there is no %s\n", name);
        abort();
    }
    memcpy(function, &found, sizeof found);
}

/* A function that makes an object and gives its status through `status`. */
#define MAKER(type, name, call, parameters, arguments)                                                                 \
    CL_API_ENTRY type CL_API_CALL name parameters                                                                      \
    {                                                                                                                  \
        static type(CL_API_CALL *real) parameters;                                                                     \
        if (!real)                                                                                                     \
            next(#name, &real);                                                                                        \
        cl_int code = note(call);                                                                                      \
        if (code == CL_SUCCESS)                                                                                        \
            return real arguments;                                                                                     \
        if (status)                                                                                                    \
            *status = code;                                                                                            \
        return NULL;                                                                                                   \
    }

/* A function that returns its status. */
#define DOER(name, call, parameters, arguments)                                                                        \
    CL_API_ENTRY cl_int CL_API_CALL name parameters                                                                    \
    {                                                                                                                  \
        static cl_int(CL_API_CALL *real) parameters;                                                                   \
        if (!real)                                                                                                     \
            next(#name, &real);                                                                                        \
        cl_int code = note(call);                                                                                      \
        return code == CL_SUCCESS ? real arguments : code;                                                             \
    }

MAKER(cl_mem, clCreateBuffer, SPY_CREATE_BUFFER,
      (cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *status),
      (context, flags, size, host, status))

MAKER(cl_mem, clCreateSubBuffer, SPY_CREATE_SUB_BUFFER,
      (cl_mem buffer, cl_mem_flags flags, cl_buffer_create_type type, const void *info, cl_int *status),
      (buffer, flags, type, info, status))

MAKER(cl_program, clCreateProgramWithSource, SPY_CREATE_PROGRAM_WITH_SOURCE,
      (cl_context context, cl_uint count, const char **strings, const size_t *lengths, cl_int *status),
      (context, count, strings, lengths, status))

MAKER(cl_program, clCreateProgramWithBinary, SPY_CREATE_PROGRAM_WITH_BINARY,
      (cl_context context, cl_uint count, const cl_device_id *devices, const size_t *lengths,
       const unsigned char **binaries, cl_int *binary_status, cl_int *status),
      (context, count, devices, lengths, binaries, binary_status, status))

MAKER(cl_kernel, clCreateKernel, SPY_CREATE_KERNEL, (cl_program program, const char *name, cl_int *status),
      (program, name, status))

MAKER(void *, clEnqueueMapBuffer, SPY_ENQUEUE_MAP,
      (cl_command_queue queue, cl_mem buffer, cl_bool blocking, cl_map_flags flags, size_t offset, size_t size,
       cl_uint count, const cl_event *wait, cl_event *event, cl_int *status),
      (queue, buffer, blocking, flags, offset, size, count, wait, event, status))

DOER(clEnqueueNDRangeKernel, SPY_ENQUEUE_KERNEL,
     (cl_command_queue queue, cl_kernel kernel, cl_uint dims, const size_t *offset, const size_t *global,
      const size_t *local, cl_uint count, const cl_event *wait, cl_event *event),
     (queue, kernel, dims, offset, global, local, count, wait, event))

DOER(clEnqueueReadBuffer, SPY_ENQUEUE_READ,
     (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size, void *to, cl_uint count,
      const cl_event *wait, cl_event *event),
     (queue, buffer, blocking, offset, size, to, count, wait, event))

DOER(clEnqueueWriteBuffer, SPY_ENQUEUE_WRITE,
     (cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size, const void *from,
      cl_uint count, const cl_event *wait, cl_event *event),
     (queue, buffer, blocking, offset, size, from, count, wait, event))

DOER(clWaitForEvents, SPY_WAIT, (cl_uint count, const cl_event *events), (count, events))

DOER(clReleaseMemObject, SPY_RELEASE_MEMORY, (cl_mem memory), (memory))
DOER(clReleaseProgram, SPY_RELEASE_PROGRAM, (cl_program program), (program))
DOER(clReleaseKernel, SPY_RELEASE_KERNEL, (cl_kernel kernel), (kernel))

CL_API_ENTRY cl_int CL_API_CALL clGetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id device,
                                                         cl_kernel_work_group_info what, size_t size, void *value,
                                                         size_t *bytes)
{
    static cl_int(CL_API_CALL * real)(cl_kernel, cl_device_id, cl_kernel_work_group_info, size_t, void *, size_t *);
    if (!real)
        next("clGetKernelWorkGroupInfo", &real);
    cl_int code = real(kernel, device, what, size, value, bytes);
    size_t *items = value;
    if (code == CL_SUCCESS && what == CL_KERNEL_WORK_GROUP_SIZE && allowed && items && *items > allowed)
        *items = allowed;
    return code;
}
