#include "engine/snapshot.h"

#include "engine/base/host_memory.h"
#include "engine/base/try.h"
#include "engine/snapshot_memory.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* The copies of a segment of the parameter store. */
enum { WEIGHT, TARGET, MOMENT1, MOMENT2, COPIES };
static const struct {
    ij_store store;
    bool target;
} copies[COPIES] = {
    {IJ_STORE_WEIGHT, false}, {IJ_STORE_WEIGHT, true}, {IJ_STORE_MOMENT1, false}, {IJ_STORE_MOMENT2, false}};

struct ij_snapshot {
    const ij_params *params;
    unsigned char *memory;
    uint64_t bytes;
    void *(*at)[COPIES]; /* [segments] into memory; NULL: the segment has no such copy */
    cl_event *copied;    /* [events] one for each copy that was taken last */
    int events;
    atomic_bool given_up;
};

/* Places every copy in memory; with memory NULL only counts. */
static void place(ij_snapshot *s)
{
    s->bytes = 0;
    for (int i = 0; i < s->params->segment_count; i++)
        for (int k = 0; k < COPIES; k++) {
            bool there = ij_params_memory(s->params, i, copies[k].store, copies[k].target) != NULL;
            s->at[i][k] = there && s->memory ? s->memory + s->bytes : NULL;
            s->bytes += there ? ij_segment_bytes(&s->params->segments[i]) : 0;
        }
}

ij_status ij_snapshot_create(ij_snapshot **snapshot, const ij_params *params)
{
    *snapshot = NULL;
    size_t segments = (size_t)params->segment_count;
    ij_snapshot *s = calloc(1, sizeof *s);
    if (!s)
        return ij_fail(IJ_ENOMEM, "out of memory for a copy of the training's state");
    s->params = params;
    s->at = calloc(segments, sizeof *s->at);
    s->copied = calloc(segments * COPIES, sizeof *s->copied);
    uint64_t free_bytes = ij_host_memory_free();
    if (s->at && s->copied) {
        place(s);
        if (s->bytes <= free_bytes / 10 * 9) /* the rest of the program, and other programs, live on */
            s->memory = malloc(s->bytes);
    }
    if (!s->memory) {
        ij_fail(IJ_ENOMEM, "out of host memory: a copy of the training's state takes %.1f MiB, and %.1f MiB are free",
                (double)s->bytes / 0x1p20, (double)free_bytes / 0x1p20);
        ij_snapshot_destroy(s);
        return IJ_ENOMEM;
    }
    /* Touched now: memory that is promised and not there shows at the start, not at the first checkpoint. */
    memset(s->memory, 0, s->bytes);
    place(s);
    *snapshot = s;
    return IJ_OK;
}

/* Until nothing writes into the memory any more. All of the copies: one that failed in the middle would leave what was
 * there before. */
static cl_int wait(const ij_snapshot *s)
{
    cl_int code = CL_SUCCESS;
    for (int i = 0; i < s->events; i++) {
        cl_int this_one = ij_pace_wait(s->params->device, s->copied[i]);
        code = code == CL_SUCCESS ? this_one : code;
    }
    return code;
}

static cl_int forget(ij_snapshot *s)
{
    cl_int code = wait(s);
    while (s->events)
        clReleaseEvent(s->copied[--s->events]);
    return code;
}

void ij_snapshot_destroy(ij_snapshot *s)
{
    if (!s)
        return;
    forget(s);
    free(s->memory);
    free(s->copied);
    free(s->at);
    free(s);
}

uint64_t ij_snapshot_bytes(const ij_snapshot *s)
{
    return s->bytes;
}

static ij_status enqueue(ij_snapshot *s, int segment, int copy)
{
    ij_device *device = s->params->device;
    size_t bytes = ij_segment_bytes(&s->params->segments[segment]);
    cl_mem from = ij_params_memory(s->params, segment, copies[copy].store, copies[copy].target);
    cl_event copied;
    TRY(ij_cl_check(
        clEnqueueReadBuffer(device->compute, from, CL_FALSE, 0, bytes, s->at[segment][copy], 0, NULL, &copied),
        "copying the training's state"));
    ij_launch_record *record = ij_profile_record(device, "copy state");
    if (record && !clRetainEvent(copied)) {
        record->event = copied;
        record->bytes = (double)bytes;
    }
    s->copied[s->events++] = copied;
    return IJ_OK;
}

ij_status ij_snapshot_take(ij_snapshot *s)
{
    forget(s);
    atomic_store(&s->given_up, false);
    for (int i = 0; i < s->params->segment_count; i++)
        for (int k = 0; k < COPIES; k++)
            if (s->at[i][k])
                TRY(enqueue(s, i, k));
    return ij_cl_check(clFlush(s->params->device->compute), "copying the training's state");
}

ij_status ij_snapshot_wait(ij_snapshot *s)
{
    if (!s->events)
        return ij_fail(IJ_EINVAL, "no copy of the training's state was taken");
    return ij_cl_check(wait(s), "waiting for a copy of the training's state");
}

double ij_snapshot_seconds(const ij_snapshot *s)
{
    cl_ulong start = 0, end = 0;
    if (!s->events || clGetEventProfilingInfo(s->copied[0], CL_PROFILING_COMMAND_START, sizeof start, &start, NULL) ||
        clGetEventProfilingInfo(s->copied[s->events - 1], CL_PROFILING_COMMAND_END, sizeof end, &end, NULL))
        return 0.0;
    return (double)(end - start) * 1e-9;
}

void ij_snapshot_give_up(ij_snapshot *s)
{
    atomic_store(&s->given_up, true);
}

ij_status ij_snapshot_read_part(const ij_snapshot *s, int index, ij_store store, int64_t from, float *values,
                                int64_t *count)
{
    if (atomic_load(&s->given_up))
        return ij_fail(IJ_EINVAL, "the writing of a checkpoint was given up");
    int trained = s->params->count;
    bool target = index >= trained;
    const ij_tensor *t = &s->params->tensors[index % trained];
    for (int k = 0; k < COPIES; k++)
        if (copies[k].store == store && copies[k].target == target && s->at[t->segment][k]) {
            *count = ij_params_unpack_part(s->params, index % trained, s->at[t->segment][k], from, values);
            return IJ_OK;
        }
    return ij_fail(IJ_EINVAL, "%s has no such copy", t->name);
}
