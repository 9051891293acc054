/* LayerNorm forward and backward, on all rows and on chosen ones, with gain and bias and without.
 *
 * Tolerance: two sums over a row (about sqrt(D) 2^-24 each, 3e-7 for D = 1408) and a handful of roundings; the inputs'
 * mean is six times their spread here, which costs another factor of six in x - mean. 3e-6. */
#include "engine/ops/layernorm.h"

#include "tests/checkcl.h"
#include "tests/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#define TOLERANCE 3e-6

typedef struct shape {
    int count, dim;
} shape;

static const shape fixed[] = {{1, 8},    {2, 24},   {11, 48}, {13, 88},   {97, 176},
                              {300, 20}, {9, 1408}, {8, 12},  {1100, 12}, {33, 200}};
enum { FIXED = sizeof fixed / sizeof *fixed, SHAPES = FIXED + 4 };

/* One norm on random memory; `chosen`: it reads `count` of all - more - rows. */
typedef struct setting {
    shape s;
    int all;
    int32_t *rows;
    float *x, *gain, *bias;
    ij_layernorm op;
    ij_norm norm;
    cl_mem x_mem, rows_mem;
    reference_norm reference;
} setting;

static void choose(check *c, setting *t, int i, bool chosen)
{
    *t = (setting){.s = i < FIXED ? fixed[i] : (shape){check_draw(c, 1, 400), check_draw(c, 2, 100) * 4}};
    shape s = t->s;
    check_shape(c, "%d rows%s of %d", s.count, chosen ? " by number" : "", s.dim);
    check_ok(c, ij_layernorm_create(&t->op, c->device));
    t->op.partial = check_output(c, ij_layernorm_partial(c->device, s.dim));
    t->all = chosen ? s.count + check_draw(c, 0, 50) : s.count;
    size_t floats = (size_t)t->all * (size_t)s.dim, width = (size_t)s.dim;
    t->x = check_normals(c, floats, 3.0f, 0.5f);
    for (size_t j = 0; j < width; j++) /* a row without any spread: 1/sqrt(eps) is all there is */
        t->x[floats - width + j] = 2.0f;
    t->gain = check_normals(c, width, 1.0f, 0.3f);
    t->bias = check_normals(c, width, 0.0f, 0.3f);
    t->x_mem = check_input(c, t->x, floats * sizeof(float));
    if (chosen) {
        t->rows = check_distinct(c, s.count, t->all);
        t->rows_mem = check_input(c, t->rows, (size_t)s.count * sizeof *t->rows);
    }
    t->norm = (ij_norm){.dim = s.dim, .eps = 1e-6f};
    t->norm.gain = check_input(c, t->gain, width * sizeof(float));
    t->norm.bias = check_input(c, t->bias, width * sizeof(float));
    t->reference = (reference_norm){t->gain, t->bias, t->rows, s.count, s.dim, 1e-6};
}

static void end(check *c, setting *t)
{
    check_end(c);
    ij_layernorm_destroy(&t->op);
}

static void forward_once(check *c, int i, bool chosen, bool plain, bool add)
{
    setting t;
    choose(c, &t, i, chosen);
    if (plain) { /* the targets' norm: no gain, no bias, its own eps */
        t.norm.gain = t.norm.bias = NULL;
        t.reference.gain = t.reference.bias = NULL;
        t.norm.eps = 1e-5f;
        t.reference.eps = 1e-5;
    }
    size_t n = (size_t)t.s.count * (size_t)t.s.dim;
    float *before = check_normals(c, n, 0.0f, 1.0f);
    cl_mem y = add ? check_changing(c, before, n * sizeof *before) : check_output(c, n);
    double *want = check_doubles(c, n);
    reference_norm_forward(t.reference, t.x, want);
    for (size_t j = 0; add && j < n; j++)
        want[j] += (double)before[j];
    check_ok(c, (add ? ij_layernorm_add : ij_layernorm_forward)(&t.op, &t.norm, t.x_mem, t.rows_mem, y, t.s.count));
    check_close(c, add ? "y, added" : plain ? "plain y" : "y", check_read(c, y), want, n, TOLERANCE);
    end(c, &t);
}

