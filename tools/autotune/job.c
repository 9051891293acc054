#include "tools/autotune/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* The group whose parameters a kernel is built with, and the shape that the engine chooses them for. */
static bool group_of(const ij_kernel_time *t, ij_group *group, int shape[2])
{
    shape[0] = shape[1] = 0;
    if (begins(t->kernel, "attention")) {
        *group = begins(t->kernel, "attention_backward") ? IJ_GROUP_ATTENTION_BACKWARD : IJ_GROUP_ATTENTION;
        shape[0] = t->shape[2];
        return true;
    }
    if (strcmp(t->kernel, "layernorm") == 0 || strcmp(t->kernel, "layernorm_backward") == 0 ||
        strcmp(t->kernel, "adamw") == 0) {
        *group = IJ_GROUP_ROWS; /* one choice for all passes over rows */
        return true;
    }
    if (!begins(t->kernel, "gemm"))
        return false;
    bool gradient = begins(t->kernel, "gemm_gradient");
    *group = gradient ? IJ_GROUP_GRADIENT : IJ_GROUP_GEMM;
    shape[0] = t->shape[gradient ? 0 : 1]; /* a gradient [out, in] sums over the rows: M x N x K = out x in x rows */
    shape[1] = t->shape[gradient ? 1 : 2];
    return true;
}

bool jobs_named(const char *kernels, const char *name)
{
    size_t length = strlen(name);
    for (const char *word = kernels; word && *word; word += strcspn(word, ","), word += *word == ',')
        if (strcspn(word, ",") == length && begins(word, name))
            return true;
    return false;
}

static bool wanted(const ij_device *device, ij_group group, const char *kernels)
{
    const ij_group_info *info = ij_group_of(device->tuning.family, group);
    if (!info->name || info->count == 0)
        return false;
    return kernels ? jobs_named(kernels, info->name) : group != IJ_GROUP_DEVICE;
}

static void add_use(tune_job *job, const ij_kernel_time *t, double total)
{
    /* The GPU family goes back through attention in two kernels, which are one use. */
    const char *name = begins(t->kernel, "attention_backward") ? "attention_backward" : t->kernel;
    double work = t->flops > 0 ? t->flops : t->bytes;
    int shape[3] = {t->shape[0], t->shape[1], t->shape[2]};
    if (strcmp(name, "adamw") == 0)
        shape[0] = (int)(t->bytes / t->calls / (9 * sizeof(float)));
    job->share += t->seconds / total;
    for (int i = 0; i < job->use_count; i++) {
        tune_use *use = &job->uses[i];
        if (!strcmp(use->kernel, name) && !memcmp(use->shape, shape, sizeof use->shape)) {
            use->work += work;
            return;
        }
    }
    if (job->use_count == MOST_USES || work <= 0) /* they come with the most expensive first */
        return;
    tune_use *use = &job->uses[job->use_count++];
    snprintf(use->kernel, sizeof use->kernel, "%s", name);
    memcpy(use->shape, shape, sizeof use->shape);
    use->calls = t->calls;
    use->work = work;
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
        if (!group_of(&times[i], &group, shape))
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
    snprintf(text, size, "%s,%d,%d,%d,%d", use->kernel, use->shape[0], use->shape[1], use->shape[2], use->calls);
}

bool use_parse(tune_use *use, const char *text)
{
    memset(use, 0, sizeof *use);
    return sscanf(text, "%31[^,],%d,%d,%d,%d", use->kernel, &use->shape[0], &use->shape[1], &use->shape[2],
                  &use->calls) == 5;
}
