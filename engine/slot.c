#include "engine/slot.h"

#include "engine/base/try.h"
#include "engine/model.h"

#include <stdlib.h>

static int parts_of(int images, int micro)
{
    return (images + micro - 1) / micro;
}

/* Whether a batch is computed all at once, from its own lists. */
static bool is_whole(const ij_slot *s)
{
    return s->micro.images == s->batch.images;
}

static bool make_masks(ij_batch *b)
{
    size_t sequences = (size_t)b->contexts * (size_t)b->images;
    b->context = calloc(sequences * (size_t)b->context_capacity, sizeof(int32_t));
    b->context_offset = calloc(sequences + 1, sizeof(int32_t));
    b->target = calloc((size_t)b->targets * (size_t)b->images * (size_t)b->target_capacity, sizeof(int32_t));
    return b->context && b->context_offset && b->target;
}

ij_status ij_slot_plan(ij_slot *s, ij_device *device, const ij_trainer_config *c, ij_plan *plan)
{
    s->device = device;
    s->most_images = ij_most_share(c);
    s->pixel_bytes = (size_t)ij_most_share(c) * (size_t)c->model.crop * (size_t)c->model.crop * 3;
    s->batch = (ij_batch){.images = c->batch,
                          .crop = c->model.crop,
                          .contexts = c->contexts,
                          .targets = c->targets,
                          .context_capacity = c->context_capacity,
                          .target_capacity = c->target_capacity,
                          .most_context = ij_most_context(c),
                          .most_predictor = ij_most_predictor(c)};
    ij_trainer_config micro = ij_micro_config(c);
    s->most_parts = parts_of(ij_most_share(c), micro.batch);
    s->micro = s->batch;
    s->micro.images = micro.batch;
    s->micro.most_context = ij_most_context(&micro);
    s->micro.most_predictor = ij_most_predictor(&micro);
    bool room = make_masks(&s->batch) && (is_whole(s) || make_masks(&s->micro));
    s->index = calloc((size_t)s->most_parts, sizeof *s->index);
    if (!room || !s->index)
        return ij_fail(IJ_ENOMEM, "out of memory for a batch's masks");
    for (int i = 0; i < s->most_parts; i++)
        ij_batch_index_plan(&s->index[i], &s->micro);
    int ints = s->index->offset[IJ_LISTS];
    s->host_ints = calloc((size_t)s->most_parts, (size_t)ints * sizeof *s->host_ints);
    if (!s->host_ints)
        return ij_fail(IJ_ENOMEM, "out of memory for a batch's lists");
    bool unified = device->info.unified_memory;
    cl_mem_flags flags = CL_MEM_READ_WRITE | (unified ? CL_MEM_ALLOC_HOST_PTR : 0);
    TRY(ij_plan_add_as(plan, "batches", IJ_U8, (int64_t)s->pixel_bytes, flags, &s->pixels));
    if (!unified)
        TRY(ij_plan_add_host(plan, "batches (pinned)", IJ_U8, (int64_t)s->pixel_bytes, &s->staging));
    return ij_plan_add(plan, "batches", IJ_I32, ints, &s->ints);
}

ij_status ij_slot_map(ij_slot *s)
{
    cl_mem memory = s->staging ? s->staging : s->pixels;
    cl_int code;
    s->batch.pixels = clEnqueueMapBuffer(s->device->transfer, memory, CL_TRUE, CL_MAP_WRITE_INVALIDATE_REGION, 0,
                                         s->pixel_bytes, 0, NULL, ij_profile_transfer(s->device, "map", 0), &code);
    return ij_cl_check(code, "mapping a batch");
}

