#include "engine/params.h"

#include "engine/base/try.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 1024 /* floats; a multiple of every device's sub-buffer alignment */

/* ---- The list of tensors, in the official order ----------------------------------------------------------------- */

typedef struct listing {
    ij_params *p;
    ij_network network;
    int segment;
    bool failed;
} listing;

static ij_tensor *append(listing *l, const char *name)
{
    ij_params *p = l->p;
    if (p->count % 64 == 0) {
        ij_tensor *longer = realloc(p->tensors, (size_t)(p->count + 64) * sizeof *longer);
        if (!longer) {
            l->failed = true;
            return NULL;
        }
        p->tensors = longer;
    }
    ij_tensor *t = &p->tensors[p->count++];
    memset(t, 0, sizeof *t);
    snprintf(t->name, sizeof t->name, "%s.%s", l->network == IJ_ENCODER ? "encoder" : "predictor", name);
    t->network = l->network;
    t->segment = l->segment;
    return t;
}

static void vector(listing *l, const char *name, int n)
{
    ij_tensor *t = append(l, name);
    if (!t)
        return;
    t->dims = 1;
    t->shape[0] = n;
    t->rows = 1;
    t->columns = n;
    t->layout = IJ_LAYOUT_NONE;
    t->floats = (size_t)n;
}

static void matrix(listing *l, const char *name, int rows, int columns)
{
    ij_tensor *t = append(l, name);
    if (!t)
        return;
    t->dims = 2;
    t->shape[0] = t->rows = rows;
    t->shape[1] = t->columns = columns;
    t->layout = ij_gemm_layout(l->p->gemm);
    t->floats = ij_gemm_weight_floats(l->p->gemm, rows, columns);
    t->decay = true;
}

static void linear(listing *l, const char *prefix, int out, int in)
{
    char name[64];
    snprintf(name, sizeof name, "%s.weight", prefix);
    matrix(l, name, out, in);
    snprintf(name, sizeof name, "%s.bias", prefix);
    vector(l, name, out);
}

static void norm(listing *l, const char *prefix, int n)
{
    char name[64];
    snprintf(name, sizeof name, "%s.weight", prefix);
    vector(l, name, n);
    snprintf(name, sizeof name, "%s.bias", prefix);
    vector(l, name, n);
}

static void block(listing *l, const char *prefix, int index, int dim, int hidden)
{
    static const char *const parts[] = {"norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"};
    char name[6][48];
    for (int i = 0; i < 6; i++)
        snprintf(name[i], sizeof name[i], "%s.%d.%s", prefix, index, parts[i]);
    norm(l, name[0], dim);
    linear(l, name[1], 3 * dim, dim);
    linear(l, name[2], dim, dim);
    norm(l, name[3], dim);
    linear(l, name[4], hidden, dim);
    linear(l, name[5], dim, hidden);
}

static void list_encoder(listing *l, const ij_model_config *m)
{
    l->network = IJ_ENCODER;
    int around = l->segment++;
    l->p->blocks[IJ_ENCODER] = l->segment;
    int first = l->p->count;
    linear(l, "patch_embed.proj", m->dim, 3 * m->patch * m->patch);
    for (int i = first; i < l->p->count && !l->failed; i++)
        l->p->tensors[i].segment = around;
    if (!l->failed) { /* a convolution's weight: [D, 3, P, P] */
        ij_tensor *t = &l->p->tensors[first];
        t->dims = 4;
        t->shape[1] = 3;
        t->shape[2] = t->shape[3] = m->patch;
    }
    for (int i = 0; i < m->depth; i++, l->segment++)
        block(l, "blocks", i, m->dim, m->hidden);
    int end = l->segment;
    l->segment = around;
    norm(l, "norm", m->dim);
    l->segment = end;
}

static void list_predictor(listing *l, const ij_model_config *m)
{
    l->network = IJ_PREDICTOR;
    int around = l->segment;
    vector(l, "mask_token", m->pred_dim);
    if (!l->failed) { /* of shape [1, 1, Dp]: not one dimension, so it decays */
        ij_tensor *t = &l->p->tensors[l->p->count - 1];
        t->dims = 3;
        t->shape[0] = t->shape[1] = 1;
        t->shape[2] = m->pred_dim;
        t->decay = true;
    }
    linear(l, "predictor_embed", m->pred_dim, m->dim);
    l->segment = l->p->blocks[IJ_PREDICTOR] = around + 1;
    for (int i = 0; i < m->pred_depth; i++, l->segment++)
        block(l, "predictor_blocks", i, m->pred_dim, 4 * m->pred_dim);
    int end = l->segment;
    l->segment = around;
    norm(l, "predictor_norm", m->pred_dim);
    if (m->pixel_head) /* heads that are not always trained are segments of their own */
        l->p->head[IJ_TERM_FEATURE] = l->segment = end++;
    linear(l, "predictor_proj", m->dim, m->pred_dim);
    if (m->pixel_head) {
        l->p->head[IJ_TERM_PIXEL] = l->segment = end++;
        linear(l, "predictor_pixels", 3 * m->patch * m->patch, m->pred_dim);
    }
    l->segment = end;
}

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

