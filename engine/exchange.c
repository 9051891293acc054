#include "engine/exchange.h"

#include "engine/base/try.h"
#include "engine/rank_ready.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

ij_status ij_exchange_plan(ij_exchange *e, ij_device *device, ij_ranks *ranks, const ij_params *params, ij_plan *plan)
{
    int64_t floats = 0;
    e->device = device;
    e->ranks = ranks;
    e->params = params;
    e->segments = params->segments;
    e->count = params->segment_count;
    size_t count = (size_t)e->count;
    e->offset = calloc(count, sizeof *e->offset);
    e->order = calloc(count, sizeof *e->order);
    for (int i = 0; i < 2; i++)
        e->parcels[i] = calloc(count, sizeof *e->parcels[i]);
    if (!e->offset || !e->order || !e->parcels[0] || !e->parcels[1])
        return ij_fail(IJ_ENOMEM, "out of memory for the exchange of gradients");
    for (int i = 0; i < e->count; i++) {
        e->offset[i] = (size_t)floats;
        floats += (int64_t)e->segments[i].count;
    }
    return ij_plan_add_host(plan, "gradients (pinned)", IJ_F32, floats, &e->staging);
}

ij_status ij_exchange_officially(ij_exchange *e)
{
    size_t floats = 0;
    e->official_offset = calloc((size_t)e->count, sizeof *e->official_offset);
    if (!e->official_offset)
        return ij_fail(IJ_ENOMEM, "out of memory for the exchange of gradients");
    for (int i = 0; i < e->count; i++) {
        e->official_offset[i] = floats;
        floats += ij_params_official_count(e->params, i);
    }
    e->official = calloc(floats, sizeof *e->official);
    return e->official ? IJ_OK : ij_fail(IJ_ENOMEM, "out of memory for gradients in the official order");
}

ij_status ij_exchange_start(ij_exchange *e)
{
    cl_int code;
    const ij_segment *last = &e->segments[e->count - 1];
    size_t floats = e->offset[e->count - 1] + last->count;
    e->queue = clCreateCommandQueue(e->device->context, e->device->id, CL_QUEUE_PROFILING_ENABLE, &code);
    TRY(ij_cl_check(code, "a queue for gradients"));
    e->floats = clEnqueueMapBuffer(e->queue, e->staging, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0, floats * sizeof(float),
                                   0, NULL, NULL, &code);
    return ij_cl_check(code, "mapping memory for gradients");
}

static void forget(ij_parcel *p)
{
    ij_cl_forget(&p->read);
    ij_cl_forget(&p->added);
    ij_cl_forget(&p->back);
    p->on_way = false;
}

void ij_exchange_destroy(ij_exchange *e)
{
    for (int i = 0; i < 2; i++) {
        for (int s = 0; s < e->count && e->parcels[i]; s++) {
            if (e->parcels[i][s].on_way)
                ij_ranks_wait(e->ranks, &e->parcels[i][s].job);
            forget(&e->parcels[i][s]);
        }
        free(e->parcels[i]);
    }
    while (e->callbacks > 0) /* a driver may call after all else is over */
        sched_yield();
    if (e->queue) {
        if (e->floats)
            clEnqueueUnmapMemObject(e->queue, e->staging, e->floats, 0, NULL, NULL);
        clFinish(e->queue);
        clReleaseCommandQueue(e->queue);
    }
    free(e->official);
    free(e->official_offset);
    free(e->offset);
    free(e->order);
}

/* ---- The ranks' thread's part ------------------------------------------------------------------------------------ */

/* By a thread of the driver. */
static void CL_CALLBACK last_comes(cl_event event, cl_int status, void *exchange)
{
    ij_exchange *e = exchange;
    (void)event;
    (void)status;
    e->last_came = now();
    e->callbacks--;
}

static ij_rank_ready has_come(ij_rank_job *job)
{
    ij_parcel *p = job->owner;
    ij_rank_ready ready = ij_rank_ready_of(p->read);
    if (ready != IJ_RANKS_READY)
        return ready;
    ij_exchange *e = p->exchange;
    if (e->official)
        ij_params_to_official(e->params, p->segment, e->floats + e->offset[p->segment], job->values);
    e->underway++;
    if (p->last) {
        e->last_seen = true;
        if (e->last_came < e->added_last) /* the driver has not told yet */
            e->last_came = now();
    }
    return IJ_RANKS_READY;
}

