/* What a case of checkcl works with: random inputs, guarded device buffers, comparison. */
#include "tests/checkcl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ZONE = 4096 }; /* bytes of guard before and behind a buffer */

/* Signalling NaNs: a kernel that reads one and writes it back has made it quiet, where a quiet one would come through
 * arithmetic unchanged and hide the write. */
static const uint32_t guard = 0x7FA0DEADu, poison = 0x7FA00BADu;

void check_ok(check *c, ij_status status)
{
    if (status)
        fail_msg("%s: %s", c->shape, ij_error());
}

void check_shape(check *c, const char *format, ...)
{
    static const unsigned units[] = {1, 2, 5, 64};
    va_list args;
    va_start(args, format);
    vsnprintf(c->shape, sizeof c->shape, format, args);
    va_end(args);
    c->device->info.compute_units = units[check_draw(c, 0, 3)];
    size_t used = strlen(c->shape);
    snprintf(c->shape + used, sizeof c->shape - used, " on %u units", c->device->info.compute_units);
}

/* ---- Host memory ------------------------------------------------------------------------------------------------- */

void *check_host(check *c, size_t bytes)
{
    assert_true(c->block_count < CHECK_BLOCKS);
    void *block = calloc(1, bytes ? bytes : 1);
    assert_non_null(block);
    return c->blocks[c->block_count++] = block;
}

float *check_normals(check *c, size_t n, float mean, float std)
{
    float *x = check_host(c, n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = mean + std * ij_random_normal(&c->random);
    return x;
}

double *check_doubles(check *c, size_t n)
{
    return check_host(c, n * sizeof(double));
}

int check_draw(check *c, int low, int high)
{
    return low + (int)ij_random_below(&c->random, (uint32_t)(high - low + 1));
}

int32_t *check_distinct(check *c, int count, int below)
{
    int32_t *all = check_host(c, (size_t)below * sizeof *all);
    for (int i = 0; i < below; i++) {
        int j = check_draw(c, 0, i);
        all[i] = all[j];
        all[j] = i;
    }
    assert_true(count <= below);
    return all;
}

int32_t *check_numbers(check *c, int count, int below)
{
    int32_t *all = check_host(c, (size_t)count * sizeof *all);
    for (int i = 0; i < count; i++)
        all[i] = check_draw(c, 0, below - 1);
    return all;
}

/* ---- Device memory ----------------------------------------------------------------------------------------------- */

static void transferred(check *c, cl_int code)
{
    check_ok(c, ij_cl_check(code, "moving a test's memory"));
}

static void fill(void *to, size_t bytes, uint32_t pattern)
{
    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)to)[i] = (uint8_t)(pattern >> (i % 4 * 8));
}

static check_buffer *make(check *c, const void *data, size_t bytes)
{
    assert_true(c->buffer_count < CHECK_BUFFERS);
    check_buffer *b = &c->buffers[c->buffer_count++];
    cl_int code;
    cl_buffer_region region = {ZONE, bytes};
    size_t whole = ZONE + (bytes + 3) / 4 * 4 + ZONE;
    uint8_t *image = malloc(whole);
    assert_non_null(image);
    fill(image, whole, guard);
    if (data)
        memcpy(image + ZONE, data, bytes);
    else
        fill(image + ZONE, bytes, poison);
    b->bytes = bytes;
    b->whole = clCreateBuffer(c->device->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, whole, image, &code);
    free(image);
    transferred(c, code);
    b->view = clCreateSubBuffer(b->whole, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    transferred(c, code);
    return b;
}

cl_mem check_input(check *c, const void *data, size_t bytes)
{
    check_buffer *b = make(c, data, bytes);
    b->before = check_host(c, bytes);
    memcpy(b->before, data, bytes);
    return b->view;
}

cl_mem check_changing(check *c, const void *data, size_t bytes)
{
    return make(c, data, bytes)->view;
}

cl_mem check_output(check *c, size_t n)
{
    return make(c, NULL, n * sizeof(float))->view;
}

const float *check_read(check *c, cl_mem memory)
{
    int i = 0;
    while (i < c->buffer_count && c->buffers[i].view != memory)
        i++;
    assert_true(i < c->buffer_count);
    float *values = check_host(c, c->buffers[i].bytes);
    transferred(
        c, clEnqueueReadBuffer(c->device->compute, memory, CL_TRUE, 0, c->buffers[i].bytes, values, 0, NULL, NULL));
    return values;
}

bool check_poisoned(const float *x)
{
    return memcmp(x, &poison, sizeof poison) == 0;
}

/* ---- Comparison -------------------------------------------------------------------------------------------------- */

static void record(check *c, const char *what, double error, double tolerance)
{
    if (!(error <= c->worst)) {
        c->worst = error;
        snprintf(c->worst_at, sizeof c->worst_at, "%s, %s", what, c->shape);
    }
    if (!(error <= tolerance))
        fail_msg("%s: relative error of %s is %.3g where %.1g is possible", c->shape, what, error, tolerance);
}

void check_close(check *c, const char *what, const float *got, const double *want, size_t n, double tolerance)
{
    double difference = 0.0, norm = 0.0;
    for (size_t i = 0; i < n; i++) {
        difference += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        norm += want[i] * want[i];
    }
    record(c, what, norm > 0.0 ? sqrt(difference / norm) : sqrt(difference), tolerance);
}

void check_number(check *c, const char *what, double got, double want, double scale, double tolerance)
{
    record(c, what, fabs(got - want) / scale, tolerance);
}

/* ---- The end of a shape ------------------------------------------------------------------------------------------ */

static void inspect(check *c, int number)
{
    const check_buffer *b = &c->buffers[number];
    size_t padded = (b->bytes + 3) / 4 * 4, whole = ZONE + padded + ZONE;
    uint8_t *now = check_host(c, whole);
    transferred(c, clEnqueueReadBuffer(c->device->compute, b->whole, CL_TRUE, 0, whole, now, 0, NULL, NULL));
    for (size_t i = 0; i < whole; i++)
        if ((i < ZONE || i >= ZONE + b->bytes) && now[i] != (uint8_t)(guard >> (i % 4 * 8)))
            fail_msg("%s: a kernel wrote at byte %lld of buffer %d, which has %zu", c->shape, (long long)i - ZONE,
                     number, b->bytes);
    if (b->before && memcmp(now + ZONE, b->before, b->bytes) != 0)
        fail_msg("%s: a kernel changed its input, buffer %d", c->shape, number);
}

void check_end(check *c)
{
    transferred(c, clFinish(c->device->compute));
    for (int i = 0; i < c->buffer_count; i++)
        inspect(c, i);
    check_drop(c);
}

void check_drop(check *c)
{
    clFinish(c->device->compute);
    for (int i = 0; i < c->buffer_count; i++) {
        if (c->buffers[i].view)
            clReleaseMemObject(c->buffers[i].view);
        if (c->buffers[i].whole)
            clReleaseMemObject(c->buffers[i].whole);
    }
    for (int i = 0; i < c->block_count; i++)
        free(c->blocks[i]);
    memset(c->buffers, 0, sizeof c->buffers);
    c->buffer_count = c->block_count = 0;
}
