/* What softmax regression and nearest neighbours do beside their products, on ragged sizes.
 *
 * Tolerance: softmax's exp is right to 2 ulp, its sum over up to 1000 classes to some 1e-6; a step is a few rounded
 * operations, and its sums run over up to 200 terms. Neighbours are exact: they only compare. */
#include "engine/ops/nearest.h"
#include "engine/ops/softmax_probe.h"

#include "tests/checkcl.h"
#include "tests/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define TOLERANCE 3e-6

/* ---- Softmax ---------------------------------------------------------------------------------------------------- */

static void run_gradient(check *c, ij_softmax_probe *op, int rows, int members, int classes)
{
    check_shape(c, "%d rows, %d members, %d classes", rows, members, classes);
    size_t n = (size_t)rows * (size_t)members * (size_t)classes;
    float *logits = check_normals(c, n, 1.0f, 4.0f);
    int32_t *label = check_numbers(c, rows, classes);
    if (rows > 1) { /* far from the others: all of the weight, or none of it */
        logits[0] = 60.0f;
        logits[n - 1] = -200.0f;
    }
    double *want = check_doubles(c, n);
    reference_softmax_gradient(logits, label, rows, members, classes, want);
    cl_mem d = check_changing(c, logits, n * sizeof *logits);
    check_ok(c,
             ij_softmax_gradient(op, d, check_input(c, label, (size_t)rows * sizeof *label), rows, members, classes));
    check_close(c, "gradient", check_read(c, d), want, n, TOLERANCE);
    check_end(c);
}

static void gradient(check *c)
{
    static const int classes[] = {2, 3, 4, 7, 10, 16, 17, 100, 1000};
    ij_softmax_probe op;
    check_ok(c, ij_softmax_probe_create(&op, c->device));
    run_gradient(c, &op, 1, 1, 2);
    for (int i = 0; i < 14; i++)
        run_gradient(c, &op, check_draw(c, 1, 150), check_draw(c, 1, 8), classes[check_draw(c, 0, 8)]);
    ij_softmax_probe_destroy(&op);
}

/* ---- A step ----------------------------------------------------------------------------------------------------- */

/* One matrix [out, in] and a vector [out] in all their copies: on the host in the official order and double, on the
 * device in the layout of the products. */
typedef struct numbers {
    float *matrix, *vector;
    cl_mem matrix_mem, vector_mem;
} numbers;

static numbers draw(check *c, const ij_gemm *gemm, int out, int in, bool changes)
{
    numbers n = {.matrix = check_normals(c, (size_t)out * (size_t)in, 0.0f, 1.0f),
                 .vector = check_normals(c, (size_t)out, 0.0f, 1.0f)};
    size_t floats = ij_gemm_weight_floats(gemm, out, in);
    float *packed = check_host(c, floats * sizeof *packed);
    ij_gemm_pack_rows(gemm, out, in, 0, out, n.matrix, packed);
    cl_mem (*make)(check *, const void *, size_t) = changes ? check_changing : check_input;
    n.matrix_mem = make(c, packed, floats * sizeof *packed);
    n.vector_mem = make(c, n.vector, (size_t)out * sizeof *n.vector);
    return n;
}

static void compare(check *c, const ij_gemm *gemm, const char *what, cl_mem matrix, cl_mem vector, const double *want,
                    int out, int in)
{
    float *official = check_host(c, (size_t)out * (size_t)in * sizeof *official);
    ij_gemm_unpack_rows(gemm, out, in, 0, out, check_read(c, matrix), official);
    const float *bias = check_read(c, vector);
    size_t n = (size_t)out * ((size_t)in + 1);
    float *got = check_host(c, n * sizeof *got);
    for (int o = 0; o < out; o++) {
        memcpy(got + (size_t)o * ((size_t)in + 1), official + (size_t)o * (size_t)in, (size_t)in * sizeof *got);
        got[(size_t)o * ((size_t)in + 1) + (size_t)in] = bias[o];
    }
    check_close(c, what, got, want, n, TOLERANCE);
}

static double *together(check *c, numbers n, int out, int in)
{
    double *all = check_doubles(c, (size_t)out * ((size_t)in + 1)), *to = all;
    for (int o = 0; o < out; o++) {
        for (int i = 0; i < in; i++)
            *to++ = (double)n.matrix[(size_t)o * (size_t)in + (size_t)i];
        *to++ = (double)n.vector[o];
    }
    return all;
}

static void run_step(check *c, ij_softmax_probe *op, const ij_gemm *gemm, int out, int in)
{
    check_shape(c, "%d outputs of %d", out, in);
    numbers weight = draw(c, gemm, out, in, true), before = draw(c, gemm, out, in, true);
    numbers sum = draw(c, gemm, out, in, false);
    double *w = together(c, weight, out, in), *b = together(c, before, out, in), *g = together(c, sum, out, in);
    double *uphill = check_doubles(c, 2 * (size_t)out), *most = uphill + out;
    float *step = check_host(c, 3 * (size_t)out * sizeof *step), scale = 0.125f;
    size_t row = (size_t)in + 1;
    for (int o = 0; o < out; o++) {
        float rate = (float)check_draw(c, 1, 100) / 128, decay = (float)check_draw(c, 0, 8) / 16;
        float momentum = (float)check_draw(c, 0, 16) / 16;
        step[o] = rate, step[out + o] = decay, step[2 * out + o] = momentum;
        reference_step s = {(double)rate, (double)decay, (double)momentum, (double)scale};
        size_t at = (size_t)o * row;
        uphill[o] = reference_probe_step(s, in, g + at, w + at, b + at, &most[o]);
    }
    ij_linear l = {.in = in,
                   .out = out,
                   .weight = weight.matrix_mem,
                   .bias = weight.vector_mem,
                   .weight_grad = sum.matrix_mem,
                   .bias_grad = sum.vector_mem};
    cl_mem measure = check_output(c, 2 * (size_t)out);
    check_ok(c, ij_probe_step(op, &l, before.matrix_mem, before.vector_mem,
                              check_input(c, step, 3 * (size_t)out * sizeof *step), measure, scale));
    compare(c, gemm, "weights", weight.matrix_mem, weight.vector_mem, w, out, in);
    compare(c, gemm, "last points", before.matrix_mem, before.vector_mem, b, out, in);
    check_close(c, "measures", check_read(c, measure), uphill, 2 * (size_t)out, TOLERANCE);
    check_end(c);
}

