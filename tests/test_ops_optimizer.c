/* AdamW and EMA in one pass.
 *
 * Tolerance: each number is a handful of roundings from the reference, and the powers come from the host: 1e-6. The
 * weights' change is compared besides the weights, which would hide it where the learning rate is small: its error is a
 * rounding of the weight, so its tolerance is that over the size of the change. */
#include "engine/ops/optimizer.h"

#include "tests/checkcl.h"
#include "tests/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#define TOLERANCE 1e-6

typedef struct arrays {
    size_t n;
    float *w, *g, *m, *v, *target; /* before */
    cl_mem w_mem, m_mem, v_mem, target_mem;
    ij_segment segment;
} arrays;

static void make_arrays(check *c, arrays *a, int count, int decayed, bool with_target)
{
    size_t n = (size_t)count, bytes = n * sizeof(float);
    *a = (arrays){.n = n};
    a->w = check_normals(c, n, 0.0f, 0.05f);
    a->g = check_normals(c, n, 0.0f, 0.01f);
    a->m = check_normals(c, n, 0.0f, 0.01f);
    a->v = check_normals(c, n, 0.0f, 0.01f);
    a->target = check_normals(c, n, 0.0f, 0.05f);
    for (size_t i = 0; i < n; i++) {
        a->v[i] *= a->v[i];
        if (i % 7 == 0) /* what padding holds, and parameters without a gradient */
            a->g[i] = a->m[i] = a->v[i] = 0.0f;
        if (i % 7 == 1) /* eps counts here */
            a->g[i] *= 1e-6f, a->m[i] *= 1e-6f, a->v[i] *= 1e-12f;
    }
    a->w_mem = check_changing(c, a->w, bytes);
    a->m_mem = check_changing(c, a->m, bytes);
    a->v_mem = check_changing(c, a->v, bytes);
    a->target_mem = with_target ? check_changing(c, a->target, bytes) : NULL;
    a->segment = (ij_segment){a->w_mem,       check_input(c, a->g, bytes), a->m_mem, a->v_mem, a->target_mem, IJ_F32, n,
                              (size_t)decayed};
}

static double *widen(check *c, const float *x, size_t n)
{
    double *wide = check_doubles(c, n);
    for (size_t i = 0; i < n; i++)
        wide[i] = (double)x[i];
    return wide;
}

static void run(check *c, ij_optimizer *op, int count, int decayed, ij_adamw h, bool with_target)
{
    arrays a;
    check_shape(c, "%d floats, %d of them decayed, step %lld, lr %g", count, decayed, (long long)h.step, h.lr);
    make_arrays(c, &a, count, decayed, with_target);
    double *w = widen(c, a.w, a.n), *m = widen(c, a.m, a.n), *v = widen(c, a.v, a.n), *t = widen(c, a.target, a.n);
    reference_adamw hyper = {h.lr, h.wd, h.ema, h.beta1, h.beta2, h.eps, h.step};
    reference_adamw_step(hyper, a.g, count, decayed, w, m, v, with_target ? t : NULL);
    check_ok(c, ij_optimizer_step(op, &a.segment, &h));

    const float *got = check_read(c, a.w_mem);
    check_close(c, "weights", got, w, a.n, TOLERANCE);
    check_close(c, "first moments", check_read(c, a.m_mem), m, a.n, TOLERANCE);
    check_close(c, "second moments", check_read(c, a.v_mem), v, a.n, TOLERANCE);
    if (with_target)
        check_close(c, "target", check_read(c, a.target_mem), t, a.n, TOLERANCE);
    float *change = check_host(c, a.n * sizeof *change);
    double size = 0.0, weight = 0.0;
    for (size_t i = 0; i < a.n; i++) {
        change[i] = got[i] - a.w[i];
        weight += w[i] * w[i];
        w[i] -= (double)a.w[i];
        size += w[i] * w[i];
    }
    check_close(c, "change", change, w, a.n, TOLERANCE * fmax(1.0, 0.1 * sqrt(weight / size)));
    check_end(c);
}

static void adamw(check *c)
{
    static const struct {
        int count, decayed;
    } sizes[] = {{16, 16}, {16, 0}, {48, 32}, {8192, 4096}, {8208, 8192}, {40000, 30000}};
    static const int64_t steps[] = {1, 2, 100, 1000000};
    ij_optimizer op;
    check_ok(c, ij_optimizer_create(&op, c->device));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int k = 0; k < 4; k++) {
            ij_adamw h = {.lr = k % 2 ? 1e-3 : 0.3,
                          .wd = k % 3 ? 0.4 : 0.04,
                          .ema = k == 3 ? 1.0 : 0.996,
                          .beta1 = 0.9,
                          .beta2 = 0.999,
                          .eps = 1e-8,
                          .step = steps[((int)i + k) % 4]};
            run(c, &op, sizes[i].count, sizes[i].decayed / 16 * 16, h, (i + (size_t)k) % 3 != 0);
        }
    ij_optimizer_destroy(&op);
}

