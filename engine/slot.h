/* One of the two places that a training batch passes through on its way to the device. */
#ifndef IJ_SLOT_H
#define IJ_SLOT_H

#include "engine/base/batch.h"
#include "engine/batch_index.h"
#include "engine/memory.h"
#include "engine/trainer_config.h"

typedef struct ij_slot {
    ij_device *device;
    size_t pixel_bytes;
    ij_batch batch; /* what the caller fills; pixels point into `pixels` or `staging` while that is mapped */
    cl_mem pixels, ints;
    cl_mem staging; /* pinned host memory, where the device has memory of its own */
    int32_t *host_ints;
    ij_batch_index index;
    cl_mem list[IJ_LISTS];
    cl_event uploaded; /* the pixels are on the device */
    cl_event consumed; /* the device has read the pixels, and has the lists */
} ij_slot;

/* Room for the masks on the host; announces the device's memory in `plan`. IJ_ENOMEM. */
ij_status ij_slot_plan(ij_slot *slot, ij_device *device, const ij_trainer_config *config, ij_plan *plan);
/* After the plan is committed: the views of the lists; maps the pixels. */
ij_status ij_slot_start(ij_slot *slot);
void ij_slot_destroy(ij_slot *slot); /* of {0} too */

/* Makes batch.pixels memory to be filled. */
ij_status ij_slot_map(ij_slot *slot);
/* Hands pixels and lists (host_ints) to the device without waiting. The compute queue takes the lists itself: the step
 * before last may still be reading those they replace. */
ij_status ij_slot_upload(ij_slot *slot);

#endif