static void step(check *c)
{
    ij_softmax_probe op;
    ij_gemm gemm;
    check_ok(c, ij_softmax_probe_create(&op, c->device));
    check_ok(c, ij_gemm_create(&gemm, c->device, false));
    run_step(c, &op, &gemm, 1, 1);
    for (int i = 0; i < 10; i++)
        run_step(c, &op, &gemm, check_draw(c, 2, 130), check_draw(c, 1, 200));
    ij_gemm_destroy(&gemm);
    ij_softmax_probe_destroy(&op);
}

static void add(check *c)
{
    static const int counts[] = {1, 3, 16, 100, 4096, 4097, 9001};
    ij_softmax_probe op;
    check_ok(c, ij_softmax_probe_create(&op, c->device));
    for (int i = 0; i < 7; i++) {
        check_shape(c, "%d floats", counts[i]);
        size_t n = (size_t)counts[i];
        float *sum = check_normals(c, n, 0.0f, 1.0f), *part = check_normals(c, n, 0.0f, 1.0f);
        double *want = check_doubles(c, n);
        for (size_t k = 0; k < n; k++)
            want[k] = (double)sum[k] + (double)part[k];
        cl_mem to = check_changing(c, sum, n * sizeof *sum);
        check_ok(c, ij_probe_add(&op, to, check_input(c, part, n * sizeof *part), counts[i]));
        check_close(c, "sum", check_read(c, to), want, n, TOLERANCE);
        check_end(c);
    }
    ij_softmax_probe_destroy(&op);
}

/* ---- Neighbours ------------------------------------------------------------------------------------------------- */

/* All n vectors in tiles of `tile` columns; some similarities are equal, so that their order shows. */
static void run_nearest(check *c, ij_nearest *op, int queries, int n, int tile, int k)
{
    check_shape(c, "%d queries, %d vectors in tiles of %d, %d nearest", queries, n, tile, k);
    size_t all = (size_t)queries * (size_t)n, lists = (size_t)queries * (size_t)k;
    float *similarity = check_normals(c, all, 0.0f, 1.0f), *want = check_host(c, lists * sizeof *want);
    int32_t *want_at = check_host(c, lists * sizeof *want_at);
    for (size_t i = 0; i < all; i++)
        if (check_draw(c, 0, 3) == 0)
            similarity[i] = (float)check_draw(c, -4, 8) / 4;
    cl_mem value = check_output(c, lists), index = check_output(c, lists);
    for (int base = 0; base < n; base += tile) {
        int count = n - base < tile ? n - base : tile;
        float *part = check_host(c, (size_t)queries * (size_t)tile * sizeof *part);
        for (int q = 0; q < queries; q++)
            for (int j = 0; j < tile; j++) /* columns beyond `count` do not count, however near they are */
                part[q * tile + j] = j < count ? similarity[q * n + base + j] : 1e30f;
        check_ok(c, ij_nearest_merge(op, check_input(c, part, (size_t)queries * (size_t)tile * sizeof *part), value,
                                     index, queries, tile, count, base, k));
    }
    for (int q = 0; q < queries; q++)
        reference_nearest(similarity + (size_t)q * (size_t)n, n, k, want + (size_t)q * (size_t)k,
                          want_at + (size_t)q * (size_t)k);
    const float *got = check_read(c, value);
    const int32_t *got_at = (const int32_t *)(const void *)check_read(c, index);
    for (size_t i = 0; i < lists; i++) {
        if (got_at[i] != want_at[i] || (want_at[i] >= 0 && memcmp(&got[i], &want[i], sizeof *got) != 0))
            fail_msg("%s: place %zu holds %d (%g), not %d (%g)", c->shape, i, (int)got_at[i], (double)got[i],
                     (int)want_at[i], (double)want[i]);
    }
    check_end(c);
}

static void nearest(check *c)
{
    ij_nearest op;
    check_ok(c, ij_nearest_create(&op, c->device));
    run_nearest(c, &op, 1, 1, 1, 1);
    run_nearest(c, &op, 3, 5, 4, 20); /* fewer than are asked for */
    run_nearest(c, &op, 2, 700, 300, IJ_NEAREST_MOST);
    for (int i = 0; i < 10; i++) {
        int n = check_draw(c, 1, 600);
        run_nearest(c, &op, check_draw(c, 1, 12), n, check_draw(c, n / 5 + 1, n + 20), check_draw(c, 1, 200));
    }
    assert_int_equal(ij_nearest_merge(&op, NULL, NULL, NULL, 1, 1, 1, 0, IJ_NEAREST_MOST + 1), IJ_EINVAL);
    ij_nearest_destroy(&op);
}

const check_case check_probe[] = {{"probe/gradient", gradient, false},
                                  {"probe/step", step, false},
                                  {"probe/add", add, false},
                                  {"probe/nearest", nearest, false},
                                  {NULL, NULL, false}};