/* No gradient of the next step comes before all of this one are added up and back. */
static void is_added(ij_rank_job *job)
{
    ij_parcel *p = job->owner;
    ij_exchange *e = p->exchange;
    if (e->official)
        ij_params_from_official(e->params, p->segment, job->values, e->floats + e->offset[p->segment]);
    if (--e->underway == 0 && e->last_seen) {
        double before = e->added_last;
        e->last_seen = false;
        e->added_last = now();
        if (before > 0) { /* the first step compiles kernels */
            e->exposed = e->exposed + (e->added_last - e->last_came);
            e->busy = e->busy + (e->last_came - before);
            e->steps++;
        }
    }
    clSetUserEventStatus(p->added, CL_COMPLETE);
}

/* ---- A step ------------------------------------------------------------------------------------------------------ */

/* For a profile, if one is made. */
static void keep(ij_exchange *e, const char *what, const ij_segment *s, cl_event event)
{
    cl_event *profiled = ij_profile_transfer(e->device, what, ij_segment_bytes(s));
    if (profiled && !clRetainEvent(event))
        *profiled = event;
}

/* What the step before the last one left. */
void ij_exchange_begin(ij_exchange *e, int64_t k, int last)
{
    e->parity = (int)(k % 2);
    e->sent = e->returned = 0;
    for (int i = 0; i < e->count; i++) {
        ij_parcel *p = &e->parcels[e->parity][i];
        if (p->on_way)
            ij_ranks_wait(e->ranks, &p->job);
        forget(p);
        p->last = i == last;
    }
}

ij_status ij_exchange_send(ij_exchange *e, int segment)
{
    ij_parcel *p = &e->parcels[e->parity][segment];
    const ij_segment *s = &e->segments[segment];
    float *floats = e->floats + e->offset[segment];
    cl_event final;
    cl_int code;
    TRY(ij_cl_check(clEnqueueMarkerWithWaitList(e->device->compute, 0, NULL, &final), "marking a gradient"));
    ij_status status = ij_cl_check(clFlush(e->device->compute), "starting a backward pass");
    if (!status)
        status = ij_cl_check(
            clEnqueueReadBuffer(e->queue, s->gradient, CL_FALSE, 0, ij_segment_bytes(s), floats, 1, &final, &p->read),
            "reading a gradient");
    clReleaseEvent(final);
    TRY(status);
    keep(e, "read gradients", s, p->read);
    if (p->last) {
        e->callbacks++;
        TRY(ij_cl_check(clSetEventCallback(p->read, CL_COMPLETE, last_comes, e), "reading a gradient"));
    }
    TRY(ij_cl_check(clFlush(e->queue), "reading a gradient"));
    p->added = clCreateUserEvent(e->device->context, &code);
    TRY(ij_cl_check(code, "an event for a gradient"));
    p->exchange = e;
    p->segment = segment;
    p->job = (ij_rank_job){.kind = IJ_RANKS_ADD_FLOATS,
                           .values = e->official ? e->official + e->official_offset[segment] : floats,
                           .count = e->official ? ij_params_official_count(e->params, segment) : s->count,
                           .ready = has_come,
                           .done = is_added,
                           .owner = p};
    p->on_way = true;
    ij_ranks_begin(e->ranks, &p->job);
    e->order[e->sent++] = segment;
    return IJ_OK;
}

/* The queue is in order, and all reads are in it by now: the ways back follow, first come, first served. */
static ij_status send_back(ij_exchange *e)
{
    for (; e->returned < e->sent; e->returned++) {
        int segment = e->order[e->returned];
        ij_parcel *p = &e->parcels[e->parity][segment];
        const ij_segment *s = &e->segments[segment];
        TRY(ij_cl_check(clEnqueueWriteBuffer(e->queue, s->gradient, CL_FALSE, 0, ij_segment_bytes(s),
                                             e->floats + e->offset[segment], 1, &p->added, &p->back),
                        "returning a gradient"));
        keep(e, "return gradients", s, p->back);
    }
    return ij_cl_check(clFlush(e->queue), "returning gradients");
}

ij_status ij_exchange_receive(ij_exchange *e, int segment)
{
    TRY(send_back(e));
    return ij_cl_check(clEnqueueBarrierWithWaitList(e->device->compute, 1, &e->parcels[e->parity][segment].back, NULL),
                       "waiting for a gradient");
}