ij_status ij_slot_start(ij_slot *s)
{
    for (int i = 0; i < IJ_LISTS; i++) {
        cl_buffer_region region = {(size_t)s->index->offset[i] * sizeof(int32_t),
                                   (size_t)(s->index->offset[i + 1] - s->index->offset[i]) * sizeof(int32_t)};
        cl_int code;
        s->list[i] = clCreateSubBuffer(s->ints, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
        if (code != CL_SUCCESS) {
            s->list[i] = NULL;
            return ij_cl_check(code, "an index list");
        }
    }
    return ij_slot_map(s);
}

static void free_masks(ij_batch *b)
{
    free(b->context);
    free(b->context_offset);
    free(b->target);
}

void ij_slot_destroy(ij_slot *s)
{
    if (!s->device)
        return;
    if (s->batch.pixels)
        clEnqueueUnmapMemObject(s->device->transfer, s->staging ? s->staging : s->pixels, s->batch.pixels, 0, NULL,
                                NULL);
    clFinish(s->device->transfer);
    for (int i = 0; i < IJ_LISTS; i++)
        if (s->list[i])
            clReleaseMemObject(s->list[i]);
    ij_cl_forget(&s->uploaded);
    ij_cl_forget(&s->consumed);
    free_masks(&s->batch);
    if (!is_whole(s))
        free_masks(&s->micro);
    free(s->index);
    free(s->host_ints);
}

/* Unmapped where memory is shared, copied where it is not; the compute queue waits for that. */
ij_status ij_slot_upload(ij_slot *s)
{
    cl_command_queue queue = s->device->transfer;
    size_t bytes = s->pixel_bytes / (size_t)s->most_images * (size_t)ij_batch_own(&s->batch);
    ij_cl_forget(&s->uploaded);
    if (s->staging) {
        TRY(ij_cl_check(
            clEnqueueWriteBuffer(queue, s->pixels, CL_FALSE, 0, bytes, s->batch.pixels, 0, NULL, &s->uploaded),
            "uploading images"));
    } else {
        TRY(ij_cl_check(clEnqueueUnmapMemObject(queue, s->pixels, s->batch.pixels, 0, NULL, &s->uploaded),
                        "handing images over"));
        s->batch.pixels = NULL;
    }
    cl_event *profiled = ij_profile_transfer(s->device, s->staging ? "write images" : "unmap", s->staging ? bytes : 0);
    if (profiled && !clRetainEvent(s->uploaded))
        *profiled = s->uploaded;
    TRY(ij_cl_check(clFlush(queue), "uploading a batch"));
    return ij_cl_check(clEnqueueBarrierWithWaitList(s->device->compute, 1, &s->uploaded, NULL), "waiting for a batch");
}

/* ---- Micro-batches ----------------------------------------------------------------------------------------------- */

int ij_slot_first(const ij_slot *s, int part)
{
    return part * s->micro.images;
}

int ij_slot_images(const ij_slot *s, int part)
{
    int left = ij_batch_own(&s->batch) - ij_slot_first(s, part);
    return left < s->micro.images ? left : s->micro.images;
}

static int32_t *ints_of(const ij_slot *s, int part)
{
    return s->host_ints + (size_t)part * (size_t)s->index->offset[IJ_LISTS];
}

ij_status ij_slot_fill(ij_slot *s, int patches)
{
    s->parts = parts_of(ij_batch_own(&s->batch), s->micro.images);
    if (is_whole(s))
        return ij_batch_index_fill(s->index, &s->batch, patches, s->host_ints);
    TRY(ij_batch_check(&s->batch, patches));
    for (int i = 0; i < s->parts; i++) {
        ij_batch part = s->micro;
        part.images = ij_slot_images(s, i);
        ij_batch_part(&s->batch, s->batch.first + ij_slot_first(s, i), &part);
        TRY(ij_batch_index_fill(&s->index[i], &part, patches, ints_of(s, i)));
    }
    return IJ_OK;
}

ij_status ij_slot_upload_lists(ij_slot *s, int part)
{
    size_t bytes = (size_t)s->index->offset[IJ_LISTS] * sizeof(int32_t);
    return ij_cl_check(clEnqueueWriteBuffer(s->device->compute, s->ints, CL_FALSE, 0, bytes, ints_of(s, part), 0, NULL,
                                            ij_profile_transfer(s->device, "write masks", bytes)),
                       "uploading masks");
}
