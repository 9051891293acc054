/* The linear layer: forward with every tail, backward to the input and to the weight, the order that weights lie in.
 *
 * Tolerance: a float32 sum of K products, each term rounded once, is off by about sqrt(K) 2^-24 relative to its terms'
 * norm: 1.5e-6 for K = 600, the longest here; 2e-6 for everything. */
#include "engine/ops/gemm.h"

#include "tests/checkcl.h"
#include "tests/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#define TOLERANCE 2e-6

typedef struct shape {
    int rows, out, in;
} shape;

/* One row; less than a tile; several tiles and some; more rows than a block of the weight gradient (256) and than the
 * rows of a work-group; widths that are multiples of nothing, as custom MLP ratios and patch sizes make them. Six
 * random ones follow. */
static const shape fixed[] = {{1, 8, 8},    {2, 24, 88},   {11, 176, 24}, {13, 200, 48}, {97, 48, 200},
                              {300, 88, 8}, {600, 24, 33}, {5, 3, 1},     {37, 75, 129}};
enum { FIXED = sizeof fixed / sizeof *fixed, SHAPES = FIXED + 6 };

static shape choose(check *c, int i)
{
    shape s = i < FIXED ? fixed[i] : (shape){check_draw(c, 1, 400), check_draw(c, 1, 220), check_draw(c, 1, 220)};
    check_shape(c, "%d rows, %d -> %d", s.rows, s.in, s.out);
    return s;
}

/* A layer with random weights on the device, and the same for the reference. */
typedef struct layer {
    ij_gemm gemm;
    ij_linear linear;
    float *weight, *bias; /* [out, in], [out] */
    shape s;
} layer;

static size_t product(int a, int b)
{
    return (size_t)a * (size_t)b;
}

static void make_layer(check *c, layer *l, shape s)
{
    memset(l, 0, sizeof *l);
    l->s = s;
    check_ok(c, ij_gemm_create(&l->gemm, c->device, c->variant->products));
    size_t scratch = ij_gemm_scratch(&l->gemm, s.rows, s.out, s.in); /* its guards prove that it suffices */
    if (scratch)
        l->gemm.scratch = check_output(c, scratch / sizeof(float));
    l->weight = check_normals(c, product(s.out, s.in), 0.0f, 1.0f);
    l->bias = check_normals(c, (size_t)s.out, 0.0f, 1.0f);
    size_t floats = ij_gemm_weight_floats(&l->gemm, s.out, s.in);
    float *packed = check_host(c, floats * sizeof *packed);
    for (int o = 0; o < s.out; o++)
        for (int i = 0; i < s.in; i++)
            packed[ij_gemm_weight_at(&l->gemm, s.in, o, i)] = l->weight[product(o, s.in) + (size_t)i];
    l->linear.in = s.in;
    l->linear.out = s.out;
    l->linear.weight = check_input(c, packed, floats * sizeof *packed);
    l->linear.bias = check_input(c, l->bias, (size_t)s.out * sizeof(float));
    if (ij_gemm_layout(&l->gemm) == IJ_LAYOUT_PANELS)
        l->linear.weight_t = check_output(c, ij_gemm_weight_floats(&l->gemm, s.in, s.out));
}

static void end_layer(check *c, layer *l)
{
    check_end(c);
    ij_gemm_destroy(&l->gemm);
}

static cl_mem input(check *c, const float *x, int rows, int width)
{
    return check_input(c, x, product(rows, width) * sizeof *x);
}

/* Every (output, input) has a place of its own inside the memory, and transposing keeps them apart. */
static void layout(check *c)
{
    for (int i = 0; i < SHAPES; i++) {
        layer l;
        shape s = choose(c, i);
        make_layer(c, &l, s);
        size_t floats = ij_gemm_weight_floats(&l.gemm, s.out, s.in);
        char *taken = check_host(c, floats);
        for (int o = 0; o < s.out; o++)
            for (int k = 0; k < s.in; k++) {
                size_t at = ij_gemm_weight_at(&l.gemm, s.in, o, k);
                assert_true(at < floats && !taken[at]);
                taken[at] = 1;
            }
        check_ok(c, ij_gemm_transpose_weight(&l.gemm, &l.linear));
        if (l.linear.weight_t) {
            size_t total = ij_gemm_weight_floats(&l.gemm, s.in, s.out);
            float *want = check_host(c, total * sizeof *want);
            for (int o = 0; o < s.out; o++)
                for (int k = 0; k < s.in; k++)
                    want[ij_gemm_weight_at(&l.gemm, s.out, k, o)] = l.weight[product(o, s.in) + (size_t)k];
            assert_memory_equal(check_read(c, l.linear.weight_t), want, total * sizeof *want);
        }
        end_layer(c, &l);
    }
}

