/* Trials of attention, forward and backward. */
#include "tools/autotune/trial.h"

#include "engine/base/try.h"
#include "engine/ops/attention.h"
#include "tests/reference.h"

#include <stdlib.h>

typedef struct attending {
    trial *trial;
    ij_operation what; /* that the step launches, at the sizes of this trial */
    bool backward;
    ij_attention op;
    ij_sequences sequences;
    cl_mem qkv, out, stat, dout, dqkv;
} attending;

static ij_status make_sequences(attending *a, const int32_t *offset, int count)
{
    TRY(trial_filled(a->trial, (size_t)count + 1, &a->sequences.offset));
    a->sequences.sequences = count;
    a->sequences.tokens = offset[count];
    return ij_cl_check(clEnqueueWriteBuffer(a->trial->device->compute, a->sequences.offset, CL_TRUE, 0,
                                            ((size_t)count + 1) * sizeof *offset, offset, 0, NULL, NULL),
                       "writing offsets");
}

static void drop(attending *a)
{
    cl_mem all[] = {a->sequences.offset, a->qkv, a->out, a->stat, a->dout, a->dqkv};
    clFinish(a->trial->device->compute);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i])
            clReleaseMemObject(all[i]);
    ij_attention_destroy(&a->op);
}

static ij_status forward(void *context)
{
    attending *a = context;
    return ij_attention_forward(&a->op, a->sequences, a->qkv, a->out, a->stat);
}

static ij_status backward(void *context)
{
    attending *a = context;
    return ij_attention_backward(&a->op, a->sequences, a->qkv, a->out, a->stat, a->dout, a->dqkv);
}

/* ---- Checking ---------------------------------------------------------------------------------------------------- */

static ij_status run_check(attending *a, reference_attention r, const float *qkv, const float *dout, double *want,
                           double *lse, size_t n)
{
    trial *t = a->trial;
    TRY(trial_buffer(t, qkv, 3 * n, &a->qkv));
    TRY(trial_buffer(t, dout, n, &a->dout));
    TRY(trial_buffer(t, NULL, n, &a->out));
    TRY(trial_buffer(t, NULL, 2 * n, &a->stat));
    TRY(trial_buffer(t, NULL, 3 * n, &a->dqkv));
    double seconds;
    if (a->backward) {
        TRY(forward(a));
        TRY(trial_once(t, backward, a, &a->what, &seconds));
        reference_attention_backward(r, qkv, dout, want);
        return trial_compare_memory(t, a->dqkv, want, 3 * n);
    }
    TRY(trial_once(t, forward, a, &a->what, &seconds));
    reference_attention_forward(r, qkv, want, lse);
    return trial_compare_memory(t, a->out, want, n);
}

ij_status trial_check_attention(trial *t, const tune_use *use)
{
    enum { SEQUENCES = 5, HEADS = 2 };
    static const int32_t offset[SEQUENCES + 1] = {0, 1, 66, 266, 303, 431}; /* lengths 1, 65, 200, 37, 128 */
    attending a = {.trial = t, .what = use->what, .backward = use->what.form == IJ_BACKWARD};
    int head_dim = use->what.shape[2];
    a.what.shape[0] = SEQUENCES;
    a.what.shape[1] = offset[SEQUENCES];
    size_t n = (size_t)offset[SEQUENCES] * HEADS * (size_t)head_dim;
    reference_attention r = {offset, SEQUENCES, HEADS, head_dim};
    float *qkv = trial_normals(t, 3 * n), *dout = trial_normals(t, n);
    double *want = malloc(3 * n * sizeof *want), *lse = malloc(n * sizeof *lse);
    ij_status status = qkv && dout && want && lse ? IJ_OK : ij_fail(IJ_ENOMEM, "out of memory for a check");
    if (!status)
        status = ij_attention_create(&a.op, t->device, HEADS, head_dim);
    if (!status)
        status = make_sequences(&a, offset, SEQUENCES);
    if (!status)
        status = run_check(&a, r, qkv, dout, want, lse, n);
    drop(&a);
    free(qkv);
    free(dout);
    free(want);
    free(lse);
    return status;
}

/* ---- Timing ------------------------------------------------------------------------------------------------------ */

static ij_status prepare(attending *a, int heads, const int shape[3])
{
    trial *t = a->trial;
    int sequences = shape[0], tokens = shape[1], head_dim = shape[2];
    int32_t *offset = malloc(((size_t)sequences + 1) * sizeof *offset);
    if (!offset)
        return ij_fail(IJ_ENOMEM, "out of memory for a trial");
    for (int s = 0; s <= sequences; s++)
        offset[s] = (int32_t)((int64_t)tokens * s / sequences);
    ij_status status = make_sequences(a, offset, sequences);
    free(offset);
    if (status)
        return status;
    size_t n = (size_t)tokens * (size_t)heads * (size_t)head_dim;
    TRY(ij_attention_create(&a->op, t->device, heads, head_dim));
    TRY(trial_filled(t, 3 * n, &a->qkv));
    TRY(trial_filled(t, n, &a->out));
    TRY(trial_filled(t, n, &a->dout));
    TRY(trial_filled(t, 3 * n, &a->dqkv));
    TRY(trial_filled(t, 2 * (size_t)tokens * (size_t)heads, &a->stat));
    return forward(a);
}

ij_status trial_time_attention(trial *t, const tune_use *use, double *seconds)
{
    attending a = {.trial = t, .what = use->what, .backward = use->what.form == IJ_BACKWARD};
    ij_status status = prepare(&a, t->heads, use->what.shape);
    if (!status)
        status = trial_median(t, a.backward ? backward : forward, &a, &a.what, seconds);
    drop(&a);
    return status;
}
