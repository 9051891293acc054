/* What a run tells TensorBoard: the log's columns as scalars; as pictures the first batch's masks and, now and then,
 * the features of some images. */
#ifndef IJ_FRONTEND_RUN_EVENTS_H
#define IJ_FRONTEND_RUN_EVENTS_H

#include "engine/base/batch.h"
#include "frontend/event_file.h"
#include "frontend/feature_watch.h"
#include "frontend/step_log.h"

/* Zero: nobody asked for events, and nothing is done below. */
typedef struct ij_run_events {
    ij_event_file file;
    ij_feature_watch *watch; /* own; NULL: no pictures of features */
} ij_run_events;

void ij_run_events_close(ij_run_events *events);

/* What step k measured. IJ_EIO. */
ij_status ij_run_events_step(ij_run_events *events, int64_t k, const ij_step_record *record);
/* The crops and masks of step k's batch, with side x side patches a crop. Nothing without libpng. IJ_EIO, IJ_ENOMEM. */
ij_status ij_run_events_masks(ij_run_events *events, int64_t k, const ij_batch *batch, int side);
/* What the target encoder after step k makes of the images that are watched; waits for the device. IJ_EIO, IJ_ENOMEM,
 * IJ_EDEVICE. */
ij_status ij_run_events_features(ij_run_events *events, int64_t k);

#endif
