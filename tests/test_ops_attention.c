/* Attention on packed sequences of different lengths, forward and backward, in every head width that models have.
 *
 * Tolerance: a score is a float32 sum of head_dim products, off by about 1e-7 of its size; exp turns that absolute
 * error into a relative one of each probability. Scores of random inputs reach 4 here, so 2e-6 has room. Where the
 * inputs are made ten times larger scores reach 400, and the same reasoning gives 100 times the error. */
#include "engine/ops/attention.h"

#include "tests/checkcl.h"
#include "tests/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#define TOLERANCE       2e-6
#define SHARP_TOLERANCE 1e-4

enum { MOST = 32 };

typedef struct batch {
    int sequences, length[MOST];
} batch;

/* One sequence; one token; around the vector, tile and key-block sizes of every variant; several key blocks; many. */
static const batch fixed[] = {{1, {1}},
                              {1, {200}},
                              {6, {1, 3, 64, 65, 63, 2}},
                              {12, {4, 5, 7, 8, 9, 12, 13, 15, 16, 17, 31, 33}},
                              {3, {128, 32, 129}}};
enum { FIXED = sizeof fixed / sizeof *fixed, BATCHES = FIXED + 2 };

static batch choose(check *c, int i)
{
    if (i < FIXED)
        return fixed[i];
    batch b = {.sequences = i == FIXED ? MOST : 4};
    for (int s = 0; s < b.sequences; s++)
        b.length[s] = check_draw(c, 1, i == FIXED ? 40 : 200);
    return b;
}

static void run(check *c, ij_attention *a, batch b, float size, double tolerance)
{
    int32_t offset[MOST + 1] = {0};
    for (int s = 0; s < b.sequences; s++)
        offset[s + 1] = offset[s] + b.length[s];
    int tokens = offset[b.sequences];
    size_t width = (size_t)a->heads * (size_t)a->head_dim, n = (size_t)tokens * width;
    size_t stats = (size_t)tokens * (size_t)a->heads;
    float *qkv = check_normals(c, 3 * n, 0.0f, 1.0f), *dout = check_normals(c, n, 0.0f, 1.0f);
    for (size_t i = 0; i < 3 * n; i++)
        if (i % (3 * width) < 2 * width) /* q and k */
            qkv[i] *= size;
    reference_attention reference = {offset, b.sequences, a->heads, a->head_dim};
    double *want = check_doubles(c, n), *lse = check_doubles(c, stats), *dqkv = check_doubles(c, 3 * n);
    reference_attention_forward(reference, qkv, want, lse);
    reference_attention_backward(reference, qkv, dout, dqkv);

    size_t bytes = (size_t)(b.sequences + 1) * sizeof *offset;
    ij_sequences s = {check_input(c, offset, bytes), b.sequences, tokens};
    cl_mem qkv_mem = check_input(c, qkv, 3 * n * sizeof *qkv), out = check_output(c, n);
    cl_mem stat = check_output(c, 2 * stats), dqkv_mem = check_output(c, 3 * n);
    check_ok(c, ij_attention_forward(a, s, qkv_mem, out, stat));
    const float *got = check_read(c, out);
    check_close(c, "out", got, want, n, tolerance);
    const float *denominator = check_read(c, stat);
    for (size_t i = 0; i < stats; i++) /* one by one: it may be near 0, and is right to a part of the scores' size */
        check_number(c, "lse", (double)denominator[i], lse[i], fmax((double)(size * size), fabs(lse[i])), TOLERANCE);

    cl_mem out_again = check_input(c, got, n * sizeof *got); /* backward only reads it */
    check_ok(c,
             ij_attention_backward(a, s, qkv_mem, out_again, stat, check_input(c, dout, n * sizeof *dout), dqkv_mem));
    check_close(c, "dqkv", check_read(c, dqkv_mem), dqkv, 3 * n, tolerance);
    check_end(c);
}

static void attention(check *c)
{
    static const int every[] = {8, 16, 24, 48, 64, 80, 88, 128, 0}, few[] = {24, 0};
    for (const int *head_dim = c->every ? every : few; *head_dim; head_dim++) {
        ij_attention a;
        check_ok(c, ij_attention_create(&a, c->device, check_draw(c, 1, 4), *head_dim));
        for (int i = 0; i < BATCHES; i++) {
            batch b = choose(c, i);
            check_shape(c, "batch %d of %d sequences, %d heads of %d", i, b.sequences, a.heads, *head_dim);
            run(c, &a, b, 1.0f, TOLERANCE);
            run(c, &a, b, 10.0f, SHARP_TOLERANCE);
        }
        ij_attention_destroy(&a);
    }
}

const check_case check_attention[] = {{"attention", attention, false}, {NULL, NULL, false}};
