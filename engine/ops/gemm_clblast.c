/* CLBlast's products, with what follows them as passes of their own. cl/rowmajor.cl, cl/gpu_rowmajor.cl. */
#include "engine/base/try.h"
#include "engine/ops/implementations.h"
#include "engine/ops/rows.h"

#include <clblast_c.h>

/* C [m, n] = op(A) op(B), row-major, inner length k. */
typedef struct operands {
    int shape[3]; /* m, n, k */
    CLBlastTranspose ta, tb;
    int lda, ldb;
} operands;

static operands operands_of(const ij_product *p)
{
    operands o = {.ta = CLBlastTransposeNo, .tb = CLBlastTransposeNo};
    ij_product_shape(p, o.shape);
    if (p->form == IJ_FORWARD)
        o.tb = CLBlastTransposeYes;
    if (p->form == IJ_BACKWARD_WEIGHT)
        o.ta = CLBlastTransposeYes;
    o.lda = o.ta == CLBlastTransposeYes ? o.shape[0] : o.shape[2];
    o.ldb = o.tb == CLBlastTransposeYes ? o.shape[2] : o.shape[1];
    return o;
}

static size_t bytes_of(const ij_gemm *gemm, const ij_product *p)
{
    size_t bytes = 0;
    operands o = operands_of(p);
    cl_command_queue queue = gemm->device->compute;
    CLBlastSGemmTempBufferSize(CLBlastLayoutRowMajor, o.ta, o.tb, (size_t)o.shape[0], (size_t)o.shape[1],
                               (size_t)o.shape[2], 0, (size_t)o.lda, 0, (size_t)o.ldb, 0, (size_t)o.shape[1], &queue,
                               &bytes);
    return bytes;
}

static size_t scratch(const ij_gemm *gemm, int rows, int out, int in)
{
    static const ij_form forms[] = {IJ_FORWARD, IJ_BACKWARD_INPUT, IJ_BACKWARD_WEIGHT};
    size_t most = 0;
    for (int i = 0; i < 3; i++) {
        size_t bytes = bytes_of(gemm, &(ij_product){.form = forms[i], .rows = rows, .out = out, .in = in});
        most = bytes > most ? bytes : most;
    }
    return most;
}

static ij_status multiply(ij_gemm *gemm, const ij_product *p)
{
    operands o = operands_of(p);
    const int *s = o.shape;
    cl_command_queue queue = gemm->device->compute;
    gemm->device->launches++;
    CLBlastStatusCode code = CLBlastSgemmWithTempBuffer(
        CLBlastLayoutRowMajor, o.ta, o.tb, (size_t)s[0], (size_t)s[1], (size_t)s[2], 1.0f, p->a, 0, (size_t)o.lda, p->b,
        0, (size_t)o.ldb, p->accumulate ? 1.0f : 0.0f, p->c, 0, (size_t)s[1], &queue, NULL, gemm->scratch);
    if (code == CLBlastSuccess)
        return ij_pace_launched(gemm->device);
    return ij_fail(IJ_EDEVICE, "CLBlast refused a product of %d x %d x %d: error %d (set gemm = own)", s[0], s[1], s[2],
                   (int)code);
}

/* A kernel of what follows; the library's products have any width. */
static ij_status end_kernel(ij_gemm *gemm, const char *name, cl_kernel *kernel)
{
    ij_product_kernel what = {
        .of = ij_rows_tuning(gemm->device).of, .source = "rowmajor", .name = name, .any_width = true};
    return ij_product_kernel_get(gemm, what, kernel);
}

/* ---- Forward and to the input ------------------------------------------------------------------------------------ */

/* The library overwrites c, so a residual that lies there would be lost: callers keep the two apart. */
static ij_status run(ij_gemm *gemm, const ij_product *p)
{
    cl_kernel kernel;
    TRY(multiply(gemm, p));
    if (!p->tail)
        return IJ_OK;
    TRY(end_kernel(gemm, "tail", &kernel));
    cl_int width = p->form == IJ_FORWARD ? p->out : p->in;
    cl_mem bias = p->bias ? p->bias : p->c, add = p->add ? p->add : p->c;
    cl_mem add_rows = p->add_rows ? p->add_rows : p->c, pre = p->pre ? p->pre : p->c;
    return IJ_LAUNCH(gemm->device, kernel, "tail", ij_rows_grid(gemm->device, p->rows, 1), IJ_ARG(p->c), IJ_ARG(width),
                     IJ_ARG(p->tail), IJ_ARG(bias), IJ_ARG(add), IJ_ARG(add_rows), IJ_ARG(pre));
}

const ij_product_row ij_gemm_clblast = {
    .kernels = {.name = "clblast", .group = IJ_GROUP_GEMM, .layout = IJ_LAYOUT_ROWS},
    .scratch = scratch,
    .run = run,
};

/* ---- Weight gradients -------------------------------------------------------------------------------------------- */

static ij_status run_gradient(ij_gemm *gemm, const ij_product *p)
{
    cl_kernel kernel;
    TRY(multiply(gemm, p));
    TRY(end_kernel(gemm, "column_sum", &kernel));
    cl_int add = p->accumulate;
    ij_grid grid = ij_rows_grid(gemm->device, ij_ceil_div(p->out, ij_rows_columns(gemm->device)), 1);
    return IJ_LAUNCH(gemm->device, kernel, "column_sum", grid, IJ_ARG(p->a), IJ_ARG(p->bias), IJ_ARG(p->rows),
                     IJ_ARG(p->out), IJ_ARG(add));
}

const ij_product_row ij_gradient_clblast = {
    .kernels = {.name = "clblast", .group = IJ_GROUP_GRADIENT, .layout = IJ_LAYOUT_ROWS},
    .scratch = scratch,
    .run = run_gradient,
};
