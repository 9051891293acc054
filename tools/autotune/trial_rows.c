/* Trials of the passes over rows: LayerNorm forward and backward, AdamW. */
#include "tools/autotune/trial.h"

#include "engine/base/try.h"
#include "engine/ops/layernorm.h"
#include "engine/ops/optimizer.h"
#include "tests/reference.h"

#include <stdlib.h>

enum { CHECKED_ROWS = 301 };

/* One pass and all that it may need. */
typedef struct pass {
    trial *trial;
    ij_operation what; /* that the step launches, at the sizes of this trial */
    bool adamw, backward;
    int rows, dim; /* of LayerNorm */
    ij_layernorm layernorm;
    ij_norm norm;
    cl_mem x, y, dx; /* y: of the forward pass, or what comes back */
    ij_optimizer optimizer;
    ij_segment segment;
} pass;

static const ij_adamw step = {
    .lr = 1e-3, .wd = 0.05, .ema = 0.99, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .step = 3};

/* rows: others than the step's, 0 for those. */
static pass pass_of(trial *t, const tune_use *use, int rows)
{
    pass p = {.trial = t,
              .what = use->what,
              .adamw = use->what.kind == IJ_OPERATION_ADAMW,
              .backward = use->what.form == IJ_BACKWARD,
              .rows = rows ? rows : use->what.shape[0],
              .dim = use->what.shape[1],
              .norm = {.dim = use->what.shape[1], .eps = 1e-6f}};
    p.what.shape[0] = p.adamw ? 0 : p.rows;
    return p;
}

static ij_status create(pass *p)
{
    trial *t = p->trial;
    if (p->adamw)
        return ij_optimizer_create(&p->optimizer, t->device);
    TRY(ij_layernorm_create(&p->layernorm, t->device));
    return trial_buffer(t, NULL, ij_layernorm_partial(t->device, p->dim), &p->layernorm.partial);
}

static void drop(pass *p)
{
    cl_mem all[] = {p->layernorm.partial,
                    p->norm.gain,
                    p->norm.bias,
                    p->norm.gain_grad,
                    p->norm.bias_grad,
                    p->x,
                    p->y,
                    p->dx,
                    p->segment.weight,
                    p->segment.gradient,
                    p->segment.moment1,
                    p->segment.moment2,
                    p->segment.target};
    clFinish(p->trial->device->compute);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i])
            clReleaseMemObject(all[i]);
    if (p->adamw)
        ij_optimizer_destroy(&p->optimizer);
    else
        ij_layernorm_destroy(&p->layernorm);
}

static ij_status run(void *context)
{
    pass *p = context;
    if (p->adamw)
        return ij_optimizer_step(&p->optimizer, &p->segment, &step);
    if (p->backward)
        return ij_layernorm_backward(&p->layernorm, &p->norm, p->x, NULL, p->y, p->dx, p->rows, 1, false);
    return ij_layernorm_forward(&p->layernorm, &p->norm, p->x, NULL, p->y, p->rows);
}

static ij_status run_once(pass *p)
{
    double seconds;
    return trial_once(p->trial, run, p, &p->what, &seconds);
}

/* ---- Checking ---------------------------------------------------------------------------------------------------- */

/* A device buffer of random floats; *values, malloc'ed, is the caller's also on failure. */
static ij_status drawn(trial *t, size_t n, float **values, cl_mem *memory)
{
    *values = trial_normals(t, n);
    return *values ? trial_buffer(t, *values, n, memory) : ij_fail(IJ_ENOMEM, "out of memory for a check");
}

/* The same numbers as doubles, malloc'ed; zeros where `values` is NULL. */
static double *widened(const float *values, size_t n)
{
    double *wide = calloc(n, sizeof *wide);
    for (size_t i = 0; wide && values && i < n; i++)
        wide[i] = (double)values[i];
    return wide;
}

enum { X, Y, DX, GAIN, BIAS };
enum { WEIGHT, GRADIENT, MOMENT1, MOMENT2, TARGET };
enum { ARRAYS = 5 }; /* of LayerNorm as of AdamW */

