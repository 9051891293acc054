/* Trials of matrix products: all three forms of a linear layer, with the tails that a step gives them. */
#include "tools/autotune/trial.h"

#include "engine/base/try.h"
#include "engine/ops/gemm.h"
#include "tests/reference.h"

#include <stdlib.h>

enum { CHECKED_ROWS = 133, CHECKED_ROWS_OF_A_GRADIENT = 271 }; /* ragged for every tile and block */

typedef struct product {
    trial *trial;
    ij_operation what; /* that the step launches, at the sizes of this trial */
    ij_form form;
    int rows, out, in;
    bool residual, position, gelu, keep, gelu_backward;
    ij_gemm gemm;
    ij_linear linear;
    cl_mem from, to; /* x and y, dy and dx, or dy and x */
    cl_mem add, add_rows, pre;
} product;

/* rows: others than the step's, 0 for those. */
static void describe(product *p, trial *t, const tune_use *use, int rows)
{
    *p = (product){.trial = t, .what = use->what, .form = use->what.form};
    int tail = t->stray ? use->what.tail & IJ_TAIL_BIAS : use->what.tail, *s = p->what.shape;
    int *rows_of_shape = p->form == IJ_BACKWARD_WEIGHT ? &s[2] : &s[0];
    *rows_of_shape = rows ? rows : *rows_of_shape;
    p->rows = *rows_of_shape;
    /* M x N x K: rows x out x in; rows x in x out; out x in x rows. */
    p->out = s[p->form == IJ_FORWARD ? 1 : p->form == IJ_BACKWARD_INPUT ? 2 : 0];
    p->in = s[p->form == IJ_FORWARD ? 2 : 1];
    p->residual = tail & IJ_TAIL_ADD;
    p->position = tail & IJ_TAIL_ADD_ROWS;
    p->gelu = tail & IJ_TAIL_GELU;
    p->keep = tail & IJ_TAIL_KEEP;
    p->gelu_backward = tail & IJ_TAIL_GELU_BACKWARD;
}

static void drop(product *p)
{
    cl_mem all[] = {p->linear.weight,
                    p->linear.weight_t,
                    p->linear.bias,
                    p->linear.weight_grad,
                    p->linear.bias_grad,
                    p->gemm.scratch,
                    p->from,
                    p->to,
                    p->add,
                    p->add_rows,
                    p->pre};
    clFinish(p->trial->device->compute);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i])
            clReleaseMemObject(all[i]);
    ij_gemm_destroy(&p->gemm);
}

static ij_status launch(void *context)
{
    product *p = context;
    ij_tail tail = {.add = p->add, .rows = p->add_rows, .gelu = p->gelu, .pre = p->keep ? p->pre : NULL};
    if (p->form == IJ_FORWARD)
        return ij_gemm_forward(&p->gemm, &p->linear, p->from, p->to, p->rows, &tail);
    if (p->form == IJ_BACKWARD_INPUT)
        return ij_gemm_backward_input(&p->gemm, &p->linear, p->from, p->to, p->rows, p->pre);
    return ij_gemm_backward_weight(&p->gemm, &p->linear, p->to, p->from, p->rows, false);
}

/* A check's launch; whether it is the step's operation is looked at, too. */
static ij_status launch_once(product *p)
{
    double seconds;
    return trial_once(p->trial, launch, p, &p->what, &seconds);
}

/* The kernels, and the memory that some want besides. */
static ij_status start(product *p)
{
    trial *t = p->trial;
    TRY(ij_gemm_create(&p->gemm, t->device, t->clblast ? IJ_GEMM_CLBLAST : IJ_GEMM_AUTO));
    p->linear.out = p->out;
    p->linear.in = p->in;
    size_t scratch = ij_gemm_scratch(&p->gemm, p->rows, p->out, p->in) / sizeof(float);
    return scratch ? trial_filled(t, scratch, &p->gemm.scratch) : IJ_OK;
}

/* ---- Checking ---------------------------------------------------------------------------------------------------- */

