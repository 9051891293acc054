/* The gradients of a trainer's share become those of the whole batch: segment by segment, while the backward pass is
 * still at work on the next, they come to the host, are added up over all ranks and return. Nothing here waits but for
 * what was begun two steps before. */
#ifndef IJ_EXCHANGE_H
#define IJ_EXCHANGE_H

#include "engine/memory.h"
#include "engine/params.h"
#include "engine/ranks/ranks.h"

#include <stdatomic.h>

typedef struct ij_exchange ij_exchange;

/* One segment's way, of one of two steps. */
typedef struct ij_parcel {
    ij_rank_job job;
    ij_exchange *exchange;
    int segment;
    cl_event read;  /* the gradient is in the host's memory */
    cl_event added; /* a user event: so is the sum */
    cl_event back;  /* the sum is on the device */
    bool on_way;
    bool last; /* of its step */
} ij_parcel;

struct ij_exchange {
    ij_device *device;
    ij_ranks *ranks;        /* NULL: there is nobody to exchange with, and all of this is unused */
    cl_command_queue queue; /* in order, beside the device's two: a queue that waits for other ranks holds up nothing */
    const ij_params *params;
    const ij_segment *segments; /* the parameters' */
    int count;
    cl_mem staging; /* pinned; of all segments one after the other */
    float *floats;  /* it, mapped */
    size_t *offset; /* [count] */
    /* Of ranks whose devices keep weights in different orders: the same gradients in the official order, which are
     * added up instead; NULL: all have one order. */
    float *official;
    size_t *official_offset; /* [count] */
    ij_parcel *parcels[2];   /* [count] of step k at k % 2 */
    int *order;              /* segments of this step as they were sent */
    int sent, returned;
    int parity;
    /* the ranks' thread's */
    int underway;             /* parcels that came to the host and are not added up */
    bool last_seen;           /* the last one of the step is among them, or was */
    double added_last;        /* when all of a step were added up */
    _Atomic int callbacks;    /* that the driver has not made yet */
    _Atomic double last_came; /* when the last one of a step came to the host, as the driver tells */
    _Atomic double exposed;   /* seconds so far in which a backward pass was over and its gradients not added up */
    _Atomic double busy;      /* seconds so far from then to the end of the next backward pass */
    _Atomic int64_t steps;    /* of which that was measured */
};

/* The pinned memory, for all segments of `params`, which must stay. */
ij_status ij_exchange_plan(ij_exchange *e, ij_device *device, ij_ranks *ranks, const ij_params *params, ij_plan *plan);
/* After the plan is committed. */
ij_status ij_exchange_start(ij_exchange *e);
/* Before the first step, on all ranks or on none: gradients are added up in the official order. */
ij_status ij_exchange_officially(ij_exchange *e);
void ij_exchange_destroy(ij_exchange *e); /* of {0} too */

/* Begins step k, of which `last` is the segment that will be sent last. */
void ij_exchange_begin(ij_exchange *e, int64_t k, int last);
/* The compute queue has a segment's gradient when it comes to this point: from here it goes its way. */
ij_status ij_exchange_send(ij_exchange *e, int segment);
/* What the compute queue takes afterwards finds the sum of a segment that was sent. */
ij_status ij_exchange_receive(ij_exchange *e, int segment);

#endif