/* Two gradients clipped by the norm of both, and not clipped: the factor, and what AdamW makes of them. */
static void clipped_once(check *c, ij_optimizer *op, int first, int second, double share)
{
    const int counts[2] = {first, second};
    arrays a[2];
    double squares = 0.0;
    int sums = 0;
    check_shape(c, "%d and %d floats, clipped to %g of their norm", first, second, share);
    for (int i = 0; i < 2; i++) {
        make_arrays(c, &a[i], counts[i], counts[i] / 32 * 16, i == 0);
        for (size_t k = 0; k < a[i].n; k++)
            squares += (double)a[i].g[k] * (double)a[i].g[k];
    }
    double limit = share * sqrt(squares), factor = fmin(1.0, limit / (sqrt(squares) + 1e-6));
    op->sums = check_output(c, (size_t)(ij_optimizer_sums(op, &a[0].segment) + ij_optimizer_sums(op, &a[1].segment)));
    op->clip = check_output(c, 1);
    for (int i = 0; i < 2; i++)
        check_ok(c, ij_optimizer_square(op, &a[i].segment, &sums));
    check_ok(c, ij_optimizer_clip(op, sums, limit));
    /* Positive squares: a rounding for each of the 8192 / 4 that a lane adds up at most would be 1e-4; they cancel. */
    check_number(c, "factor", (double)*check_read(c, op->clip), factor, 1.0, 2e-6);

    ij_adamw h = {.lr = 0.1, .wd = 0.4, .ema = 0.99, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-3, .step = 3};
    h.clipped = true;
    for (int i = 0; i < 2; i++) {
        double *w = widen(c, a[i].w, a[i].n), *m = widen(c, a[i].m, a[i].n), *v = widen(c, a[i].v, a[i].n),
               *t = widen(c, a[i].target, a[i].n);
        float *g = check_host(c, a[i].n * sizeof *g);
        for (size_t k = 0; k < a[i].n; k++)
            g[k] = (float)(factor * (double)a[i].g[k]);
        reference_adamw hyper = {h.lr, h.wd, h.ema, h.beta1, h.beta2, h.eps, h.step};
        reference_adamw_step(hyper, g, counts[i], counts[i] / 32 * 16, w, m, v, i == 0 ? t : NULL);
        check_ok(c, ij_optimizer_step(op, &a[i].segment, &h));
        check_close(c, "weights", check_read(c, a[i].w_mem), w, a[i].n, 3 * TOLERANCE);
        check_close(c, "first moments", check_read(c, a[i].m_mem), m, a[i].n, 3 * TOLERANCE);
        check_close(c, "second moments", check_read(c, a[i].v_mem), v, a[i].n, 5 * TOLERANCE);
    }
    check_end(c);
}

static void clipped(check *c)
{
    static const int sizes[][2] = {{16, 16}, {16, 8192}, {8208, 48}, {40000, 8192}, {160, 300000}};
    ij_optimizer op;
    check_ok(c, ij_optimizer_create(&op, c->device));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int k = 0; k < 3; k++)
            clipped_once(c, &op, sizes[i][0], sizes[i][1], k == 0 ? 1e-3 : k == 1 ? 0.5 : 1.5);
    ij_optimizer_destroy(&op);
}

/* lr = 0 leaves every weight as it was and ema = 1 every target, to the bit: what measures gradients relies on it. */
static void nothing(check *c)
{
    ij_optimizer op;
    check_ok(c, ij_optimizer_create(&op, c->device));
    arrays a;
    check_shape(c, "lr 0, ema 1");
    make_arrays(c, &a, 4096, 2048, true);
    ij_adamw h = {.lr = 0, .wd = 0.4, .ema = 1, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .step = 1};
    check_ok(c, ij_optimizer_step(&op, &a.segment, &h));
    assert_memory_equal(check_read(c, a.w_mem), a.w, a.n * sizeof *a.w);
    assert_memory_equal(check_read(c, a.target_mem), a.target, a.n * sizeof *a.target);
    check_end(c);
    ij_optimizer_destroy(&op);
}

const check_case check_optimizer[] = {{"optimizer/adamw", adamw, false},
                                      {"optimizer/clipped", clipped, false},
                                      {"optimizer/nothing", nothing, false},
                                      {NULL, NULL, false}};
