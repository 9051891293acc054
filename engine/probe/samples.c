#include "engine/probe/samples.h"

#include "engine/base/try.h"
#include "engine/launch.h"

#include <stdlib.h>
#include <string.h>

enum { PADDING = 1024 }; /* kernels read biases a register tile at a time */

/* ---- Memory ----------------------------------------------------------------------------------------------------- */

static size_t weight_floats(const ij_samples *s, int outputs)
{
    return ij_gemm_weight_floats(&s->gemm, outputs, s->data->width);
}

static ij_status plan_layer(ij_samples *s, int out, int in, cl_mem *matrix, cl_mem *vector)
{
    TRY(ij_plan_add(s->plan, "probe's weights", IJ_F32, (int64_t)ij_gemm_weight_floats(&s->gemm, out, in), matrix));
    return ij_plan_add(s->plan, "probe's weights", IJ_F32, ij_ceil_div(out, PADDING) * PADDING, vector);
}

static ij_status plan_scratch(ij_samples *s, int each, int rank)
{
    int D = s->data->width;
    size_t most = ij_gemm_scratch(&s->gemm, each, D, rank);
    for (int outputs = 1; outputs <= s->most; outputs++) {
        size_t these = ij_gemm_scratch(&s->gemm, each, outputs, D);
        most = these > most ? these : most;
    }
    return most ? ij_plan_add(s->plan, "scratch", IJ_U8, (int64_t)most, &s->gemm.scratch) : IJ_OK;
}

/* Rows of a tile: what its features and logits take stays within 64 MiB each, or within one row. */
static int tile_rows(const ij_samples *s)
{
    int64_t wide = s->data->width > s->most ? s->data->width : s->most, rows = (INT64_C(1) << 24) / wide;
    rows = rows < 1 ? 1 : rows > 8192 ? 8192 : rows;
    return (int)(rows < s->data->n ? rows : s->data->n);
}

static ij_status plan(ij_samples *s, int rank)
{
    int each = tile_rows(s), D = s->data->width;
    s->l = s->part = (ij_linear){.in = D, .out = s->most};
    s->up = (ij_linear){.in = rank, .out = D};
    TRY(ij_tiles_plan(&s->x, s->plan, s->data->n, D, each));
    if (!(s->label = calloc((size_t)s->x.count, sizeof *s->label)))
        return ij_fail(IJ_ENOMEM, "no host memory for a list of labels");
    for (int i = 0; i < s->x.count; i++)
        TRY(ij_plan_add(s->plan, "features", IJ_I32, each, &s->label[i]));
    TRY(plan_layer(s, s->most, D, &s->l.weight, &s->l.bias));
    TRY(plan_layer(s, s->most, D, &s->l.weight_grad, &s->l.bias_grad));
    TRY(plan_layer(s, s->most, D, &s->part.weight_grad, &s->part.bias_grad));
    TRY(ij_plan_add(s->plan, "probe's logits", IJ_F32, (int64_t)each * s->most, &s->d));
    if (rank < D) {
        TRY(plan_layer(s, D, rank, &s->up.weight, &s->up.bias)); /* whose bias stays zero */
        TRY(ij_plan_add(s->plan, "features", IJ_F32, (int64_t)each * D, &s->spare));
    }
    TRY(plan_scratch(s, each, rank));
    s->logits = malloc((size_t)each * (size_t)s->most * sizeof *s->logits);
    s->weights = calloc((size_t)s->most * (size_t)D, sizeof *s->weights);
    s->packed = calloc(weight_floats(s, s->most), sizeof *s->packed);
    s->bias = calloc((size_t)s->most, sizeof *s->bias);
    return s->logits && s->weights && s->packed && s->bias
               ? IJ_OK
               : ij_fail(IJ_ENOMEM, "no host memory for the weights of a probe, and the results of %d images", each);
}

