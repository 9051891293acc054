#include "engine/probe/neighbours.h"

#include "engine/base/try.h"
#include "engine/launch.h"
#include "engine/ops/gemm.h"
#include "engine/ops/nearest.h"
#include "engine/probe/tiles.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VECTORS = 4096, QUERIES = 1024, PADDING = 1024 }; /* of a tile; see linear.c */

typedef struct search {
    ij_device *device;
    const ij_labelled *train, *test;
    int k;       /* kept of each query */
    int vectors; /* training vectors of a tile; the last is filled up with zeros */
    ij_plan *plan;
    ij_gemm gemm;
    ij_nearest op;
    ij_tiles x;            /* the queries */
    ij_linear l;           /* a tile of training vectors, as weights */
    cl_mem *value, *index; /* a tile of queries' lists, [each, k] */
    cl_mem similarity;
} search;

static void unit_row(const ij_labelled *d, int64_t row, float *to)
{
    const float *from = d->features + row * d->width;
    double length = 0;
    for (int j = 0; j < d->width; j++)
        length += (double)from[j] * (double)from[j];
    length = sqrt(length);
    for (int j = 0; j < d->width; j++)
        to[j] = length > 0 ? (float)((double)from[j] / length) : 0.0f;
}

static void query_row(const void *source, int64_t row, float *to)
{
    unit_row(source, row, to);
}

/* ---- On the device ---------------------------------------------------------------------------------------------- */

static ij_status plan(search *s)
{
    int D = s->train->width;
    TRY(ij_tiles_plan(&s->x, s->plan, s->test->n, D, s->test->n < QUERIES ? (int)s->test->n : QUERIES));
    size_t tiles = (size_t)s->x.count;
    s->value = calloc(2 * tiles, sizeof *s->value);
    if (!s->value)
        return ij_fail(IJ_ENOMEM, "no host memory for a list of neighbours");
    s->index = s->value + tiles;
    for (int i = 0; i < s->x.count; i++) {
        TRY(ij_plan_add(s->plan, "neighbours", IJ_F32, (int64_t)s->x.each * s->k, &s->value[i]));
        TRY(ij_plan_add(s->plan, "neighbours", IJ_I32, (int64_t)s->x.each * s->k, &s->index[i]));
    }
    s->l = (ij_linear){.in = D, .out = s->vectors};
    TRY(ij_plan_add(s->plan, "neighbours", IJ_F32, (int64_t)ij_gemm_weight_floats(&s->gemm, s->vectors, D),
                    &s->l.weight));
    int bias = ij_ceil_div(s->vectors, PADDING) * PADDING; /* stays zero */
    TRY(ij_plan_add(s->plan, "neighbours", IJ_F32, bias, &s->l.bias));
    TRY(ij_plan_add(s->plan, "neighbours", IJ_F32, (int64_t)s->x.each * s->vectors, &s->similarity));
    size_t products = ij_gemm_scratch(&s->gemm, s->x.each, s->vectors, D);
    return products ? ij_plan_add(s->plan, "scratch", IJ_U8, (int64_t)products, &s->gemm.scratch) : IJ_OK;
}

static ij_status prepare(search *s)
{
    TRY(ij_gemm_create(&s->gemm, s->device, IJ_GEMM_AUTO));
    TRY(ij_nearest_create(&s->op, s->device));
    TRY(ij_plan_create(&s->plan));
    TRY(plan(s));
    ij_status status = ij_plan_commit(s->plan, s->device);
    if (status)
        return ij_fail_in(status, "the nearest neighbours: ");
    return ij_tiles_fill(&s->x, s->device, query_row, s->test);
}

static void release(search *s)
{
    clFinish(s->device->compute);
    ij_gemm_destroy(&s->gemm);
    ij_nearest_destroy(&s->op);
    ij_tiles_free(&s->x);
    ij_plan_destroy(s->plan);
    free(s->value);
}

/* All queries against the `count` training vectors from `base` on; rows and packed have room for a tile. */
static ij_status merge_tile(search *s, int64_t base, int count, float *rows, float *packed)
{
    const ij_tail none = {0};
    size_t D = (size_t)s->train->width, floats = ij_gemm_weight_floats(&s->gemm, s->vectors, s->train->width);
    memset(rows, 0, (size_t)s->vectors * D * sizeof *rows);
    for (int r = 0; r < count; r++)
        unit_row(s->train, base + r, rows + (size_t)r * D);
    ij_gemm_pack_rows(&s->gemm, s->vectors, s->train->width, 0, s->vectors, rows, packed);
    TRY(ij_cl_check(clEnqueueWriteBuffer(s->device->compute, s->l.weight, CL_TRUE, 0, floats * sizeof *packed, packed,
                                         0, NULL, NULL),
                    "uploading features"));
    for (int i = 0; i < s->x.count; i++) {
        int queries = ij_tiles_rows(&s->x, i);
        TRY(ij_gemm_forward(&s->gemm, &s->l, s->x.tile[i], s->similarity, queries, &none));
        TRY(ij_nearest_merge(&s->op, s->similarity, s->value[i], s->index[i], queries, s->vectors, count, (int)base,
                             s->k));
    }
    return IJ_OK;
}