static void run_forward(check *c, layer *l, ij_tail tail, reference_tail wanted, bool keep)
{
    shape s = l->s;
    float *x = check_normals(c, product(s.rows, s.in), 0.0f, 1.0f);
    size_t n = product(s.rows, s.out);
    double *pre = check_doubles(c, n), *want = check_doubles(c, n);
    cl_mem y = check_output(c, n);
    if (keep)
        tail.pre = check_output(c, n);
    wanted.bias = l->bias;
    wanted.gelu = tail.gelu;
    reference_linear_forward(x, l->weight, wanted, s.rows, s.out, s.in, pre, want);
    check_ok(c, ij_gemm_forward(&l->gemm, &l->linear, input(c, x, s.rows, s.in), y, s.rows, &tail));
    check_close(c, "y", check_read(c, y), want, n, TOLERANCE);
    if (keep)
        check_close(c, "pre", check_read(c, tail.pre), pre, n, TOLERANCE);
}

/* The residual lies where the result goes. */
static void run_in_place(check *c, layer *l, const float *residual)
{
    shape s = l->s;
    size_t n = product(s.rows, s.out);
    float *x = check_normals(c, product(s.rows, s.in), 0.0f, 1.0f);
    double *want = check_doubles(c, n);
    cl_mem y = check_changing(c, residual, n * sizeof *residual);
    reference_linear_forward(x, l->weight, (reference_tail){.bias = l->bias, .add = residual}, s.rows, s.out, s.in,
                             NULL, want);
    check_ok(c, ij_gemm_forward(&l->gemm, &l->linear, input(c, x, s.rows, s.in), y, s.rows, &(ij_tail){.add = y}));
    check_close(c, "y in place", check_read(c, y), want, n, TOLERANCE);
}

static void forward(check *c)
{
    for (int i = 0; i < SHAPES; i++) {
        shape s = choose(c, i);
        layer l;
        make_layer(c, &l, s);
        int positions = check_draw(c, 1, 9);
        float *residual = check_normals(c, product(s.rows, s.out), 0.0f, 1.0f);
        float *position = check_normals(c, product(positions, s.out), 0.0f, 1.0f);
        int32_t *rows = check_numbers(c, s.rows, positions);
        ij_tail at_position = {.add = input(c, position, positions, s.out),
                               .rows = check_input(c, rows, (size_t)s.rows * sizeof *rows)};
        ij_tail plus = {.add = input(c, residual, s.rows, s.out)};
        reference_tail none = {0}, with_position = {.add = position, .rows = rows}, with_residual = {.add = residual};

        run_forward(c, &l, (ij_tail){0}, none, false);
        run_forward(c, &l, plus, with_residual, false);
        run_forward(c, &l, at_position, with_position, false);
        run_forward(c, &l, (ij_tail){.gelu = true}, none, false);
        run_forward(c, &l, (ij_tail){.gelu = true}, none, true);
        if (c->variant->products != IJ_GEMM_CLBLAST)
            run_in_place(c, &l, residual);
        end_layer(c, &l);
    }
}

static void run_backward_input(check *c, layer *l, bool gelu)
{
    shape s = l->s;
    size_t n = product(s.rows, s.in);
    float *dy = check_normals(c, product(s.rows, s.out), 0.0f, 1.0f);
    float *pre = gelu ? check_normals(c, n, 0.0f, 1.5f) : NULL;
    double *want = check_doubles(c, n);
    cl_mem dx = check_output(c, n), kept = gelu ? check_changing(c, pre, n * sizeof *pre) : NULL;
    reference_linear_backward_input(dy, l->weight, pre, s.rows, s.out, s.in, want);
    check_ok(c, ij_gemm_backward_input(&l->gemm, &l->linear, input(c, dy, s.rows, s.out), dx, s.rows, kept));
    check_close(c, "dx", check_read(c, dx), want, n, TOLERANCE);
    if (!gelu)
        return;
    for (size_t i = 0; i < n; i++)
        want[i] = reference_gelu((double)pre[i]);
    check_close(c, "GELU(pre)", check_read(c, kept), want, n, TOLERANCE);
}

/* The gradients of two layers that read the same, one added to the other's. */
static void run_backward_added(check *c, layer *l)
{
    shape s = l->s;
    size_t n = product(s.rows, s.in);
    float *dy = check_normals(c, product(s.rows, s.out), 0.0f, 1.0f), *add = check_normals(c, n, 0.0f, 1.0f);
    double *want = check_doubles(c, n);
    cl_mem dx = check_output(c, n);
    reference_linear_backward_input(dy, l->weight, NULL, s.rows, s.out, s.in, want);
    for (size_t i = 0; i < n; i++)
        want[i] += (double)add[i];
    check_ok(c, ij_gemm_backward_input_added(&l->gemm, &l->linear, input(c, dy, s.rows, s.out), dx, s.rows,
                                             input(c, add, s.rows, s.in)));
    check_close(c, "dx and more", check_read(c, dx), want, n, TOLERANCE);
}

static void backward_input(check *c)
{
    for (int i = 0; i < SHAPES; i++) {
        layer l;
        make_layer(c, &l, choose(c, i));
        check_ok(c, ij_gemm_transpose_weight(&l.gemm, &l.linear));
        run_backward_input(c, &l, false);
        run_backward_input(c, &l, true);
        run_backward_added(c, &l);
        end_layer(c, &l);
    }
}