/* W [out, in] as the engine's kernels want it. */
static ij_status make_weight(product *p, const float *w)
{
    trial *t = p->trial;
    size_t floats = ij_gemm_weight_floats(&p->gemm, p->out, p->in);
    float *laid = calloc(floats, sizeof *laid);
    if (!laid)
        return ij_fail(IJ_ENOMEM, "out of memory for a check");
    for (int o = 0; o < p->out; o++)
        for (int i = 0; i < p->in; i++)
            laid[ij_gemm_weight_at(&p->gemm, p->in, o, i)] = w[(size_t)o * (size_t)p->in + (size_t)i];
    ij_status status = trial_buffer(t, laid, floats, &p->linear.weight);
    free(laid);
    if (status || p->form != IJ_BACKWARD_INPUT || ij_gemm_layout(&p->gemm) != IJ_LAYOUT_PANELS)
        return status;
    TRY(trial_filled(t, ij_gemm_weight_floats(&p->gemm, p->in, p->out), &p->linear.weight_t));
    return ij_gemm_transpose_weight(&p->gemm, &p->linear);
}

static ij_status check_forward(product *p, const float *x, const float *w, const float *bias, double *want)
{
    trial *t = p->trial;
    size_t n = (size_t)p->rows * (size_t)p->out;
    reference_tail tail = {.bias = bias, .gelu = p->gelu};
    float *add = trial_normals(t, n);
    double *pre = malloc(n * sizeof *pre);
    int32_t *rows = malloc((size_t)p->rows * sizeof *rows);
    ij_status status = add && pre && rows ? IJ_OK : ij_fail(IJ_ENOMEM, "out of memory for a check");
    for (int i = 0; !status && i < p->rows; i++)
        rows[i] = (i * 7 + 3) % p->rows;
    if (!status && (p->residual || p->position)) {
        tail.add = add;
        status = trial_buffer(t, add, n, &p->add);
    }
    if (!status && p->position) {
        tail.rows = rows;
        status = trial_buffer(t, NULL, (size_t)p->rows, &p->add_rows);
        if (!status)
            status = ij_cl_check(clEnqueueWriteBuffer(t->device->compute, p->add_rows, CL_TRUE, 0,
                                                      (size_t)p->rows * sizeof *rows, rows, 0, NULL, NULL),
                                 "writing a list");
    }
    if (!status && p->keep)
        status = trial_buffer(t, NULL, n, &p->pre);
    if (!status)
        status = launch_once(p);
    if (!status) {
        reference_linear_forward(x, w, tail, p->rows, p->out, p->in, pre, want);
        status = trial_compare_memory(t, p->to, want, n);
    }
    if (!status && p->keep)
        status = trial_compare_memory(t, p->pre, pre, n);
    free(add);
    free(pre);
    free(rows);
    return status;
}

static ij_status check_backward_input(product *p, const float *dy, const float *w, double *want)
{
    trial *t = p->trial;
    size_t n = (size_t)p->rows * (size_t)p->in;
    float *pre = p->gelu_backward ? trial_normals(t, n) : NULL;
    ij_status status = pre ? trial_buffer(t, pre, n, &p->pre) : IJ_OK;
    if (!status)
        status = launch_once(p);
    if (!status) {
        reference_linear_backward_input(dy, w, pre, p->rows, p->out, p->in, want);
        status = trial_compare_memory(t, p->to, want, n);
    }
    for (size_t i = 0; pre && i < n; i++)
        want[i] = reference_gelu(pre[i]);
    if (!status && pre)
        status = trial_compare_memory(t, p->pre, want, n);
    free(pre);
    return status;
}

static ij_status check_backward_weight(product *p, const float *dy, const float *x, double *want)
{
    trial *t = p->trial;
    size_t n = (size_t)p->out * (size_t)p->in, floats = ij_gemm_weight_floats(&p->gemm, p->out, p->in);
    double *bias = malloc((size_t)p->out * sizeof *bias);
    float *laid = NULL, *got = malloc(n * sizeof *got);
    ij_status status = bias && got ? IJ_OK : ij_fail(IJ_ENOMEM, "out of memory for a check");
    if (!status)
        status = trial_buffer(t, NULL, floats, &p->linear.weight_grad);
    if (!status)
        status = trial_buffer(t, NULL, (size_t)p->out, &p->linear.bias_grad);
    if (!status)
        status = launch_once(p);
    if (!status)
        status = trial_read(t, p->linear.weight_grad, floats, &laid);
    if (!status) {
        for (int o = 0; o < p->out; o++)
            for (int i = 0; i < p->in; i++)
                got[(size_t)o * (size_t)p->in + (size_t)i] = laid[ij_gemm_weight_at(&p->gemm, p->in, o, i)];
        reference_linear_backward_weight(x, dy, p->rows, p->out, p->in, want, bias);
        trial_compare(t, got, want, n);
        status = trial_compare_memory(t, p->linear.bias_grad, bias, (size_t)p->out);
    }
    free(bias);
    free(laid);
    free(got);
    return status;
}

