/* What softmax regression and nearest neighbours do beside their products, on ragged sizes.
 *
 * Tolerance: softmax's exp is right to 2 ulp, its sum over up to 1000 classes to some 1e-6. Neighbours are exact: they
 * only compare. */
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
                                  {"probe/add", add, false},
                                  {"probe/nearest", nearest, false},
                                  {NULL, NULL, false}};
