#include "engine/memory.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct entry {
    const char *group;
    ij_dtype type;
    uint64_t count; /* elements */
    cl_mem_flags flags;
    bool host; /* in the host's memory: not of the device's */
    int of;    /* the entry whose buffer this is too; -1: none, it has one */
    cl_mem *where;
    cl_mem made;
} entry;

struct ij_plan {
    entry *entries;
    int count, capacity;
    ij_device *device; /* since it was committed; NULL before */
    uint64_t limit;    /* 0: none */
};

/* Of a buffer of its own; OpenCL makes none of no bytes. */
static uint64_t bytes_of(const entry *e)
{
    if (e->of >= 0)
        return 0;
    uint64_t bytes = ij_dtype_size(e->type, (size_t)e->count);
    return bytes < 4 ? 4 : bytes;
}

ij_status ij_plan_create(ij_plan **plan)
{
    *plan = calloc(1, sizeof **plan);
    return *plan ? IJ_OK : ij_fail(IJ_ENOMEM, "out of memory for the memory plan");
}

void ij_plan_destroy(ij_plan *plan)
{
    if (!plan)
        return;
    for (int i = 0; i < plan->count; i++)
        if (plan->entries[i].made)
            clReleaseMemObject(plan->entries[i].made);
    if (plan->device)
        plan->device->planned -= ij_plan_bytes(plan);
    free(plan->entries);
    free(plan);
}

static ij_status add(ij_plan *plan, entry new)
{
    if (plan->count == plan->capacity) {
        int capacity = plan->capacity ? 2 * plan->capacity : 64;
        entry *longer = realloc(plan->entries, (size_t)capacity * sizeof *longer);
        if (!longer)
            return ij_fail(IJ_ENOMEM, "out of memory for the memory plan");
        plan->entries = longer;
        plan->capacity = capacity;
    }
    *new.where = NULL;
    plan->entries[plan->count++] = new;
    return IJ_OK;
}

ij_status ij_plan_add_as(ij_plan *plan, const char *group, ij_dtype type, int64_t count, cl_mem_flags flags,
                         cl_mem *where)
{
    return add(plan, (entry){group, type, (uint64_t)count, flags, .of = -1, .where = where});
}

ij_status ij_plan_add(ij_plan *plan, const char *group, ij_dtype type, int64_t count, cl_mem *where)
{
    return ij_plan_add_as(plan, group, type, count, CL_MEM_READ_WRITE, where);
}

ij_status ij_plan_add_host(ij_plan *plan, const char *group, ij_dtype type, int64_t count, cl_mem *where)
{
    cl_mem_flags flags = CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR;
    return add(plan, (entry){group, type, (uint64_t)count, flags, .host = true, .of = -1, .where = where});
}

/* The entry that a buffer comes from; -1 where nobody announced it. */
static int find(const ij_plan *plan, const cl_mem *where)
{
    int i = plan->count - 1;
    while (i >= 0 && plan->entries[i].where != where)
        i--;
    return i >= 0 && plan->entries[i].of >= 0 ? plan->entries[i].of : i;
}

ij_status ij_plan_need(ij_plan *plan, const cl_mem *where, ij_dtype type, int64_t count)
{
    int i = find(plan, where);
    if (i < 0)
        return ij_fail(IJ_EINVAL, "the memory plan has no such buffer");
    entry *e = &plan->entries[i];
    size_t element = ij_dtype_size(e->type, 1);
    uint64_t need = (ij_dtype_size(type, (size_t)count) + element - 1) / element;
    e->count = need > e->count ? need : e->count;
    return IJ_OK;
}

ij_status ij_plan_alias(ij_plan *plan, const cl_mem *of, ij_dtype type, int64_t count, cl_mem *where)
{
    ij_status status = ij_plan_need(plan, of, type, count);
    if (status)
        return status;
    int i = find(plan, of);
    return add(plan, (entry){plan->entries[i].group, type, (uint64_t)count, .of = i, .where = where});
}

void ij_plan_limit(ij_plan *plan, uint64_t bytes)
{
    plan->limit = bytes;
}

uint64_t ij_plan_bytes(const ij_plan *plan)
{
    uint64_t sum = 0;
    for (int i = 0; i < plan->count; i++)
        sum += plan->entries[i].host ? 0 : bytes_of(&plan->entries[i]);
    return sum;
}

