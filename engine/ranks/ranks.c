/* What needs no MPI of its own. */
#include "engine/ranks/ranks.h"

static void do_now(ij_ranks *ranks, ij_rank_job job)
{
    if (!ranks || !job.count)
        return;
    ij_ranks_begin(ranks, &job);
    ij_ranks_wait(ranks, &job);
}

void ij_ranks_add(ij_ranks *ranks, double *values, size_t count)
{
    do_now(ranks, (ij_rank_job){.kind = IJ_RANKS_ADD_DOUBLES, .values = values, .count = count});
}

void ij_ranks_add_floats(ij_ranks *ranks, float *values, size_t count)
{
    do_now(ranks, (ij_rank_job){.kind = IJ_RANKS_ADD_FLOATS, .values = values, .count = count});
}

void ij_ranks_gather(ij_ranks *ranks, void *bytes, size_t count)
{
    do_now(ranks, (ij_rank_job){.kind = IJ_RANKS_GATHER, .values = bytes, .count = count});
}

void ij_ranks_from_first(ij_ranks *ranks, void *bytes, size_t count)
{
    do_now(ranks, (ij_rank_job){.kind = IJ_RANKS_FROM_FIRST, .values = bytes, .count = count});
}
