/* A build without MPI: there is one rank. */
#include "engine/ranks/launched.h"
#include "engine/ranks/ranks.h"

ij_status ij_ranks_open(ij_ranks **ranks, ij_ranks_tell *tell)
{
    (void)tell;
    *ranks = NULL;
    if (!ij_is_launched())
        return IJ_OK;
    return ij_fail(IJ_EINVAL, "this program was started as one of several processes, and was built without MPI: each "
                              "would train alone. Install MPI (Debian: libopenmpi-dev), configure with -DIJEPA_MPI=ON "
                              "and build again, or start it without mpirun or srun");
}

void ij_ranks_close(ij_ranks *ranks)
{
    (void)ranks;
}

void ij_ranks_abort(ij_ranks *ranks, int status)
{
    (void)ranks;
    exit(status);
}

int ij_ranks_count(const ij_ranks *ranks)
{
    (void)ranks;
    return 1;
}

int ij_ranks_own(const ij_ranks *ranks)
{
    (void)ranks;
    return 0;
}

int ij_ranks_here(const ij_ranks *ranks)
{
    (void)ranks;
    return 1;
}

int ij_ranks_local(const ij_ranks *ranks)
{
    (void)ranks;
    return 0;
}

void ij_ranks_begin(ij_ranks *ranks, ij_rank_job *job)
{
    (void)ranks;
    (void)job;
}

void ij_ranks_wait(ij_ranks *ranks, ij_rank_job *job)
{
    (void)ranks;
    (void)job;
}