/* Writes the plan by groups, in the order of their first entries, into `text`. */
static void tabulate(const ij_plan *plan, char *text, size_t size)
{
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < plan->count; i++) {
        const char *group = plan->entries[i].group;
        int first = 0, buffers = 0, handed = 0;
        while (strcmp(plan->entries[first].group, group) != 0)
            first++;
        if (first < i)
            continue;
        uint64_t bytes = 0;
        for (int j = i; j < plan->count; j++)
            if (strcmp(plan->entries[j].group, group) == 0) {
                bytes += bytes_of(&plan->entries[j]);
                handed += plan->entries[j].of >= 0;
                buffers += plan->entries[j].of < 0;
            }
        char also[40] = "";
        if (handed)
            snprintf(also, sizeof also, ", for %d uses", buffers + handed);
        int n = snprintf(text + used, size - used, "  %-24s %10.1f MiB in %d%s%s\n", group, (double)bytes / 1048576.0,
                         buffers, plan->entries[i].host ? ", not on the device" : "", also);
        if (n < 0 || (size_t)n >= size - used)
            return;
        used += (size_t)n;
    }
    snprintf(text + used, size - used, "  %-24s %10.1f MiB\n", "sum", (double)ij_plan_bytes(plan) / 1048576.0);
}

void ij_plan_print(const ij_plan *plan, FILE *out)
{
    char text[4096];
    tabulate(plan, text, sizeof text);
    fputs(text, out);
    const ij_device_info *d = plan->device ? &plan->device->info : NULL;
    if (d && ij_plan_bytes(plan) > d->global_bytes)
        fprintf(out, "  this is more than the %.1f MiB that %s says it has; it shares the host's memory, and gave it\n",
                (double)d->global_bytes / 1048576.0, d->name);
}

bool ij_plan_fits(const ij_plan *plan, const ij_device *device, double share)
{
    bool fits = (double)(ij_plan_bytes(plan) + device->planned) <= share * (double)device->info.global_bytes;
    for (int i = 0; i < plan->count; i++)
        fits = fits && bytes_of(&plan->entries[i]) <= device->info.max_alloc_bytes;
    return fits;
}

/* A GPU that shares the host's memory may give more than it says it has: drivers for AMD's APUs tell of 256 MiB that
 * are set aside for it. What the host has is the bound then, and the allocation decides. */
static uint64_t most_bytes(const ij_device_info *d)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t host = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
    return d->type == IJ_DEVICE_GPU && d->unified_memory && host > d->global_bytes ? host : d->global_bytes;
}

static ij_status check_fit(const ij_plan *plan, const ij_device *device)
{
    const ij_device_info *d = &device->info;
    bool generous = most_bytes(d) > d->global_bytes;
    char text[4096], taken[64] = "";
    uint64_t sum = ij_plan_bytes(plan);
    if (plan->limit && sum > plan->limit) {
        tabulate(plan, text, sizeof text);
        return ij_fail(
            IJ_ENOMEM,
            "this needs %.1f MiB on the device, and may take %.1f MiB:\n%sUse a smaller micro_batch or batch_size, "
            "crop_size or model, or allow more.",
            (double)sum / 1048576.0, (double)plan->limit / 1048576.0, text);
    }
    if (sum + device->planned > most_bytes(d)) {
        tabulate(plan, text, sizeof text);
        if (device->planned)
            snprintf(taken, sizeof taken, ", %.1f MiB of them in use", (double)device->planned / 1048576.0);
        return ij_fail(
            IJ_ENOMEM,
            "this needs %.1f MiB on the device, and %s has %.1f MiB%s:\n%sUse a smaller micro_batch or batch_size, "
            "crop_size or model, or a device with more memory.",
            (double)sum / 1048576.0, d->name, (double)most_bytes(d) / 1048576.0, taken, text);
    }
    for (int i = 0; i < plan->count; i++)
        if (bytes_of(&plan->entries[i]) > d->max_alloc_bytes && !generous)
            return ij_fail(IJ_ENOMEM,
                           "the memory plan has a buffer (%s) of %.1f MiB, and %s gives at most %.1f MiB at once: use "
                           "a smaller micro_batch or batch_size, crop_size or model.",
                           plan->entries[i].group, (double)bytes_of(&plan->entries[i]) / 1048576.0, d->name,
                           (double)d->max_alloc_bytes / 1048576.0);
    return IJ_OK;
}

ij_status ij_plan_commit(ij_plan *plan, ij_device *device)
{
    ij_status status = check_fit(plan, device);
    if (!status) {
        plan->device = device;
        device->planned += ij_plan_bytes(plan);
    }
    for (int i = 0; i < plan->count && !status; i++) {
        entry *e = &plan->entries[i];
        if (e->of >= 0) {
            *e->where = plan->entries[e->of].made;
            continue;
        }
        cl_int code;
        e->made = clCreateBuffer(device->context, e->flags, bytes_of(e), NULL, &code);
        if (code != CL_SUCCESS) {
            e->made = NULL;
            status = ij_cl_check(code, "making a buffer");
            return ij_fail_in(status, "%s (%.1f MiB): ", e->group, (double)bytes_of(e) / 1048576.0);
        }
        *e->where = e->made;
        cl_int zero = 0;
        code = clEnqueueFillBuffer(device->compute, e->made, &zero, sizeof zero, 0, bytes_of(e) / 4 * 4, 0, NULL, NULL);
        status = ij_cl_check(code, "clearing a buffer");
    }
    return status ? status : ij_cl_check(clFinish(device->compute), "clearing the buffers");
}
