/* What the trainer alone does with a snapshot: makes it from the parameter store, fills it. */
#ifndef IJ_SNAPSHOT_MEMORY_H
#define IJ_SNAPSHOT_MEMORY_H

#include "engine/params.h"
#include "engine/snapshot.h"

/* The parameters must outlive the snapshot. IJ_ENOMEM, also where the copy would take more than nine tenths of the memory
 * that the host has left. */
ij_status ij_snapshot_create(ij_snapshot **snapshot, const ij_params *params);

/* Enqueues the copies on the compute queue: they hold what the commands before leave behind. Nobody may be reading the
 * copy before. */
ij_status ij_snapshot_take(ij_snapshot *snapshot);

#endif
