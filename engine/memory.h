/* The memory plan: every device buffer is announced first, then all are made at once, or none. */
#ifndef IJ_MEMORY_H
#define IJ_MEMORY_H

#include "engine/base/dtype.h"
#include "engine/opencl.h"

#include <stdbool.h>
#include <stdio.h>

typedef struct ij_plan ij_plan;

ij_status ij_plan_create(ij_plan **plan);
/* Releases the plan and every buffer it made. */
void ij_plan_destroy(ij_plan *plan);

/* Announces a buffer of `count` elements, which ij_plan_commit will put into *where. `group` is a string literal: what
 * the printed plan calls it. */
ij_status ij_plan_add(ij_plan *plan, const char *group, ij_dtype type, int64_t count, cl_mem *where);

/* The same with other flags than CL_MEM_READ_WRITE. */
ij_status ij_plan_add_as(ij_plan *plan, const char *group, ij_dtype type, int64_t count, cl_mem_flags flags,
                         cl_mem *where);

/* The same of a buffer in the host's memory that the device can reach; it does not count as the device's. */
ij_status ij_plan_add_host(ij_plan *plan, const char *group, ij_dtype type, int64_t count, cl_mem *where);

/* A buffer that was announced for *where is to have room for so many elements at least. */
ij_status ij_plan_need(ij_plan *plan, const cl_mem *where, ij_dtype type, int64_t count);

/* Announces that *where is the buffer announced for *of, which is handed on: used for something else at another time,
 * for which it is to have room for so many elements. */
ij_status ij_plan_alias(ij_plan *plan, const cl_mem *of, ij_dtype type, int64_t count, cl_mem *where);

/* Makes all buffers, zeroed. IJ_ENOMEM, before anything is made, where one exceeds the device's largest allocation or
 * the sum, with what other plans made on it, its memory: the message holds the plan and what to make smaller. Of a GPU
 * that shares the host's memory, which may give more than it says it has, the host's memory is the limit of both, and
 * the plan, printed, says where it is more. The device must outlive the plan. */
ij_status ij_plan_commit(ij_plan *plan, ij_device *device);

/* Whether all buffers fit a device, with what other plans made on it in `share` of its memory: what ij_plan_commit
 * would refuse with share 1. */
bool ij_plan_fits(const ij_plan *plan, const ij_device *device, double share);

/* Bytes that the plan may have at most, whatever the device has; 0: no limit. Before it is committed. */
void ij_plan_limit(ij_plan *plan, uint64_t bytes);
uint64_t ij_plan_bytes(const ij_plan *plan);
void ij_plan_print(const ij_plan *plan, FILE *out);

#endif