static void standardise(const ij_samples *s, const float *from, float *to)
{
    for (int j = 0; j < s->data->width; j++)
        to[j] = (float)ij_standard_of(s->standard, from, j);
}

static void standardised_row(const void *source, int64_t row, float *to)
{
    const ij_samples *s = source;
    standardise(s, s->data->features + s->order[row] * s->data->width, to);
}

static ij_status upload_labels(const ij_samples *s)
{
    int32_t *label = malloc((size_t)s->x.each * sizeof *label);
    ij_status status = label ? IJ_OK : ij_fail(IJ_ENOMEM, "no host memory for labels");
    for (int i = 0; i < s->x.count && !status; i++) {
        int rows = ij_tiles_rows(&s->x, i);
        for (int r = 0; r < rows; r++)
            label[r] = s->data->labels[s->order[(int64_t)i * s->x.each + r]];
        status = ij_cl_check(clEnqueueWriteBuffer(s->device->compute, s->label[i], CL_TRUE, 0,
                                                  (size_t)rows * sizeof *label, label, 0, NULL, NULL),
                             "uploading labels");
    }
    free(label);
    return status;
}

ij_status ij_samples_create(ij_samples *s, ij_device *device, const ij_labelled *data, const int64_t *order,
                            const ij_standard *standard, int most, int rank)
{
    *s = (ij_samples){.device = device, .data = data, .order = order, .standard = standard, .most = most};
    TRY(ij_gemm_create(&s->gemm, device, IJ_GEMM_AUTO));
    TRY(ij_softmax_probe_create(&s->op, device));
    TRY(ij_plan_create(&s->plan));
    TRY(plan(s, rank));
    ij_status status = ij_plan_commit(s->plan, device);
    if (status)
        return ij_fail_in(status, "the linear probe: ");
    TRY(ij_tiles_fill(&s->x, device, standardised_row, s));
    return upload_labels(s);
}

void ij_samples_destroy(ij_samples *s)
{
    if (s->device)
        clFinish(s->device->compute);
    ij_gemm_destroy(&s->gemm);
    ij_softmax_probe_destroy(&s->op);
    ij_tiles_free(&s->x);
    ij_plan_destroy(s->plan);
    free(s->label);
    free(s->logits);
    free(s->weights);
    free(s->packed);
    free(s->bias);
    *s = (ij_samples){0};
}

static ij_status transfer(const ij_samples *s, bool read, cl_mem memory, void *values, size_t bytes)
{
    cl_command_queue queue = s->device->compute;
    return ij_cl_check(read ? clEnqueueReadBuffer(queue, memory, CL_TRUE, 0, bytes, values, 0, NULL, NULL)
                            : clEnqueueWriteBuffer(queue, memory, CL_TRUE, 0, bytes, values, 0, NULL, NULL),
                       "moving a probe's numbers");
}

/* ---- Products --------------------------------------------------------------------------------------------------- */

void ij_samples_use(ij_samples *s, int outputs)
{
    s->outputs = s->l.out = s->part.out = outputs;
    memset(s->packed, 0, weight_floats(s, s->most) * sizeof *s->packed);
    memset(s->bias, 0, (size_t)s->most * sizeof *s->bias);
}

ij_status ij_samples_put(ij_samples *s)
{
    ij_gemm_pack_rows(&s->gemm, s->outputs, s->data->width, 0, s->outputs, s->weights, s->packed);
    TRY(transfer(s, false, s->l.weight, s->packed, weight_floats(s, s->outputs) * sizeof *s->packed));
    return transfer(s, false, s->l.bias, s->bias, (size_t)s->outputs * sizeof *s->bias);
}

static ij_status forward(ij_samples *s, int tile, int rows)
{
    return ij_gemm_forward(&s->gemm, &s->l, s->x.tile[tile], s->d, rows, &(ij_tail){0});
}

