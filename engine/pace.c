#include "engine/pace.h"

#include "engine/base/try.h"
#include "engine/opencl.h"

#include <stdlib.h>
#include <time.h>

enum { FIRST_WINDOW = 32, LEAST_WINDOW = 4, MOST_WINDOW = 1 << 20 };

ij_status ij_pace_start(ij_pace *p)
{
    const char *told = getenv("IJEPA_IN_FLIGHT");
    *p = (ij_pace){.seconds = 1, .window = FIRST_WINDOW};
    if (!told || !*told)
        return IJ_OK;
    char *end;
    p->seconds = strtod(told, &end);
    if (*end || !(p->seconds >= 0 && p->seconds <= 1e6))
        return ij_fail(IJ_EINVAL,
                       "IJEPA_IN_FLIGHT is \"%.40s\": it is the seconds of work that a device's queue holds, "
                       "0 for no bound",
                       told);
    return IJ_OK;
}

void ij_pace_end(ij_pace *p)
{
    ij_cl_forget(&p->mark);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A window took so long: the next one has as many kernels as take half of `seconds`, at most four times as many or as
 * few. */
static void adapt(ij_pace *p, double took)
{
    double factor = took > 0 ? 0.5 * p->seconds / took : 4;
    factor = factor > 4 ? 4 : factor < 0.25 ? 0.25 : factor;
    double window = factor * p->window;
    p->window = window < LEAST_WINDOW ? LEAST_WINDOW : window > MOST_WINDOW ? MOST_WINDOW : (int)window;
}

ij_status ij_pace_launched(ij_device *d)
{
    ij_pace *p = &d->pace;
    cl_event mark;
    if (!(p->seconds > 0) || ++p->launched < p->window)
        return IJ_OK;
    p->launched = 0;
    TRY(ij_cl_check(clEnqueueMarkerWithWaitList(d->compute, 0, NULL, &mark), "marking the queue"));
    cl_int code = p->mark ? ij_pace_wait(d, p->mark) : clFlush(d->compute);
    bool timed = p->mark && p->seen > 0;
    double at = now();
    if (timed)
        adapt(p, at - p->seen);
    p->seen = p->mark ? at : 0;
    ij_cl_forget(&p->mark);
    p->mark = mark;
    return ij_cl_check(code, "waiting for kernels");
}

cl_int ij_pace_wait(ij_device *d, cl_event event)
{
    const long shortest = 20000, longest = 2000000; /* nanoseconds */
    long waited = 0;
    cl_int status = CL_COMPLETE;
    if (d->info.type == IJ_DEVICE_GPU) {
        clFlush(d->compute);
        clFlush(d->transfer);
        while (clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, NULL) == CL_SUCCESS &&
               status > CL_COMPLETE) {
            long nap = waited / 8 < shortest ? shortest : waited / 8 > longest ? longest : waited / 8;
            nanosleep(&(struct timespec){0, nap}, NULL);
            waited += waited < 8 * longest ? nap : 0;
        }
    }
    return clWaitForEvents(1, &event);
}

cl_int ij_pace_finish(ij_device *d)
{
    cl_event end;
    if (d->info.type != IJ_DEVICE_GPU || clEnqueueMarkerWithWaitList(d->compute, 0, NULL, &end) != CL_SUCCESS)
        return clFinish(d->compute);
    cl_int code = ij_pace_wait(d, end);
    clReleaseEvent(end);
    return code;
}
