#include "engine/batch_numbers.h"

#include "engine/ops/loss.h"
#include "engine/rank_ready.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

ij_status ij_batch_numbers_create(ij_batch_numbers *n, ij_ranks *ranks, int share, int dim)
{
    n->ranks = ranks;
    n->dim = dim;
    n->sums = calloc(IJ_TERMS + 2 * (size_t)dim, sizeof *n->sums);
    n->features = calloc((size_t)share * (size_t)dim, sizeof *n->features);
    return n->sums && n->features ? IJ_OK : ij_fail(IJ_ENOMEM, "out of memory for a step's results");
}

void ij_batch_numbers_destroy(ij_batch_numbers *n)
{
    ij_batch_numbers_wait(n);
    ij_cl_forget(&n->ready);
    free(n->sums);
    free(n->features);
}

/* By the ranks' thread, once what the device measured is there: this share's sums. */
static ij_rank_ready sum_share(ij_rank_job *job)
{
    ij_batch_numbers *n = job->owner;
    ij_rank_ready ready = ij_rank_ready_of(n->ready);
    if (ready != IJ_RANKS_READY)
        return ready;
    double *sum = n->sums + IJ_TERMS, *squares = sum + n->dim;
    memset(n->sums, 0, job->count * sizeof *n->sums);
    for (int term = 0; term < IJ_TERMS; term++)
        for (int i = 0; i < n->partials[term]; i++)
            n->sums[term] += (double)n->partial[term * IJ_LOSS_PARTIALS + i];
    for (int i = 0; i < n->images; i++)
        for (int j = 0; j < n->dim; j++) {
            double feature = (double)n->features[(size_t)i * (size_t)n->dim + (size_t)j];
            sum[j] += feature;
            squares[j] += feature * feature;
        }
    return IJ_RANKS_READY;
}

void ij_batch_numbers_begin(ij_batch_numbers *n, cl_event ready)
{
    ij_cl_forget(&n->ready);
    clRetainEvent(ready);
    n->ready = ready;
    n->job = (ij_rank_job){.kind = IJ_RANKS_ADD_DOUBLES,
                           .values = n->sums,
                           .count = IJ_TERMS + 2 * (size_t)n->dim,
                           .ready = sum_share,
                           .owner = n};
    ij_ranks_begin(n->ranks, &n->job);
}

void ij_batch_numbers_wait(ij_batch_numbers *n)
{
    if (n->ranks)
        ij_ranks_wait(n->ranks, &n->job);
}

double ij_batch_numbers_spread(const ij_batch_numbers *n, int B)
{
    const double *sum = n->sums + IJ_TERMS, *squares = sum + n->dim;
    double spread = 0;
    for (int j = 0; j < n->dim; j++) {
        double mean = sum[j] / B;
        spread += sqrt(fmax(squares[j] / B - mean * mean, 0));
    }
    return spread / n->dim;
}
