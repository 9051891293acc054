/* The loss with its gradient, and the spread of features over a batch.
 *
 * Tolerance: the gradient is one difference and one product, right to about 3e-7 of the elements' size where they do
 * not cancel; sums of up to 600 x 384 squares stay within 2e-6 as they come in at most IJ_LOSS_PARTIALS parts. */
#include "engine/ops/loss.h"

#include "tests/checkcl.h"
#include "tests/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TOLERANCE 2e-6

static int draw_width(check *c)
{
    static const int widths[] = {4, 8, 12, 24, 48, 88, 176, 200, 384, 3, 27, 75, 147};
    return widths[check_draw(c, 0, (int)(sizeof widths / sizeof *widths) - 1)];
}

static double sum_of(const float *part, int count)
{
    double sum = 0.0;
    for (int i = 0; i < count; i++)
        sum += (double)part[i];
    return sum;
}

static void run_loss(check *c, bool smooth, bool in_place, bool small)
{
    ij_loss_op op;
    int blocks = check_draw(c, 1, 4), contexts = check_draw(c, 1, 3), per_block = small ? 1 : check_draw(c, 1, 60);
    int rows = blocks * contexts * per_block, dim = draw_width(c);
    check_shape(c, "%s of %d x %d x %d rows of %d%s", smooth ? "smooth_l1" : "l2", blocks, contexts, per_block, dim,
                in_place ? " in place" : "");
    size_t n = (size_t)rows * (size_t)dim, targets = (size_t)(blocks * per_block) * (size_t)dim;
    float *z = check_normals(c, n, 0.0f, 1.0f), *h = check_normals(c, targets, 0.0f, 1.0f);
    double weight = check_draw(c, 0, 1) ? 1.0 : 0.3;
    check_ok(c, ij_loss_create(&op, c->device, dim));
    z[0] = h[0] + 1.0f; /* smooth_l1's two halves meet here; rounding decides on which side it falls: no matter */
    z[1] = h[1];
    double *dz = check_doubles(c, n);
    double want = reference_loss(z, h, blocks, contexts, per_block, dim, smooth, dz);
    for (size_t i = 0; i < n; i++)
        dz[i] *= weight;

    cl_mem partial = check_output(c, IJ_LOSS_PARTIALS), z_mem, dz_mem;
    z_mem = in_place ? check_changing(c, z, n * sizeof *z) : check_input(c, z, n * sizeof *z);
    dz_mem = in_place ? z_mem : check_output(c, n);
    int partials = 0;
    cl_mem h_mem = check_input(c, h, targets * sizeof *h);
    check_ok(c, ij_loss_run(&op, z_mem, h_mem, dz_mem, partial, rows, dim, contexts, per_block, smooth, weight, false,
                            &partials));
    check_close(c, "gradient", check_read(c, dz_mem), dz, n, TOLERANCE);
    assert_in_range(partials, 1, IJ_LOSS_PARTIALS);
    check_number(c, "loss", sum_of(check_read(c, partial), partials) / (double)n, want, want, TOLERANCE);
    if (!in_place) {
        check_ok(c, ij_loss_run(&op, z_mem, h_mem, dz_mem, partial, rows, dim, contexts, per_block, smooth, weight,
                                true, &partials));
        check_number(c, "loss, added", sum_of(check_read(c, partial), partials) / (double)n, 2 * want, want, TOLERANCE);
    }
    check_end(c);
    ij_loss_destroy(&op);
}

static void loss(check *c)
{
    for (int i = 0; i < 24; i++)
        run_loss(c, i & 1, i & 2, i < 4);
}

static void batch_std(check *c)
{
    for (int i = 0; i < 8; i++) {
        ij_loss_op op;
        int batch = i ? check_draw(c, 1, 200) : 1, dim = draw_width(c);
        check_ok(c, ij_loss_create(&op, c->device, dim));
        check_shape(c, "%d images, %d features", batch, dim);
        size_t n = (size_t)batch * (size_t)dim;
        float *features = check_normals(c, n, 0.5f, 1.0f);
        double *want = check_doubles(c, (size_t)dim);
        cl_mem std = check_output(c, (size_t)dim);
        reference_batch_std(features, batch, dim, want);
        check_ok(c, ij_batch_std(&op, check_input(c, features, n * sizeof *features), std, batch, dim));
        check_close(c, "std", check_read(c, std), want, (size_t)dim, TOLERANCE);
        check_end(c);
        ij_loss_destroy(&op);
    }
}

const check_case check_loss[] = {{"loss/loss", loss, false}, {"loss/batch_std", batch_std, false}, {NULL, NULL, false}};
