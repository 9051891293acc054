#include "engine/ops/gemm.h"

#include "engine/base/try.h"
#include "engine/ops/implementations.h"
#include "engine/program.h"

#include <stdlib.h>
#include <string.h>

/* ---- Kernels ----------------------------------------------------------------------------------------------------- */

struct ij_gemm_kernel {
    ij_product_kernel what;
    ij_choice choice; /* that it was built with */
    cl_kernel kernel;
};

ij_status ij_gemm_create(ij_gemm *gemm, ij_device *device, ij_gemm_backend backend)
{
    *gemm = (ij_gemm){.device = device, .backend = backend};
    return IJ_OK;
}

void ij_gemm_destroy(ij_gemm *gemm)
{
    for (int i = 0; i < gemm->kernel_count; i++)
        clReleaseKernel(gemm->kernels[i].kernel);
    free(gemm->kernels);
    memset(gemm, 0, sizeof *gemm);
}

/* Names are literals: the same one is at the same place. */
static bool same_kernel(const ij_product_kernel *a, const ij_product_kernel *b)
{
    return a->of == b->of && a->name == b->name && memcmp(a->shape, b->shape, sizeof a->shape) == 0;
}

static const ij_choice *choice_for(const ij_gemm *gemm, const ij_product_kernel *what)
{
    return ij_choice_for(&gemm->device->tuning, what->of, what->shape[0], what->shape[1]);
}

ij_status ij_product_kernel_get(ij_gemm *gemm, ij_product_kernel what, cl_kernel *kernel)
{
    const ij_choice *choice = choice_for(gemm, &what);
    for (int i = 0; i < gemm->kernel_count; i++) {
        const struct ij_gemm_kernel *k = &gemm->kernels[i];
        if (same_kernel(&k->what, &what) && memcmp(&k->choice, choice, sizeof *choice) == 0) {
            *kernel = k->kernel;
            return IJ_OK;
        }
    }
    struct ij_gemm_kernel *longer = realloc(gemm->kernels, (size_t)(gemm->kernel_count + 1) * sizeof *longer);
    if (!longer)
        return ij_fail(IJ_ENOMEM, "out of memory for the kernels of a product");
    gemm->kernels = longer;
    ij_kernel_tuning tuning = {.of = what.of, .shape = {what.shape[0], what.shape[1]}};
    ij_kernel_align(&tuning, !what.any_width && what.shape[0] % 4 == 0 && what.shape[1] % 4 == 0);
    TRY(ij_kernel_create_fitting(gemm->device, what.source, tuning, what.name, kernel));
    longer[gemm->kernel_count++] = (struct ij_gemm_kernel){what, *choice_for(gemm, &what), *kernel};
    return IJ_OK;
}

/* ---- The product as data ----------------------------------------------------------------------------------------- */

void ij_product_shape(const ij_product *p, int shape[3])
{
    bool weight = p->form == IJ_BACKWARD_WEIGHT, forward = p->form == IJ_FORWARD;
    shape[0] = weight ? p->out : p->rows;
    shape[1] = forward ? p->out : p->in;
    shape[2] = weight ? p->rows : forward ? p->in : p->out;
}

ij_status ij_product_name(const ij_product *p, const char **name)
{
    static const struct {
        const char *name;
        ij_form form;
        int tail;
    } all[] = {{"gemm", IJ_BACKWARD_INPUT, 0},
               {"gemm_bias", IJ_FORWARD, IJ_TAIL_BIAS},
               {"gemm_bias_residual", IJ_FORWARD, IJ_TAIL_BIAS | IJ_TAIL_ADD},
               {"gemm_bias_add_rows", IJ_FORWARD, IJ_TAIL_BIAS | IJ_TAIL_ADD_ROWS},
               {"gemm_bias_gelu", IJ_FORWARD, IJ_TAIL_BIAS | IJ_TAIL_GELU},
               {"gemm_bias_gelu_keep", IJ_FORWARD, IJ_TAIL_BIAS | IJ_TAIL_GELU | IJ_TAIL_KEEP},
               {"gemm_gelu_backward", IJ_BACKWARD_INPUT, IJ_TAIL_GELU_BACKWARD},
               {"gemm_residual", IJ_BACKWARD_INPUT, IJ_TAIL_ADD},
               {"gemm_gradient", IJ_BACKWARD_WEIGHT, 0}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].form == p->form && all[i].tail == p->tail) {
            *name = all[i].name;
            return IJ_OK;
        }
    return ij_fail(IJ_EINVAL, "there is no kernel for a product of form %d with tail %d", (int)p->form, p->tail);
}

ij_grid ij_product_grid(const ij_product *p, int x, int y, int local)
{
    ij_grid grid = {.x = (size_t)x, .y = (size_t)y, .local = (size_t)local};
    grid.what = (ij_operation){.kind = IJ_OPERATION_PRODUCT, .form = p->form, .tail = p->tail};
    ij_product_shape(p, grid.what.shape);
    double m = grid.what.shape[0], n = grid.what.shape[1], k = grid.what.shape[2];
    grid.flops = 2.0 * m * n * k;
    grid.bytes = 4.0 * (m * k + n * k + m * n);
    return grid;
}