/* What a gradient is that was added to itself. */
static void twice(double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= 2;
}

static void backward_weight(check *c)
{
    for (int i = 0; i < SHAPES; i++) {
        layer l;
        shape s = choose(c, i);
        make_layer(c, &l, s);
        size_t floats = ij_gemm_weight_floats(&l.gemm, s.out, s.in);
        float *x = check_normals(c, product(s.rows, s.in), 0.0f, 1.0f);
        float *dy = check_normals(c, product(s.rows, s.out), 0.1f, 1.0f);
        double *dw = check_doubles(c, product(s.out, s.in)), *packed = check_doubles(c, floats);
        double *db = check_doubles(c, (size_t)s.out);
        reference_linear_backward_weight(x, dy, s.rows, s.out, s.in, dw, db);
        for (int o = 0; o < s.out; o++)
            for (int k = 0; k < s.in; k++)
                packed[ij_gemm_weight_at(&l.gemm, s.in, o, k)] = dw[product(o, s.in) + (size_t)k];
        l.linear.weight_grad = check_output(c, floats);
        l.linear.bias_grad = check_output(c, (size_t)s.out);
        cl_mem x_mem = input(c, x, s.rows, s.in), dy_mem = input(c, dy, s.rows, s.out);
        check_ok(c, ij_gemm_backward_weight(&l.gemm, &l.linear, x_mem, dy_mem, s.rows, false));
        /* The padding's zeros are compared too: AdamW passes over it. */
        check_close(c, "weight gradient", check_read(c, l.linear.weight_grad), packed, floats, TOLERANCE);
        check_close(c, "bias gradient", check_read(c, l.linear.bias_grad), db, (size_t)s.out, TOLERANCE);
        check_ok(c, ij_gemm_backward_weight(&l.gemm, &l.linear, x_mem, dy_mem, s.rows, true));
        twice(packed, floats);
        twice(db, (size_t)s.out);
        check_close(c, "weight gradient, added", check_read(c, l.linear.weight_grad), packed, floats, TOLERANCE);
        check_close(c, "bias gradient, added", check_read(c, l.linear.bias_grad), db, (size_t)s.out, TOLERANCE);
        end_layer(c, &l);
    }
}

/* GELU and its slope number by number, far out too: a norm over a matrix would not show a wrong tail of the function.
 * 4e-7 of max(|x|, 1) is 7 units in the last place there: erf's own error is 4, the rest is rounding. */
static void gelu(check *c)
{
    enum { ROWS = 997 };
    layer l;
    check_shape(c, "GELU number by number");
    make_layer(c, &l, (shape){ROWS, 1, 1});
    float one = 1.0f, zero = 0.0f, *x = check_host(c, ROWS * sizeof *x), *ones = check_host(c, ROWS * sizeof *ones);
    for (int i = 0; i < ROWS; i++) {
        float t = ((float)i - 498.0f) / 498.0f;
        x[i] = i % 10 == 0 ? 60.0f * t : 6.0f * t;
        ones[i] = 1.0f;
    }
    size_t floats = ij_gemm_weight_floats(&l.gemm, 1, 1);
    float *packed = check_host(c, floats * sizeof *packed);
    packed[ij_gemm_weight_at(&l.gemm, 1, 0, 0)] = one;
    l.linear.weight = check_input(c, packed, floats * sizeof *packed);
    l.linear.bias = check_input(c, &zero, sizeof zero);
    cl_mem y = check_output(c, ROWS), dx = check_output(c, ROWS), pre = check_changing(c, x, ROWS * sizeof *x);
    check_ok(c, ij_gemm_forward(&l.gemm, &l.linear, input(c, x, ROWS, 1), y, ROWS, &(ij_tail){.gelu = true}));
    check_ok(c, ij_gemm_transpose_weight(&l.gemm, &l.linear));
    check_ok(c, ij_gemm_backward_input(&l.gemm, &l.linear, input(c, ones, ROWS, 1), dx, ROWS, pre));
    const float *value = check_read(c, y), *again = check_read(c, pre), *slope = check_read(c, dx);
    for (int i = 0; i < ROWS; i++) {
        double scale = fmax(fabs((double)x[i]), 1.0);
        check_number(c, "GELU", (double)value[i], reference_gelu((double)x[i]), scale, 4e-7);
        check_number(c, "GELU again", (double)again[i], reference_gelu((double)x[i]), scale, 4e-7);
        check_number(c, "GELU'", (double)slope[i], reference_gelu_slope((double)x[i]), scale, 4e-7);
    }
    end_layer(c, &l);
}

const check_case check_gemm[] = {{"gemm/layout", layout, true},
                                 {"gemm/forward", forward, true},
                                 {"gemm/backward_input", backward_input, true},
                                 {"gemm/backward_weight", backward_weight, true},
                                 {"gemm/gelu", gelu, true},
                                 {NULL, NULL, false}};
