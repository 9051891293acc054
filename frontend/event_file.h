/* A TensorBoard event file: scalars and pictures by step, as TensorBoard's own reader takes them. The framing is
 * TensorFlow's record format, the content the protocol buffers Event, Summary and SessionLog (tensorflow/core/util/
 * event.proto, framework/summary.proto), of which the few fields needed are written by hand.
 *
 * A run that goes on begins a new file beside the others. It opens with a SessionLog START of the step that it goes on
 * from, at which readers drop what earlier files hold from there on: no step is shown twice. */
#ifndef IJ_FRONTEND_EVENT_FILE_H
#define IJ_FRONTEND_EVENT_FILE_H

#include "engine/base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct ij_event_file {
    FILE *file;      /* NULL: none is open, and writing does nothing */
    char path[4096]; /* {folder}/events.out.tfevents.{seconds}.{tag} */
} ij_event_file;

typedef struct ij_event_scalar {
    const char *tag; /* "loss"; TensorBoard groups by what is before a slash */
    double value;    /* NaN: left out */
} ij_event_scalar;

/* Begins a file for what comes from `step` on. IJ_EIO. */
ij_status ij_event_file_open(ij_event_file *events, const char *folder, const char *tag, int64_t step);

/* What was measured at a step, written at once. IJ_EIO. */
ij_status ij_event_file_scalars(ij_event_file *events, int64_t step, const ij_event_scalar *scalars, int count);

/* A PNG of width x height pixels. IJ_EIO, IJ_ENOMEM. */
ij_status ij_event_file_picture(ij_event_file *events, int64_t step, const char *tag, const uint8_t *png, size_t size,
                                int width, int height);

void ij_event_file_close(ij_event_file *events);

#endif
