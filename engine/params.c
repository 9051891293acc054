#include "engine/params.h"

#include "engine/base/try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 1024 /* elements; a multiple of every device's sub-buffer alignment */

/* ---- The list of tensors, in the official order ----------------------------------------------------------------- */

static void list_tensor(ij_params *p, const ij_layer *l, int which, int segment)
{
    ij_layer_tensor is = ij_layer_tensor_at(l, which);
    ij_tensor *t = &p->tensors[p->count++];
    bool matrix = l->kind == IJ_LAYER_LINEAR && !is.bias;
    *t = (ij_tensor){.dims = is.dims,
                     .rows = matrix ? l->out : 1,
                     .columns = matrix ? l->in : l->out,
                     .layout = matrix ? ij_gemm_layout(p->gemm) : IJ_LAYOUT_NONE,
                     .decay = is.decay,
                     .segment = segment,
                     .type = IJ_F32};
    snprintf(t->name, sizeof t->name, "%s.%s", ij_network_name(l->network), is.name);
    memcpy(t->shape, is.shape, sizeof t->shape);
    t->count = matrix ? ij_gemm_weight_floats(p->gemm, l->out, l->in) : (size_t)l->out;
}

/* Its segments follow those of the network before it. */
static ij_status list_network(ij_params *p, const ij_model_config *m, ij_network network)
{
    int before = p->segment_count, room = p->count;
    p->blocks[network] = before + 1;
    for (ij_layer l = {.network = network}; ij_next_layer(m, &l);)
        room += l.trained;
    ij_tensor *longer = realloc(p->tensors, (size_t)room * sizeof *longer);
    if (!longer)
        return ij_fail(IJ_ENOMEM, "out of memory for the list of parameters");
    p->tensors = longer;
    for (ij_layer l = {.network = network}; ij_next_layer(m, &l);) {
        int segment = before + l.segment;
        for (int i = 0; i < l.trained; i++)
            list_tensor(p, &l, i, segment);
        if (segment >= p->segment_count)
            p->segment_count = segment + 1;
        if (m->pixel_head && l.place == IJ_AT_FEATURES)
            p->head[IJ_TERM_FEATURE] = segment;
        if (l.place == IJ_AT_PIXELS)
            p->head[IJ_TERM_PIXEL] = segment;
    }
    return IJ_OK;
}

int ij_params_number(const ij_params *p, const ij_layer *layer)
{
    return (layer->network == IJ_NETWORK_PREDICTOR ? p->encoder_count : 0) + layer->number;
}

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

static size_t align(size_t count)
{
    return (count + ALIGN - 1) / ALIGN * ALIGN;
}

/* Within each segment the decayed tensors come first. */
static void place(ij_params *p)
{
    for (int decayed = 1; decayed >= 0; decayed--)
        for (int i = 0; i < p->count; i++) {
            ij_tensor *t = &p->tensors[i];
            ij_segment *s = &p->segments[t->segment];
            if (t->decay != (bool)decayed)
                continue;
            t->offset = s->count;
            s->type = t->type;
            s->count += align(t->count);
            if (decayed)
                s->decayed = s->count;
        }
}

static ij_status plan_moment(ij_plan *plan, const ij_segment *s, bool offload, cl_mem *where)
{
    return (offload ? ij_plan_add_host : ij_plan_add)(plan, "moments", s->type, (int64_t)s->count, where);
}

ij_status ij_params_plan(ij_params *p, ij_device *device, const ij_gemm *gemm, const ij_model_config *model,
                         bool offload, ij_plan *plan)
{
    memset(p, 0, sizeof *p);
    p->device = device;
    p->gemm = gemm;
    for (int i = 0; i < IJ_TERMS; i++)
        p->head[i] = -1;
    TRY(list_network(p, model, IJ_NETWORK_ENCODER));
    p->encoder_count = p->count;
    int encoder_segments = p->segment_count;
    TRY(list_network(p, model, IJ_NETWORK_PREDICTOR));
    p->segments = calloc((size_t)p->segment_count, sizeof *p->segments);
    if (!p->segments)
        return ij_fail(IJ_ENOMEM, "out of memory for the list of parameters");
    place(p);

    for (int i = 0; i < p->segment_count; i++) {
        ij_segment *s = &p->segments[i];
        TRY(ij_plan_add(plan, "weights", s->type, (int64_t)s->count, &s->weight));
        TRY(ij_plan_add(plan, "gradients", s->type, (int64_t)s->count, &s->gradient));
        TRY(plan_moment(plan, s, offload, &s->moment1));
        TRY(plan_moment(plan, s, offload, &s->moment2));
        if (i < encoder_segments)
            TRY(ij_plan_add(plan, "target encoder", s->type, (int64_t)s->count, &s->target));
    }
    return IJ_OK;
}

