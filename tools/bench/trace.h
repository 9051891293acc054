/* A trace of what host and device did when, in the Chrome trace format that Perfetto and about:tracing show. */
#ifndef IJ_BENCH_TRACE_H
#define IJ_BENCH_TRACE_H

#include "engine/profile.h"
#include "tools/bench/waits.h"

#include <pthread.h>
#include <stdbool.h>

enum { IJ_TRACE_TEXT = 48, IJ_TRACE_THREADS = 256 };

/* Something that the host did, in seconds as ij_now counts. thread 0: the training loop; 1 + i: decoding thread i. */
typedef struct ij_trace_span {
    int thread;
    char what[IJ_TRACE_TEXT];
    double start, end;
} ij_trace_span;

/* Zeroed but for the mutex is empty. Spans may come from several threads. */
typedef struct ij_trace {
    pthread_mutex_t mutex;
    ij_trace_span *spans; /* own */
    int count, capacity;
    double begun[IJ_TRACE_THREADS]; /* when a decoding thread began its item */
} ij_trace;

void ij_trace_start(ij_trace *trace);
void ij_trace_free(ij_trace *trace);

/* Adds a span; where memory is short it is left out. */
void ij_trace_add(ij_trace *trace, int thread, double start, double end, const char *format, ...) IJ_PRINTF(5, 6);
/* As ij_loader_config.watch, with the trace as the watcher. */
void ij_trace_loader(void *trace, int worker, int item, bool begins);

/* What the device did: its commands, and the gaps between steps first .. first + steps - 1. */
typedef struct ij_trace_device {
    const char *name;
    const ij_profile_entry *entries;
    int count;
    const ij_step_gap *gaps;
    int64_t first;
    int steps;
    ij_gap_sum sum;
} ij_trace_device;

/* Writes spans and device events to `path`. IJ_EIO. */
ij_status ij_trace_write(const ij_trace *trace, const ij_trace_device *device, const char *path);

#endif
