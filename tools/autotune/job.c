#include "tools/autotune/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The group whose parameters an operation's kernels are built with, and the shape that the engine chooses them for. */
static bool group_of(const ij_operation *o, ij_group *group, int shape[2])
{
    shape[0] = shape[1] = 0;
    switch (o->kind) {
    case IJ_OPERATION_ATTENTION:
        *group = o->form == IJ_FORWARD ? IJ_GROUP_ATTENTION : IJ_GROUP_ATTENTION_BACKWARD;
        shape[0] = o->shape[2];
        return true;
    case IJ_OPERATION_LAYERNORM:
    case IJ_OPERATION_ADAMW:
        *group = IJ_GROUP_ROWS; /* one choice for all passes over rows */
        return true;
    case IJ_OPERATION_PRODUCT: {
        bool gradient = o->form == IJ_BACKWARD_WEIGHT;
        *group = gradient ? IJ_GROUP_GRADIENT : IJ_GROUP_GEMM;
        shape[0] =
            o->shape[gradient ? 0 : 1]; /* a gradient [out, in] sums over the rows: M x N x K = out x in x rows */
        shape[1] = o->shape[gradient ? 1 : 2];
        return true;
    }
    default:
        return false;
    }
}

bool jobs_named(const char *kernels, const char *name)
{
    size_t length = strlen(name);
    for (const char *word = kernels; word && *word; word += strcspn(word, ","), word += *word == ',')
        if (strcspn(word, ",") == length && strncmp(word, name, length) == 0)
            return true;
    return false;
}

static bool wanted(const ij_device *device, ij_group group, const char *kernels)
{
    bool any = false; /* something to choose from */
    for (const ij_implementation *const *of = ij_implementations; *of; of++)
        any = any || ((*of)->group == group && (*of)->count > 0 && ij_tuning_allows(&device->tuning, *of) &&
                      (!(*of)->offers || (*of)->offers(&device->info) || *of == device->tuning.row[group]));
    if (!any)
        return false;
    return kernels ? jobs_named(kernels, ij_group_name(group)) : group != IJ_GROUP_DEVICE;
}

static void add_use(tune_job *job, const ij_kernel_time *t, double total)
{
    double work = t->flops > 0 ? t->flops : t->bytes;
    ij_operation what = t->what;
    if (what.kind == IJ_OPERATION_ADAMW)
        what.shape[0] = (int)(t->bytes / t->calls / (9 * sizeof(float)));
    job->share += t->seconds / total;
    /* Some go back through attention in two kernels, which are one use. */
    for (int i = 0; i < job->use_count; i++)
        if (ij_operation_same(&job->uses[i].what, &what)) {
            job->uses[i].work += work;
            return;
        }
    if (job->use_count == MOST_USES || work <= 0) /* they come with the most expensive first */
        return;
    job->uses[job->use_count++] = (tune_use){.what = what, .calls = t->calls, .work = work};
}

static tune_job *job_for(tune_job *jobs, int *n, ij_group group, const int shape[2])
{
    for (int i = 0; i < *n; i++)
        if (jobs[i].group == group && jobs[i].shape[0] == shape[0] && jobs[i].shape[1] == shape[1])
            return &jobs[i];
    if (*n == MOST_JOBS)
        return NULL;
    jobs[*n] = (tune_job){.group = group, .shape = {shape[0], shape[1]}};
    return &jobs[(*n)++];
}

static int by_share(const void *a, const void *b)
{
    const tune_job *x = a, *y = b;
    if ((x->group == IJ_GROUP_DEVICE) != (y->group == IJ_GROUP_DEVICE))
        return x->group == IJ_GROUP_DEVICE ? -1 : 1; /* all else depends on it */
    return (x->share < y->share) - (x->share > y->share);
}

int jobs_of_step(const ij_workload *w, const ij_kernel_time *times, int count, const char *kernels,
                 tune_job jobs[MOST_JOBS])
{
    static const int none[2];
    int n = 0;
    double total = 0.0;
    for (int i = 0; i < count; i++)
        total += times[i].seconds;
    for (int i = 0; i < count; i++) {
        ij_group group;
        int shape[2];
        tune_job *job;
        if (!group_of(&times[i].what, &group, shape))
            continue;
        if (wanted(w->device, group, kernels) && (job = job_for(jobs, &n, group, shape)))
            add_use(job, &times[i], total);
        if (group == IJ_GROUP_GEMM && wanted(w->device, IJ_GROUP_DEVICE, kernels) &&
            (job = job_for(jobs, &n, IJ_GROUP_DEVICE, none)))
            add_use(job, &times[i], total);
    }
    for (int i = 0; i < n; i++)
        jobs[i].heads = w->trained.model.heads;
    qsort(jobs, (size_t)n, sizeof *jobs, by_share);
    return n;
}

bool job_moves(const tune_job *job)
{
    return job->group == IJ_GROUP_ROWS;
}

double job_work(const tune_job *job)
{
    double work = 0.0;
    for (int i = 0; i < job->use_count; i++)
        work += job->uses[i].work;
    return work;
}

void use_print(const tune_use *use, char *text, size_t size)
{
    const ij_operation *o = &use->what;
    snprintf(text, size, "%d,%d,%d,%d,%d,%d,%d", (int)o->kind, (int)o->form, o->tail, o->shape[0], o->shape[1],
             o->shape[2], use->calls);
}

bool use_parse(tune_use *use, const char *text)
{
    ij_operation *o = &use->what;
    int kind, form;
    memset(use, 0, sizeof *use);
    if (sscanf(text, "%d,%d,%d,%d,%d,%d,%d", &kind, &form, &o->tail, &o->shape[0], &o->shape[1], &o->shape[2],
               &use->calls) != 7 ||
        kind < 0 || kind >= IJ_OPERATIONS || form < 0 || form >= IJ_FORMS)
        return false;
    o->kind = (ij_operation_kind)kind;
    o->form = (ij_form)form;
    return true;
}