static ij_status view(cl_mem segment, const ij_tensor *t, cl_mem *where)
{
    cl_buffer_region region = {ij_dtype_size(t->type, t->offset), ij_dtype_size(t->type, align(t->count))};
    cl_int code;
    *where = clCreateSubBuffer(segment, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    if (code != CL_SUCCESS)
        *where = NULL;
    return ij_cl_check(code, t->name);
}

ij_status ij_params_views(ij_params *p)
{
    ij_status status = IJ_OK;
    for (int i = 0; i < p->count && !status; i++) {
        ij_tensor *t = &p->tensors[i];
        const ij_segment *s = &p->segments[t->segment];
        status = view(s->weight, t, &t->weight);
        if (!status)
            status = view(s->gradient, t, &t->gradient);
        if (!status && s->target)
            status = view(s->target, t, &t->target);
    }
    return status;
}

void ij_params_destroy(ij_params *p)
{
    for (int i = 0; i < p->count; i++) {
        cl_mem views[] = {p->tensors[i].weight, p->tensors[i].gradient, p->tensors[i].target};
        for (int k = 0; k < 3; k++)
            if (views[k])
                clReleaseMemObject(views[k]);
    }
    free(p->tensors);
    free(p->segments);
    memset(p, 0, sizeof *p);
}

/* ---- To and from the host ---------------------------------------------------------------------------------------- */

cl_mem ij_params_memory(const ij_params *p, int segment, ij_store store, bool target)
{
    const ij_segment *s = &p->segments[segment];
    switch (store) {
    case IJ_STORE_WEIGHT:
        return target ? s->target : s->weight;
    case IJ_STORE_GRADIENT:
        return s->gradient;
    case IJ_STORE_MOMENT1:
        return s->moment1;
    case IJ_STORE_MOMENT2:
        return s->moment2;
    }
    return NULL;
}

/* Between the official order and the device's layout. */
static void reorder(const ij_params *p, const ij_tensor *t, const float *from, float *to, bool to_device)
{
    if (t->layout == IJ_LAYOUT_NONE)
        memcpy(to, from, (size_t)t->columns * sizeof *to);
    else if (to_device)
        ij_gemm_pack_rows(p->gemm, t->rows, t->columns, 0, t->rows, from, to);
    else
        ij_gemm_unpack_rows(p->gemm, t->rows, t->columns, 0, t->rows, from, to);
}

int64_t ij_params_unpack_part(const ij_params *p, int index, const void *segment, int64_t from, float *values)
{
    enum { PART = 1 << 17 };
    const ij_tensor *t = &p->tensors[index];
    const float *at = (const float *)segment + t->offset;
    if (t->layout == IJ_LAYOUT_NONE) {
        memcpy(values, at, (size_t)t->columns * sizeof *values);
        return t->columns;
    }
    int first = (int)(from / t->columns), together = ij_gemm_rows_together(p->gemm), rows = PART / t->columns;
    rows = rows < together ? together : rows / together * together;
    rows = rows < t->rows - first ? rows : t->rows - first;
    ij_gemm_unpack_rows(p->gemm, t->rows, t->columns, first, rows, at, values);
    return (int64_t)rows * t->columns;
}

size_t ij_params_official_count(const ij_params *p, int segment)
{
    size_t numbers = 0;
    for (int i = 0; i < p->count; i++)
        if (p->tensors[i].segment == segment)
            numbers += (size_t)p->tensors[i].rows * (size_t)p->tensors[i].columns;
    return numbers;
}

void ij_params_to_official(const ij_params *p, int segment, const float *device, float *official)
{
    for (int i = 0; i < p->count; i++)
        if (p->tensors[i].segment == segment) {
            const ij_tensor *t = &p->tensors[i];
            reorder(p, t, device + t->offset, official, false);
            official += (size_t)t->rows * (size_t)t->columns;
        }
}

void ij_params_from_official(const ij_params *p, int segment, const float *official, float *device)
{
    for (int i = 0; i < p->count; i++)
        if (p->tensors[i].segment == segment) {
            const ij_tensor *t = &p->tensors[i];
            reorder(p, t, official, device + t->offset, true);
            official += (size_t)t->rows * (size_t)t->columns;
        }
}

/* The device's copy of a tensor where the host sees it, for reading or to be written anew; unmap ends that. */
static ij_status map(ij_params *p, int index, ij_store store, bool target, cl_map_flags how, cl_mem *memory, float **at)
{
    const ij_tensor *t = &p->tensors[index];
    *at = NULL;
    *memory = ij_params_memory(p, t->segment, store, target);
    if (!*memory || (target && store != IJ_STORE_WEIGHT))
        return ij_fail(IJ_EINVAL, "%s has no such copy", t->name);
    cl_int code;
    *at = clEnqueueMapBuffer(p->device->compute, *memory, CL_TRUE, how, ij_dtype_size(t->type, t->offset),
                             ij_dtype_size(t->type, t->count), 0, NULL, NULL, &code);
    return ij_cl_check(code, t->name);
}

static ij_status unmap(ij_params *p, int index, cl_mem memory, float *at)
{
    return ij_cl_check(clEnqueueUnmapMemObject(p->device->compute, memory, at, 0, NULL, NULL), p->tensors[index].name);
}

ij_status ij_params_read(ij_params *p, int index, ij_store store, bool target, float *values)
{
    cl_mem memory;
    float *at;
    TRY(map(p, index, store, target, CL_MAP_READ, &memory, &at));
    reorder(p, &p->tensors[index], at, values, false);
    return unmap(p, index, memory, at);
}

ij_status ij_params_write(ij_params *p, int index, ij_store store, bool target, const float *values)
{
    const ij_tensor *t = &p->tensors[index];
    cl_mem memory;
    float *at;
    TRY(map(p, index, store, target, CL_MAP_WRITE_INVALIDATE_REGION, &memory, &at));
    if (t->count > (size_t)t->rows * (size_t)t->columns) /* the last panel's padding */
        memset(at, 0, t->count * sizeof *at);
    reorder(p, t, values, at, true);
    TRY(unmap(p, index, memory, at));
    return ij_cl_check(clFinish(p->device->compute), t->name); /* moments may be read by the other queue next */
}

/* ---- Initial weights --------------------------------------------------------------------------------------------- */

static ij_status initialise(ij_params *p, const ij_layer *l, int which, const ij_drawing *how)
{
    int number = ij_params_number(p, l) + which;
    const ij_tensor *t = &p->tensors[number];
    float *values = calloc((size_t)t->rows * (size_t)t->columns, sizeof *values);
    if (!values)
        return ij_fail(IJ_ENOMEM, "out of memory for the initial weights of %s", t->name);
    ij_initial_weights(l, which, number, how, values);
    ij_status status = ij_params_write(p, number, IJ_STORE_WEIGHT, false, values);
    if (!status && l->network == IJ_NETWORK_ENCODER)
        status = ij_params_write(p, number, IJ_STORE_WEIGHT, true, values);
    free(values);
    return status;
}

ij_status ij_params_initialise(ij_params *p, const ij_model_config *model, const ij_drawing *how)
{
    static const ij_network trained[] = {IJ_NETWORK_ENCODER, IJ_NETWORK_PREDICTOR};
    for (int n = 0; n < 2; n++)
        for (ij_layer l = {.network = trained[n]}; ij_next_layer(model, &l);)
            for (int i = 0; i < l.trained; i++)
                TRY(initialise(p, &l, i, how));
    return IJ_OK;
}
