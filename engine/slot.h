/* One of the two places that a training batch passes through on its way to the device. */
#ifndef IJ_SLOT_H
#define IJ_SLOT_H

#include "engine/base/batch.h"
#include "engine/batch_index.h"
#include "engine/memory.h"
#include "engine/trainer_config.h"

typedef struct ij_slot {
    ij_device *device;
    int most_images; /* that there are pixels of */
    size_t pixel_bytes;
    ij_batch batch; /* what the caller fills; pixels point into `pixels` or `staging` while that is mapped */
    ij_batch micro; /* room for the masks of a micro-batch, where it is not the batch that is computed at once */
    int parts;      /* micro-batches of this batch; most_parts at most */
    int most_parts;
    cl_mem pixels, ints;
    cl_mem staging;        /* pinned host memory, where the device has memory of its own */
    int32_t *host_ints;    /* the lists of all micro-batches, one after the other */
    ij_batch_index *index; /* of each micro-batch */
    cl_mem list[IJ_LISTS]; /* those of the micro-batch whose turn it is */
    cl_event uploaded;     /* the pixels are on the device */
    cl_event consumed;     /* the device has read the pixels, and has the lists */
} ij_slot;

/* Room for the masks on the host; announces the device's memory in `plan`. IJ_ENOMEM. */
ij_status ij_slot_plan(ij_slot *slot, ij_device *device, const ij_trainer_config *config, ij_plan *plan);
/* After the plan is committed: the views of the lists; maps the pixels. */
ij_status ij_slot_start(ij_slot *slot);
void ij_slot_destroy(ij_slot *slot); /* of {0} too */

/* Makes batch.pixels memory to be filled. */
ij_status ij_slot_map(ij_slot *slot);
/* Lists of all micro-batches from the batch's masks; `patches` is N. IJ_EINVAL as ij_batch_check. */
ij_status ij_slot_fill(ij_slot *slot, int patches);
/* Images of micro-batch `part`, and the first of them, counted from the first that there are pixels of. */
int ij_slot_images(const ij_slot *slot, int part);
int ij_slot_first(const ij_slot *slot, int part);

/* Hands the pixels to the device without waiting. */
ij_status ij_slot_upload(ij_slot *slot);
/* The same with the lists of a micro-batch. The compute queue takes them itself: the one before may still be reading
 * those they replace. */
ij_status ij_slot_upload_lists(ij_slot *slot, int part);

#endif