static ij_status merge_all(search *s)
{
    size_t D = (size_t)s->train->width, floats = ij_gemm_weight_floats(&s->gemm, s->vectors, s->train->width);
    float *rows = malloc((size_t)s->vectors * D * sizeof *rows), *packed = calloc(floats, sizeof *packed);
    ij_status status = rows && packed ? IJ_OK : ij_fail(IJ_ENOMEM, "no host memory for %d feature vectors", s->vectors);
    for (int64_t base = 0; base < s->train->n && !status; base += s->vectors) {
        int64_t left = s->train->n - base;
        status = merge_tile(s, base, left < s->vectors ? (int)left : s->vectors, rows, packed);
    }
    free(rows);
    free(packed);
    return status;
}

/* ---- Votes ------------------------------------------------------------------------------------------------------ */

typedef struct votes {
    const int *k;
    int count;
    double temperature;
    double *rating; /* [classes] */
    ij_score *scores;
} votes;

/* One query's list, nearest first. Weights are in units of the nearest one's, so that none overflows. */
static void vote(const search *s, const votes *v, const float *value, const int32_t *index, int label)
{
    memset(v->rating, 0, (size_t)s->train->classes * sizeof *v->rating);
    for (int i = 0, at = 0; i < v->count; i++) {
        for (; at < s->k && at < v->k[i]; at++)
            if (index[at] >= 0)
                v->rating[s->train->labels[index[at]]] += exp(((double)value[at] - (double)value[0]) / v->temperature);
        ij_score_add(&v->scores[i], v->rating, label);
    }
}

static ij_status count_votes(search *s, const votes *v)
{
    size_t list = (size_t)s->x.each * (size_t)s->k;
    float *value = malloc(list * sizeof *value);
    int32_t *index = malloc(list * sizeof *index);
    ij_status status = value && index ? IJ_OK : ij_fail(IJ_ENOMEM, "no host memory for %zu neighbours", list);
    for (int i = 0; i < s->x.count && !status; i++) {
        size_t rows = (size_t)ij_tiles_rows(&s->x, i), bytes = rows * (size_t)s->k * sizeof *value;
        cl_command_queue queue = s->device->compute;
        cl_int code = clEnqueueReadBuffer(queue, s->value[i], CL_TRUE, 0, bytes, value, 0, NULL, NULL);
        if (code == CL_SUCCESS)
            code = clEnqueueReadBuffer(queue, s->index[i], CL_TRUE, 0, bytes, index, 0, NULL, NULL);
        status = ij_cl_check(code, "reading neighbours");
        for (size_t r = 0; r < rows && !status; r++)
            vote(s, v, value + r * (size_t)s->k, index + r * (size_t)s->k,
                 s->test->labels[(int64_t)i * s->x.each + (int64_t)r]);
    }
    free(value);
    free(index);
    return status;
}

static ij_status run(search *s, const votes *v)
{
    TRY(prepare(s));
    TRY(merge_all(s));
    return count_votes(s, v);
}

ij_status ij_neighbours(ij_device *device, const ij_labelled *train, const ij_labelled *test, const int *k, int count,
                        double temperature, ij_score *scores)
{
    TRY(ij_labelled_check(train, test));
    if (train->n >= INT32_MAX)
        return ij_fail(IJ_EINVAL, "%lld training images are more than can be numbered", (long long)train->n);
    search s = {.device = device, .train = train, .test = test, .k = k[count - 1]};
    s.vectors = train->n < VECTORS ? (int)train->n : VECTORS;
    votes v = {k, count, temperature, malloc((size_t)train->classes * sizeof(double)), scores};
    ij_status status =
        v.rating ? IJ_OK : ij_fail(IJ_ENOMEM, "no host memory for the votes for %d classes", train->classes);
    memset(scores, 0, (size_t)count * sizeof *scores);
    for (int i = 0; i < count && !status; i++)
        status = ij_score_create(&scores[i], train->classes);
    if (!status) {
        status = run(&s, &v);
        release(&s);
    }
    for (int i = 0; i < count && status; i++)
        ij_score_destroy(&scores[i]);
    free(v.rating);
    return status;
}
