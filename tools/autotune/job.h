/* What is tuned: the kernels of one group at one shape, and the launches of a step that show how fast a choice of
 * parameters is. */
#ifndef IJ_AUTOTUNE_JOB_H
#define IJ_AUTOTUNE_JOB_H

#include "engine/opencl.h"
#include "tools/bench/shapes.h"

#include <stdbool.h>

enum { MOST_USES = 4, MOST_JOBS = 64 };

/* One operation at one size, as the step launches it. */
typedef struct tune_use {
    ij_operation what; /* of AdamW, whose launches have no shape: shape[0] is the floats of a call */
    int calls;         /* a step */
    double work;       /* of all calls: flops, or bytes where a kernel only moves them */
} tune_use;

typedef struct tune_job {
    ij_group group;
    int shape[2];             /* as the engine asks for a choice; of the device's group 0 */
    int heads;                /* for attention */
    double share;             /* of the step's device time */
    tune_use uses[MOST_USES]; /* the most expensive ones */
    int use_count;
    bool clblast; /* the parameters of CLBlast's kernel, not ours */
} tune_job;

/* The jobs in a step's kernels, largest share first; `kernels`: names of groups with commas, NULL for all that have
 * parameters ("device", which changes the layout of all weights, only by name). Returns how many. */
int jobs_of_step(const ij_workload *w, const ij_kernel_time *times, int count, const char *kernels,
                 tune_job jobs[MOST_JOBS]);

/* Whether a list "gemm,attention" has a name. */
bool jobs_named(const char *kernels, const char *name);

/* Whether the job's kernels are measured by the bytes they move, and not by their arithmetic. */
bool job_moves(const tune_job *job);
/* Flops, or bytes, of all uses, one step. */
double job_work(const tune_job *job);

/* "KIND,FORM,TAIL,SHAPE,SHAPE,SHAPE,CALLS" in numbers and back: how a use reaches the child. */
void use_print(const tune_use *use, char *text, size_t size);
bool use_parse(tune_use *use, const char *text);

#endif