static size_t align(size_t floats)
{
    return (floats + ALIGN - 1) / ALIGN * ALIGN;
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
            t->offset = s->floats;
            s->floats += align(t->floats);
            if (decayed)
                s->decayed = s->floats;
        }
}

static ij_status plan_moment(ij_plan *plan, size_t bytes, bool offload, cl_mem *where)
{
    return offload ? ij_plan_add_host(plan, "moments", bytes, where)
                   : ij_plan_add(plan, "moments", bytes, CL_MEM_READ_WRITE, where);
}

ij_status ij_params_plan(ij_params *p, ij_device *device, const ij_gemm *gemm, const ij_model_config *model,
                         bool offload, ij_plan *plan)
{
    memset(p, 0, sizeof *p);
    p->device = device;
    p->gemm = gemm;
    for (int i = 0; i < IJ_TERMS; i++)
        p->head[i] = -1;
    listing l = {.p = p};
    list_encoder(&l, model);
    p->encoder_count = p->count;
    int encoder_segments = l.segment;
    list_predictor(&l, model);
    p->segment_count = l.segment;
    p->segments = calloc((size_t)p->segment_count, sizeof *p->segments);
    if (l.failed || !p->segments)
        return ij_fail(IJ_ENOMEM, "out of memory for the list of parameters");
    place(p);

    for (int i = 0; i < p->segment_count; i++) {
        ij_segment *s = &p->segments[i];
        size_t bytes = s->floats * sizeof(float);
        TRY(ij_plan_add(plan, "weights", bytes, CL_MEM_READ_WRITE, &s->weight));
        TRY(ij_plan_add(plan, "gradients", bytes, CL_MEM_READ_WRITE, &s->gradient));
        TRY(plan_moment(plan, bytes, offload, &s->moment1));
        TRY(plan_moment(plan, bytes, offload, &s->moment2));
        if (i < encoder_segments)
            TRY(ij_plan_add(plan, "target encoder", bytes, CL_MEM_READ_WRITE, &s->target));
    }
    return IJ_OK;
}

static ij_status view(cl_mem segment, const ij_tensor *t, cl_mem *where)
{
    cl_buffer_region region = {t->offset * sizeof(float), align(t->floats) * sizeof(float)};
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

const ij_tensor *ij_params_find(const ij_params *p, const char *format, ...)
{
    char name[128];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    for (int i = 0; i < p->count; i++)
        if (strcmp(p->tensors[i].name, name) == 0)
            return &p->tensors[i];
    return NULL;
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

int64_t ij_params_unpack_part(const ij_params *p, int index, const float *segment, int64_t from, float *values)
{
    enum { PART = 1 << 17 };
    const ij_tensor *t = &p->tensors[index];
    if (t->layout == IJ_LAYOUT_NONE) {
        memcpy(values, segment + t->offset, (size_t)t->columns * sizeof *values);
        return t->columns;
    }
    int first = (int)(from / t->columns), together = ij_gemm_rows_together(p->gemm), rows = PART / t->columns;
    rows = rows < together ? together : rows / together * together;
    rows = rows < t->rows - first ? rows : t->rows - first;
    ij_gemm_unpack_rows(p->gemm, t->rows, t->columns, first, rows, segment + t->offset, values);
    return (int64_t)rows * t->columns;
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
    *at = clEnqueueMapBuffer(p->device->compute, *memory, CL_TRUE, how, t->offset * sizeof(float),
                             t->floats * sizeof(float), 0, NULL, NULL, &code);
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
    if (t->floats > (size_t)t->rows * (size_t)t->columns) /* the last panel's padding */
        memset(at, 0, t->floats * sizeof *at);
    reorder(p, t, values, at, true);
    TRY(unmap(p, index, memory, at));
    return ij_cl_check(clFinish(p->device->compute), t->name); /* moments may be read by the other queue next */
}

/* ---- Initial weights --------------------------------------------------------------------------------------------- */

ij_status ij_params_initialise(ij_params *p, const ij_drawing *how)
{
    ij_status status = IJ_OK;
    for (int i = 0; i < p->count && !status; i++) {
        const ij_tensor *t = &p->tensors[i];
        float *values = calloc((size_t)t->rows * (size_t)t->columns, sizeof *values);
        if (!values)
            return ij_fail(IJ_ENOMEM, "out of memory for the initial weights of %s", t->name);
        ij_initial_weights(t->name, i, t->rows, t->columns, t->decay, how, values);
        status = ij_params_write(p, i, IJ_STORE_WEIGHT, false, values);
        if (!status && t->network == IJ_ENCODER)
            status = ij_params_write(p, i, IJ_STORE_WEIGHT, true, values);
        free(values);
    }
    return status;
}