/* Arguments that the tail does not read may be any buffer. */
ij_status ij_product_launch(ij_gemm *gemm, cl_kernel kernel, const char *name, ij_grid grid, const ij_product *p)
{
    const int *shape = grid.what.shape;
    cl_mem bias = p->bias ? p->bias : p->b, add = p->add ? p->add : p->c;
    cl_mem add_rows = p->add_rows ? p->add_rows : p->c, pre = p->pre ? p->pre : p->c;
    return IJ_LAUNCH(gemm->device, kernel, name, grid, IJ_ARG(p->a), IJ_ARG(p->b), IJ_ARG(p->c), IJ_ARG(shape[0]),
                     IJ_ARG(shape[1]), IJ_ARG(shape[2]), IJ_ARG(bias), IJ_ARG(add), IJ_ARG(add_rows), IJ_ARG(pre));
}

/* ---- The choice -------------------------------------------------------------------------------------------------- */

static bool is_library(const ij_implementation *of)
{
    return of == &ij_gemm_clblast.kernels || of == &ij_gradient_clblast.kernels;
}

/* What computes a shape. */
static const ij_product_row *row_of(const ij_gemm *gemm, ij_group group, int n, int k)
{
    const ij_tuning *t = &gemm->device->tuning;
    if (gemm->backend == IJ_GEMM_CLBLAST)
        return group == IJ_GROUP_GEMM ? &ij_gemm_clblast : &ij_gradient_clblast;
    const ij_implementation *of = ij_row_for(t, group, n, k);
    if (gemm->backend == IJ_GEMM_OWN && is_library(of))
        of = t->row[group];
    return (const ij_product_row *)of; /* its first member */
}

ij_layout ij_gemm_layout(const ij_gemm *gemm)
{
    return gemm->backend == IJ_GEMM_CLBLAST ? ij_gemm_clblast.kernels.layout
                                            : gemm->device->tuning.row[IJ_GROUP_GEMM]->layout;
}

size_t ij_gemm_scratch(const ij_gemm *gemm, int rows, int out, int in)
{
    const ij_product_row *all[] = {row_of(gemm, IJ_GROUP_GEMM, out, in), row_of(gemm, IJ_GROUP_GEMM, in, out),
                                   row_of(gemm, IJ_GROUP_GRADIENT, out, in)};
    size_t most = 0;
    for (int i = 0; i < 3; i++) {
        size_t bytes = all[i]->scratch ? all[i]->scratch(gemm, rows, out, in) : 0;
        most = bytes > most ? bytes : most;
    }
    return most;
}

static ij_status run(ij_gemm *gemm, const ij_product *p)
{
    bool gradient = p->form == IJ_BACKWARD_WEIGHT, across = p->form == IJ_BACKWARD_INPUT;
    int n = across ? p->in : p->out, k = across ? p->out : p->in;
    return row_of(gemm, gradient ? IJ_GROUP_GRADIENT : IJ_GROUP_GEMM, n, k)->run(gemm, p);
}

/* ---- The three forms --------------------------------------------------------------------------------------------- */

ij_status ij_gemm_forward(ij_gemm *gemm, const ij_linear *l, cl_mem x, cl_mem y, int rows, const ij_tail *tail)
{
    ij_product p = {.form = IJ_FORWARD,
                    .rows = rows,
                    .out = l->out,
                    .in = l->in,
                    .a = x,
                    .b = l->weight,
                    .c = y,
                    .bias = l->bias,
                    .tail = IJ_TAIL_BIAS,
                    .add = tail->add,
                    .add_rows = tail->rows,
                    .pre = tail->pre};
    if (tail->add)
        p.tail |= tail->rows ? IJ_TAIL_ADD_ROWS : IJ_TAIL_ADD;
    if (tail->gelu)
        p.tail |= tail->pre ? IJ_TAIL_GELU | IJ_TAIL_KEEP : IJ_TAIL_GELU;
    return run(gemm, &p);
}

static ij_product to_input(const ij_gemm *gemm, const ij_linear *l, cl_mem dy, cl_mem dx, int rows)
{
    cl_mem weight = ij_gemm_layout(gemm) == IJ_LAYOUT_PANELS ? l->weight_t : l->weight;
    return (ij_product){
        .form = IJ_BACKWARD_INPUT, .rows = rows, .out = l->out, .in = l->in, .a = dy, .b = weight, .c = dx};
}

ij_status ij_gemm_backward_input(ij_gemm *gemm, const ij_linear *l, cl_mem dy, cl_mem dx, int rows, cl_mem pre)
{
    ij_product p = to_input(gemm, l, dy, dx, rows);
    p.tail = pre ? IJ_TAIL_GELU_BACKWARD : 0;
    p.pre = pre;
    return run(gemm, &p);
}

ij_status ij_gemm_backward_input_added(ij_gemm *gemm, const ij_linear *l, cl_mem dy, cl_mem dx, int rows, cl_mem add)
{
    ij_product p = to_input(gemm, l, dy, dx, rows);
    p.tail = IJ_TAIL_ADD;
    p.add = add;
    return run(gemm, &p);
}

ij_status ij_gemm_backward_weight(ij_gemm *gemm, const ij_linear *l, cl_mem x, cl_mem dy, int rows, bool add)
{
    return run(gemm, &(ij_product){.form = IJ_BACKWARD_WEIGHT,
                                   .rows = rows,
                                   .out = l->out,
                                   .in = l->in,
                                   .a = dy,
                                   .b = x,
                                   .c = l->weight_grad,
                                   .bias = l->bias_grad,
                                   .accumulate = add});
}

ij_status ij_gemm_transpose_weight(ij_gemm *gemm, const ij_linear *l)
{
    return ij_gemm_layout(gemm) == IJ_LAYOUT_PANELS && l->weight_t ? ij_panels_transpose(gemm, l) : IJ_OK;
}
