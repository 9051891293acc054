#include "engine/offload.h"

#include "engine/base/try.h"
#include "engine/profile.h"

#include <string.h>

ij_status ij_offload_plan(ij_offload *o, ij_device *device, const ij_segment *segments, int count, ij_plan *plan)
{
    size_t most = 0;
    memset(o, 0, sizeof *o);
    o->device = device;
    for (int i = 0; i < count; i++)
        most = segments[i].count > most ? segments[i].count : most;
    for (int r = 0; r < IJ_OFFLOAD_ROOMS && !device->info.unified_memory; r++)
        for (int m = 0; m < 2; m++)
            TRY(ij_plan_add(plan, "moments on their way", segments->type, (int64_t)most, &o->room[r][m]));
    return IJ_OK;
}

void ij_offload_destroy(ij_offload *o)
{
    for (int r = 0; r < IJ_OFFLOAD_ROOMS; r++)
        ij_cl_forget(&o->arrived[r]);
    ij_cl_forget(&o->home);
}

/* A copy of both moments on the transfer queue; `after`, where there is one, is waited for. *done: the second one is
 * there, and so is the first. */
static ij_status copy(ij_offload *o, const cl_mem from[2], const cl_mem to[2], size_t bytes, cl_event after,
                      cl_event *done)
{
    ij_cl_forget(done);
    for (int m = 0; m < 2; m++) {
        cl_event *profiled = ij_profile_transfer(o->device, "move moments", bytes);
        TRY(ij_cl_check(clEnqueueCopyBuffer(o->device->transfer, from[m], to[m], 0, 0, bytes, after ? 1 : 0,
                                            after ? &after : NULL, m ? done : profiled),
                        "moving moments"));
        if (m && profiled && !clRetainEvent(*done))
            *profiled = *done;
    }
    return ij_cl_check(clFlush(o->device->transfer), "moving moments");
}

/* The next segment from `i` on that has an update; `count` where there is none. */
static int next(const int64_t *step, int i, int count)
{
    while (i < count && step[i] <= 0)
        i++;
    return i;
}

/* The transfer queue is in order: what it brings into a room comes after what it took from there. */
static ij_status bring(ij_offload *o, const ij_segment *s, int room)
{
    const cl_mem home[2] = {s->moment1, s->moment2};
    return copy(o, home, o->room[room], ij_segment_bytes(s), NULL, &o->arrived[room]);
}

static ij_status update_in_room(ij_offload *o, ij_optimizer *optimizer, const ij_segment *s, const ij_adamw *a,
                                int room)
{
    cl_command_queue compute = o->device->compute;
    ij_segment here = *s;
    here.moment1 = o->room[room][0];
    here.moment2 = o->room[room][1];
    TRY(ij_cl_check(clEnqueueBarrierWithWaitList(compute, 1, &o->arrived[room], NULL), "waiting for moments"));
    TRY(ij_optimizer_step(optimizer, &here, a));
    cl_event updated;
    TRY(ij_cl_check(clEnqueueMarkerWithWaitList(compute, 0, NULL, &updated), "marking an update"));
    ij_status status = ij_cl_check(clFlush(compute), "starting an update");
    const cl_mem home[2] = {s->moment1, s->moment2};
    if (!status)
        status = copy(o, o->room[room], home, ij_segment_bytes(s), updated, &o->home);
    clReleaseEvent(updated);
    return status;
}

ij_status ij_offload_update(ij_offload *o, ij_optimizer *optimizer, const ij_segment *segments, const int64_t *step,
                            int count, ij_adamw a)
{
    int i = next(step, 0, count), room = 0;
    if (i < count)
        TRY(bring(o, &segments[i], room));
    while (i < count) {
        int then = next(step, i + 1, count);
        if (then < count)
            TRY(bring(o, &segments[then], !room));
        a.step = step[i];
        TRY(update_in_room(o, optimizer, &segments[i], &a, room));
        i = then;
        room = !room;
    }
    return o->home ? ij_cl_check(clEnqueueBarrierWithWaitList(o->device->compute, 1, &o->home, NULL),
                                 "waiting for moments to be back")
                   : IJ_OK;
}
