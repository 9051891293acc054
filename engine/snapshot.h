/* A copy of everything that training changes (weights, target encoder, both moments) in host memory, taken between two
 * steps: the device copies, then computes on, while any thread reads the copy. Made and taken by the trainer. */
#ifndef IJ_SNAPSHOT_H
#define IJ_SNAPSHOT_H

#include "engine/base/error.h"
#include "engine/store.h"

#include <stdint.h>

typedef struct ij_snapshot ij_snapshot;
void ij_snapshot_destroy(ij_snapshot *snapshot); /* NULL is fine */

/* Host memory it takes. */
uint64_t ij_snapshot_bytes(const ij_snapshot *snapshot);

/* Waits until the copy that was taken last is there. */
ij_status ij_snapshot_wait(ij_snapshot *snapshot);

/* How long the device copied, in seconds, after ij_snapshot_wait: training is held up by no more. */
double ij_snapshot_seconds(const ij_snapshot *snapshot);

/* Whoever reads parts of the copy is refused from now on, until the next one is taken; any thread may ask for it. */
void ij_snapshot_give_up(ij_snapshot *snapshot);

/* The next part of a tensor of the copy, by the trainer's number, in the official order, after ij_snapshot_wait; any
 * thread may. `from`: its elements read so far; *count elements come to `values`, which has room for the tensor. Parts
 * are small, so that what is made of them stays in the cache. There are no gradients in the copy, and of the target
 * encoder only weights: IJ_EINVAL. */
ij_status ij_snapshot_read_part(const ij_snapshot *snapshot, int index, ij_store store, int64_t from, float *values,
                                int64_t *count);

#endif