static void forward(check *c)
{
    for (int i = 0; i < SHAPES; i++) {
        forward_once(c, i, false, false, false);
        forward_once(c, i, true, false, false);
        forward_once(c, i, true, true, false);
        forward_once(c, i, false, false, true);
        forward_once(c, i, true, true, true);
    }
}

/* Rows that forward did not read keep what they held, to the bit. */
static void check_others(const setting *t, const float *before, const float *after)
{
    for (int r = 0; r < t->all; r++) {
        bool read = !t->rows;
        for (int i = 0; t->rows && i < t->s.count; i++)
            read = read || t->rows[i] == r;
        size_t width = (size_t)t->s.dim;
        for (size_t j = 0; !read && j < width; j++) {
            size_t at = (size_t)r * width + j;
            assert_true(before ? before[at] == after[at] : check_poisoned(&after[at]));
        }
    }
}

/* The rows that forward read; the one without spread, a thousand times the others, on its own. */
static void compare_rows(check *c, const setting *t, const char *what, const float *got, const double *want)
{
    size_t width = (size_t)t->s.dim, n = 0;
    float *got_rows = check_host(c, (size_t)t->all * width * sizeof *got_rows);
    double *want_rows = check_doubles(c, (size_t)t->all * width);
    for (int i = 0; i < t->s.count; i++) {
        int row = t->rows ? t->rows[i] : i;
        size_t at = (size_t)row * width;
        if (row == t->all - 1) {
            check_close(c, "dx of a row without spread", got + at, want + at, width, TOLERANCE);
            continue;
        }
        memcpy(got_rows + n, got + at, width * sizeof *got_rows);
        memcpy(want_rows + n, want + at, width * sizeof *want_rows);
        n += width;
    }
    check_close(c, what, got_rows, want_rows, n, TOLERANCE);
}

/* add: the gradients of gain and bias are added to what is there, else set. */
static void backward_once(check *c, int i, bool chosen, bool accumulate, bool add)
{
    setting t;
    choose(c, &t, i, chosen);
    size_t width = (size_t)t.s.dim, n = (size_t)t.s.count * width, floats = (size_t)t.all * width;
    float *dy = check_normals(c, n, 0.05f, 1.0f), *residual = check_normals(c, floats, 0.0f, 1.0f);
    double *dx = check_doubles(c, floats), *dgain = check_doubles(c, width), *dbias = check_doubles(c, width);
    cl_mem dx_mem = accumulate ? check_changing(c, residual, floats * sizeof *residual) : check_output(c, floats);
    const float *before = check_normals(c, width, 1.0f, 1.0f);
    t.norm.gain_grad = add ? check_changing(c, before, width * sizeof *before) : check_output(c, width);
    t.norm.bias_grad = add ? check_changing(c, before, width * sizeof *before) : check_output(c, width);
    for (size_t j = 0; accumulate && j < floats; j++)
        dx[j] = (double)residual[j];
    reference_norm_backward(t.reference, t.x, dy, dx, dgain, dbias);
    for (size_t j = 0; add && j < width; j++) {
        dgain[j] += (double)before[j];
        dbias[j] += (double)before[j];
    }
    check_ok(c, ij_layernorm_backward(&t.op, &t.norm, t.x_mem, t.rows_mem, check_input(c, dy, n * sizeof *dy), dx_mem,
                                      t.s.count, accumulate, add));
    const float *got = check_read(c, dx_mem);
    check_others(&t, accumulate ? residual : NULL, got);
    compare_rows(c, &t, accumulate ? "dx, added" : "dx", got, dx);
    check_close(c, "gain gradient", check_read(c, t.norm.gain_grad), dgain, width, TOLERANCE);
    check_close(c, "bias gradient", check_read(c, t.norm.bias_grad), dbias, width, TOLERANCE);
    end(c, &t);
}

static void backward(check *c)
{
    for (int i = 0; i < SHAPES; i++)
        for (int k = 0; k < 8; k++)
            backward_once(c, i, k & 1, k & 2, k & 4);
}

const check_case check_layernorm[] = {
    {"layernorm/forward", forward, false}, {"layernorm/backward", backward, false}, {NULL, NULL, false}};