ij_status ij_samples_sum(ij_samples *s, int64_t rows, int members)
{
    for (int i = 0; i < s->x.count && (int64_t)i * s->x.each < rows; i++) {
        int64_t left = rows - (int64_t)i * s->x.each;
        int here = left < s->x.each ? (int)left : s->x.each;
        TRY(forward(s, i, here));
        if (members)
            TRY(ij_softmax_gradient(&s->op, s->d, s->label[i], here, members, s->data->classes));
        TRY(ij_gemm_backward_weight(&s->gemm, i ? &s->part : &s->l, s->x.tile[i], s->d, here, false));
        if (!i)
            continue;
        TRY(ij_probe_add(&s->op, s->l.weight_grad, s->part.weight_grad, (int)weight_floats(s, s->outputs)));
        TRY(ij_probe_add(&s->op, s->l.bias_grad, s->part.bias_grad, s->outputs));
    }
    TRY(transfer(s, true, s->l.weight_grad, s->packed, weight_floats(s, s->outputs) * sizeof *s->packed));
    ij_gemm_unpack_rows(&s->gemm, s->outputs, s->data->width, 0, s->outputs, s->packed, s->weights);
    return transfer(s, true, s->l.bias_grad, s->bias, (size_t)s->outputs * sizeof *s->bias);
}

static ij_status put_rotation(ij_samples *s, const ij_axes *axes)
{
    int D = s->data->width;
    size_t floats = ij_gemm_weight_floats(&s->gemm, D, axes->rank);
    float *up = calloc((size_t)D * (size_t)axes->rank, sizeof *up), *packed = calloc(floats, sizeof *packed);
    ij_samples_use(s, axes->rank);
    ij_status status = up && packed ? ij_axes_rotation(axes, s->weights, up)
                                    : ij_fail(IJ_ENOMEM, "no host memory to turn %d features", D);
    if (!status)
        status = ij_samples_put(s);
    if (!status) {
        ij_gemm_pack_rows(&s->gemm, D, axes->rank, 0, D, up, packed);
        status = transfer(s, false, s->up.weight, packed, floats * sizeof *packed);
    }
    free(up);
    free(packed);
    return status;
}

ij_status ij_samples_turn(ij_samples *s, const ij_axes *axes)
{
    const cl_float zero = 0;
    TRY(put_rotation(s, axes));
    TRY(ij_cl_check(clEnqueueFillBuffer(s->device->compute, s->up.bias, &zero, sizeof zero, 0,
                                        (size_t)s->data->width * sizeof zero, 0, NULL, NULL),
                    "clearing a bias"));
    for (int i = 0; i < s->x.count; i++) {
        cl_mem x = s->x.tile[i];
        int rows = ij_tiles_rows(&s->x, i);
        TRY(forward(s, i, rows));
        TRY(ij_gemm_forward(&s->gemm, &s->up, s->d, s->spare, rows, &(ij_tail){.add = x}));
        s->x.tile[i] = s->spare;
        s->spare = x;
    }
    return IJ_OK;
}

static ij_status read_logits(ij_samples *s, int tile, int rows)
{
    TRY(forward(s, tile, rows));
    return transfer(s, true, s->d, s->logits, (size_t)rows * (size_t)s->outputs * sizeof *s->logits);
}

ij_status ij_samples_logits(ij_samples *s, int tile)
{
    return read_logits(s, tile, ij_tiles_rows(&s->x, tile));
}

ij_status ij_samples_logits_of(ij_samples *s, const ij_labelled *data, int64_t first, int rows)
{
    size_t D = (size_t)data->width;
    float *x = malloc((size_t)rows * D * sizeof *x);
    ij_status status = x ? IJ_OK : ij_fail(IJ_ENOMEM, "no host memory for %d feature vectors", rows);
    for (int r = 0; r < rows && !status; r++)
        standardise(s, data->features + (first + r) * data->width, x + (size_t)r * D);
    if (!status)
        status = transfer(s, false, s->x.tile[0], x, (size_t)rows * D * sizeof *x);
    free(x);
    return status ? status : read_logits(s, 0, rows);
}