static ij_status check_norm(pass *p, float *values[ARRAYS], double *want[3])
{
    trial *t = p->trial;
    size_t width = (size_t)p->dim, n = (size_t)p->rows * width;
    TRY(drawn(t, n, &values[X], &p->x));
    TRY(drawn(t, n, &values[Y], &p->y));
    TRY(drawn(t, n, &values[DX], &p->dx));
    TRY(drawn(t, width, &values[GAIN], &p->norm.gain));
    TRY(drawn(t, width, &values[BIAS], &p->norm.bias));
    TRY(trial_buffer(t, NULL, width, &p->norm.gain_grad));
    TRY(trial_buffer(t, NULL, width, &p->norm.bias_grad));
    reference_norm r = {
        .count = p->rows, .dim = p->dim, .eps = p->norm.eps, .gain = values[GAIN], .bias = values[BIAS]};
    want[0] = widened(p->backward ? values[DX] : NULL, n);
    want[1] = widened(NULL, width);
    want[2] = widened(NULL, width);
    if (!want[0] || !want[1] || !want[2])
        return ij_fail(IJ_ENOMEM, "out of memory for a check");
    TRY(run_once(p));
    if (!p->backward) {
        reference_norm_forward(r, values[X], want[0]);
        return trial_compare_memory(t, p->y, want[0], n);
    }
    reference_norm_backward(r, values[X], values[Y], want[0], want[1], want[2]);
    TRY(trial_compare_memory(t, p->dx, want[0], n));
    TRY(trial_compare_memory(t, p->norm.gain_grad, want[1], width));
    return trial_compare_memory(t, p->norm.bias_grad, want[2], width);
}

static ij_status check_adamw(pass *p, float *values[ARRAYS], double *want[ARRAYS])
{
    enum { FLOATS = 16 * 4111, DECAYED = 16 * 2003 };
    trial *t = p->trial;
    ij_segment *s = &p->segment;
    cl_mem *memory[ARRAYS] = {&s->weight, &s->gradient, &s->moment1, &s->moment2, &s->target};
    s->count = FLOATS;
    s->decayed = DECAYED;
    for (int i = 0; i < ARRAYS; i++) {
        values[i] = trial_normals(t, FLOATS);
        for (int k = 0; values[i] && i == MOMENT2 && k < FLOATS; k++)
            values[i][k] *= values[i][k];
        want[i] = values[i] ? widened(values[i], FLOATS) : NULL;
        if (!want[i])
            return ij_fail(IJ_ENOMEM, "out of memory for a check");
        TRY(trial_buffer(t, values[i], FLOATS, memory[i]));
    }
    reference_adamw r = {step.lr, step.wd, step.ema, step.beta1, step.beta2, step.eps, step.step};
    reference_adamw_step(r, values[GRADIENT], FLOATS, DECAYED, want[WEIGHT], want[MOMENT1], want[MOMENT2],
                         want[TARGET]);
    TRY(run_once(p));
    for (int i = 0; i < ARRAYS; i++)
        TRY(trial_compare_memory(t, *memory[i], want[i], FLOATS));
    return IJ_OK;
}

ij_status trial_check_rows(trial *t, const tune_use *use)
{
    pass p = pass_of(t, use, CHECKED_ROWS);
    float *values[ARRAYS] = {0};
    double *want[ARRAYS] = {0};
    ij_status status = create(&p);
    if (!status)
        status = p.adamw ? check_adamw(&p, values, want) : check_norm(&p, values, want);
    drop(&p);
    for (int i = 0; i < ARRAYS; i++)
        free(values[i]);
    for (int i = 0; i < ARRAYS; i++)
        free(want[i]);
    return status;
}

/* ---- Timing ------------------------------------------------------------------------------------------------------ */

static ij_status prepare(pass *p, const tune_use *use)
{
    trial *t = p->trial;
    TRY(create(p));
    if (p->adamw) {
        ij_segment *s = &p->segment;
        cl_mem *memory[ARRAYS] = {&s->weight, &s->gradient, &s->moment1, &s->moment2, &s->target};
        s->count = s->decayed = (size_t)(use->what.shape[0] + 15) / 16 * 16;
        for (int i = 0; i < ARRAYS; i++)
            TRY(trial_filled(t, s->count, memory[i]));
        return IJ_OK;
    }
    size_t width = (size_t)p->dim, n = (size_t)p->rows * width;
    cl_mem *wide[] = {&p->x, &p->y, &p->dx};
    cl_mem *narrow[] = {&p->norm.gain, &p->norm.bias, &p->norm.gain_grad, &p->norm.bias_grad};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        TRY(trial_filled(t, n, wide[i]));
    for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++)
        TRY(trial_filled(t, width, narrow[i]));
    return IJ_OK;
}

ij_status trial_time_rows(trial *t, const tune_use *use, double *seconds)
{
    pass p = pass_of(t, use, 0);
    ij_status status = prepare(&p, use);
    if (!status)
        status = trial_median(t, run, &p, &p.what, seconds);
    drop(&p);
    return status;
}
