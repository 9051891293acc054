/* Checking and timing the uses of a candidate, operation by operation. */
#ifndef IJ_AUTOTUNE_TRIAL_H
#define IJ_AUTOTUNE_TRIAL_H

#include "tools/autotune/job.h"

#include "engine/base/random.h"

typedef struct trial {
    ij_device *device;
    int heads;
    bool clblast; /* CLBlast's products instead of ours */
    bool spoil;   /* a test asks for a wrong result */
    bool stray;   /* a test asks for another tail of a product than the step's */
    ij_random random;
    double error; /* the check's relative error */
} trial;

/* |a - b| / |b| beyond which a result is wrong: float32 sums of a few thousand products stay within 2e-6. */
#define TRIAL_TOLERANCE 1e-5

/* Each runs `use`'s kernel on random input of a smaller, ragged batch at the full widths, and sets t->error. */
ij_status trial_check_product(trial *t, const tune_use *use);
ij_status trial_check_attention(trial *t, const tune_use *use);
ij_status trial_check_rows(trial *t, const tune_use *use); /* layernorm, layernorm_backward, adamw */

/* Each times `use` at its own size: seconds of one launch, the median of several. */
ij_status trial_time_product(trial *t, const tune_use *use, double *seconds);
ij_status trial_time_attention(trial *t, const tune_use *use, double *seconds);
ij_status trial_time_rows(trial *t, const tune_use *use, double *seconds);

/* ---- What these are made of ---- */

/* n random floats, malloc'ed. */
float *trial_normals(trial *t, size_t n);
/* A device buffer of n floats: a copy of `values`, or NaNs where that is NULL. */
ij_status trial_buffer(trial *t, const float *values, size_t n, cl_mem *memory);
/* A device buffer of n floats of small numbers, for timing. */
ij_status trial_filled(trial *t, size_t n, cl_mem *memory);
/* What a buffer holds; *values is malloc'ed, and the caller's also on failure. */
ij_status trial_read(trial *t, cl_mem memory, size_t n, float **values);
/* Compares with `want`; the largest error of all comparisons stays in t->error. */
void trial_compare(trial *t, float *got, const double *want, size_t n);
ij_status trial_compare_memory(trial *t, cl_mem memory, const double *want, size_t n);
typedef ij_status trial_launch(void *context);
/* Calls `launch` once; seconds: its time on the device. IJ_EINVAL where nothing that it launched is `what`: the trial
 * would be of something else than the step's operation. CLBlast's products do not say what they are and are not asked.
 */
ij_status trial_once(trial *t, trial_launch *launch, void *context, const ij_operation *what, double *seconds);
/* The same until it is known how long it takes: the median. */
ij_status trial_median(trial *t, trial_launch *launch, void *context, const ij_operation *what, double *seconds);

#endif
