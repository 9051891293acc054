#include "tools/bench/trace.h"

#include "tools/bench/workload.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEVICE = 1, HOST = 2 };                /* "processes" of the trace */
enum { COMPUTE = 1, TRANSFER = 2, IDLE = 3 }; /* rows of the device */

void ij_trace_start(ij_trace *t)
{
    memset(t, 0, sizeof *t);
    pthread_mutex_init(&t->mutex, NULL);
}

void ij_trace_free(ij_trace *t)
{
    pthread_mutex_destroy(&t->mutex);
    free(t->spans);
    memset(t, 0, sizeof *t);
}

void ij_trace_add(ij_trace *t, int thread, double start, double end, const char *format, ...)
{
    ij_trace_span span = {.thread = thread, .start = start, .end = end};
    va_list args;
    va_start(args, format);
    vsnprintf(span.what, sizeof span.what, format, args);
    va_end(args);
    pthread_mutex_lock(&t->mutex);
    if (t->count == t->capacity) {
        int capacity = t->capacity ? 2 * t->capacity : 256;
        ij_trace_span *longer = realloc(t->spans, (size_t)capacity * sizeof *longer);
        if (longer) {
            t->spans = longer;
            t->capacity = capacity;
        }
    }
    if (t->count < t->capacity)
        t->spans[t->count++] = span;
    pthread_mutex_unlock(&t->mutex);
}

void ij_trace_loader(void *trace, int worker, int item, bool begins)
{
    ij_trace *t = trace;
    if (worker >= IJ_TRACE_THREADS)
        return;
    if (begins)
        t->begun[worker] = ij_now();
    else if (item == 0)
        ij_trace_add(t, 1 + worker, t->begun[worker], ij_now(), "masks");
    else
        ij_trace_add(t, 1 + worker, t->begun[worker], ij_now(), "image %d", item - 1);
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

static void name_row(FILE *out, int process, int row, const char *what, const char *name)
{
    fprintf(out, "{\"ph\":\"M\",\"pid\":%d,\"tid\":%d,\"name\":\"%s\",\"args\":{\"name\":\"", process, row, what);
    for (; *name; name++)
        if (*name == '"' || *name == '\\')
            fprintf(out, "\\%c", *name);
        else if ((unsigned char)*name >= 32)
            fputc(*name, out);
    fputs("\"}},\n", out);
}

static void write_command(FILE *out, const ij_profile_entry *e, double difference, double origin)
{
    double start = 1e-3 * ((double)e->start - difference) - origin, length = 1e-3 * (double)(e->end - e->start);
    fprintf(out, "{\"ph\":\"X\",\"pid\":%d,\"tid\":%d,\"name\":\"%s\",\"ts\":%.3f,\"dur\":%.3f,\"args\":{", DEVICE,
            e->queue == IJ_QUEUE_TRANSFER ? TRANSFER : COMPUTE, e->kernel, start, length);
    fprintf(out, "\"shape\":\"%d x %d x %d\",\"waited_us\":%.1f", e->what.shape[0], e->what.shape[1], e->what.shape[2],
            1e-3 * (double)(e->start - e->queued));
    if (e->flops > 0 && length > 0)
        fprintf(out, ",\"gflops\":%.1f", 1e-3 * e->flops / length);
    if (e->bytes > 0 && length > 0)
        fprintf(out, ",\"gb_per_second\":%.2f", 1e-3 * e->bytes / length);
    fputs("}},\n", out);
}

/* Nested in the row of what keeps the device idle: that no images are there. */
static void write_gap(FILE *out, const char *what, long long step, double from, double to, double origin)
{
    if (to > from)
        fprintf(out, "{\"ph\":\"X\",\"pid\":%d,\"tid\":%d,\"name\":\"%s %lld\",\"ts\":%.3f,\"dur\":%.3f},\n", DEVICE,
                IDLE, what, step, 1e6 * from - origin, 1e6 * (to - from));
}

static void write_all(const ij_trace *t, const ij_trace_device *d, FILE *out)
{
    double difference = ij_clock_difference(d->entries, d->count), origin = 0.0; /* microseconds of the host's clock */
    int threads = 0;
    for (int i = 0; i < t->count; i++) {
        origin = i == 0 || 1e6 * t->spans[i].start < origin ? 1e6 * t->spans[i].start : origin;
        threads = t->spans[i].thread > threads ? t->spans[i].thread : threads;
    }
    fprintf(
        out,
        "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"idle_percent\":\"%.4f\",\"waited_for_images_percent\":\"%.4f\"},"
        "\"traceEvents\":[\n",
        100.0 * d->sum.idle / d->sum.of, 100.0 * d->sum.images / d->sum.of);
    name_row(out, DEVICE, 0, "process_name", d->name);
    name_row(out, DEVICE, COMPUTE, "thread_name", "compute");
    name_row(out, DEVICE, TRANSFER, "thread_name", "transfer");
    name_row(out, DEVICE, IDLE, "thread_name", "idle between steps");
    name_row(out, HOST, 0, "process_name", "host");
    name_row(out, HOST, 1, "thread_name", "training loop");
    for (int i = 0; i < threads; i++) {
        char name[IJ_TRACE_TEXT];
        snprintf(name, sizeof name, "decoding thread %d", i);
        name_row(out, HOST, 2 + i, "thread_name", name);
    }
    for (int i = 0; i < d->count; i++)
        write_command(out, &d->entries[i], difference, origin);
    for (int k = 0; k < d->steps; k++) {
        const ij_step_gap *g = &d->gaps[k];
        write_gap(out, "before step", (long long)(d->first + k), g->from, g->to, origin);
        write_gap(out, "no images for step", (long long)(d->first + k), g->images_from, g->images_to, origin);
    }
    for (int i = 0; i < t->count; i++) {
        const ij_trace_span *s = &t->spans[i];
        fprintf(out, "{\"ph\":\"X\",\"pid\":%d,\"tid\":%d,\"name\":\"%s\",\"ts\":%.3f,\"dur\":%.3f},\n", HOST,
                1 + s->thread, s->what, 1e6 * s->start - origin, 1e6 * (s->end - s->start));
    }
    /* JSON allows no comma after the last one. */
    fputs("{\"ph\":\"M\",\"pid\":1,\"tid\":0,\"name\":\"process_sort_index\",\"args\":{\"sort_index\":1}}\n]}\n", out);
}

ij_status ij_trace_write(const ij_trace *t, const ij_trace_device *device, const char *path)
{
    FILE *out = fopen(path, "w");
    if (!out)
        return ij_fail(IJ_EIO, "%s: %s", path, strerror(errno));
    write_all(t, device, out);
    bool good = !ferror(out);
    good = fclose(out) == 0 && good;
    return good ? IJ_OK : ij_fail(IJ_EIO, "%s: %s", path, strerror(errno));
}