static ij_status check(product *p)
{
    trial *t = p->trial;
    size_t rows = (size_t)p->rows, out = (size_t)p->out, in = (size_t)p->in;
    size_t most = rows * (out > in ? out : in);
    float *x = trial_normals(t, rows * in), *y = trial_normals(t, rows * out);
    float *w = trial_normals(t, out * in), *bias = trial_normals(t, out);
    double *want = malloc((most > out * in ? most : out * in) * sizeof *want);
    ij_status status = x && y && w && bias && want ? start(p) : ij_fail(IJ_ENOMEM, "out of memory for a check");
    if (!status && p->form == IJ_FORWARD)
        status = trial_buffer(t, bias, out, &p->linear.bias);
    if (!status && p->form != IJ_BACKWARD_WEIGHT)
        status = make_weight(p, w);
    if (!status)
        status = trial_buffer(t, p->form == IJ_FORWARD ? x : y, rows * (p->form == IJ_FORWARD ? in : out), &p->from);
    if (!status)
        status = trial_buffer(t, p->form == IJ_BACKWARD_WEIGHT ? x : NULL, rows * (p->form == IJ_FORWARD ? out : in),
                              &p->to);
    if (!status)
        status = p->form == IJ_FORWARD          ? check_forward(p, x, w, bias, want)
                 : p->form == IJ_BACKWARD_INPUT ? check_backward_input(p, y, w, want)
                                                : check_backward_weight(p, y, x, want);
    free(x);
    free(y);
    free(w);
    free(bias);
    free(want);
    return status;
}

ij_status trial_check_product(trial *t, const tune_use *use)
{
    product p;
    describe(&p, t, use, use->what.form == IJ_BACKWARD_WEIGHT ? CHECKED_ROWS_OF_A_GRADIENT : CHECKED_ROWS);
    ij_status status = check(&p);
    drop(&p);
    return status;
}

/* ---- Timing ------------------------------------------------------------------------------------------------------ */

static ij_status prepare(product *p)
{
    trial *t = p->trial;
    size_t rows = (size_t)p->rows, x = rows * (size_t)p->in, y = rows * (size_t)p->out,
           to = p->form == IJ_FORWARD ? y : x;
    TRY(start(p));
    size_t weight = ij_gemm_weight_floats(&p->gemm, p->out, p->in);
    size_t weight_t = ij_gemm_weight_floats(&p->gemm, p->in, p->out);
    TRY(trial_filled(t, weight, p->form == IJ_BACKWARD_WEIGHT ? &p->linear.weight_grad : &p->linear.weight));
    TRY(trial_filled(t, (size_t)p->out, p->form == IJ_BACKWARD_WEIGHT ? &p->linear.bias_grad : &p->linear.bias));
    if (p->form == IJ_BACKWARD_INPUT && ij_gemm_layout(&p->gemm) == IJ_LAYOUT_PANELS)
        TRY(trial_filled(t, weight_t, &p->linear.weight_t));
    TRY(trial_filled(t, p->form == IJ_FORWARD ? x : y, &p->from));
    TRY(trial_filled(t, to, &p->to));
    if (p->residual || p->position)
        TRY(trial_filled(t, to, &p->add));
    if (p->keep || p->gelu_backward)
        TRY(trial_filled(t, to, &p->pre));
    if (!p->position)
        return IJ_OK;
    static const cl_int zero;
    TRY(trial_filled(t, rows, &p->add_rows));
    return ij_cl_check(
        clEnqueueFillBuffer(t->device->compute, p->add_rows, &zero, sizeof zero, 0, rows * sizeof zero, 0, NULL, NULL),
        "filling a list");
}

ij_status trial_time_product(trial *t, const tune_use *use, double *seconds)
{
    product p;
    describe(&p, t, use, 0);
    ij_status status = prepare(&p);
    if (!status)
        status = trial_median(t, launch, &p, &p.what, seconds);
    drop(&p);
    return status;
}
