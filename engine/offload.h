/* AdamW's moments in the host's memory: they come to the device for their segment's update and go back after it, while
 * the segment before is updated and the one behind is on its way. Where the device shares the host's memory nothing is
 * copied: the optimiser finds them where they are. */
#ifndef IJ_OFFLOAD_H
#define IJ_OFFLOAD_H

#include "engine/memory.h"
#include "engine/ops/optimizer.h"

enum { IJ_OFFLOAD_ROOMS = 2 };

typedef struct ij_offload {
    ij_device *device;
    cl_mem room[IJ_OFFLOAD_ROOMS][2]; /* on the device, of the largest segment's moments; none where memory is shared */
    cl_event arrived[IJ_OFFLOAD_ROOMS];
    cl_event home; /* the last moments are back */
} ij_offload;

/* The rooms, for segments whose moments are in the host's memory. */
ij_status ij_offload_plan(ij_offload *o, ij_device *device, const ij_segment *segments, int count, ij_plan *plan);
void ij_offload_destroy(ij_offload *o);

/* Updates segments[i] with `a` and step[i], where that is above 0. Commands that the compute queue takes afterwards
 * find the moments at home. */
ij_status ij_offload_update(ij_offload *o, ij_optimizer *optimizer, const ij_segment *segments, const int64_t *step,
                            int count, ij_adamw a);

#endif
