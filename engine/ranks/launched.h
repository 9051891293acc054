/* Whether a launcher started this process as one of several, by what launchers put into the environment. */
#ifndef IJ_RANKS_LAUNCHED_H
#define IJ_RANKS_LAUNCHED_H

#include <stdbool.h>
#include <stdlib.h>

/* Open MPI's and PMI's (MPICH, Slurm) count of processes, and PMIx's (Slurm, PRRTE) rank, which comes without one. */
static inline bool ij_is_launched(void)
{
    const char *counts[] = {getenv("OMPI_COMM_WORLD_SIZE"), getenv("PMI_SIZE")};
    for (int i = 0; i < 2; i++)
        if (counts[i])
            return atoi(counts[i]) > 1;
    const char *tasks = getenv("SLURM_STEP_NUM_TASKS");
    return getenv("PMIX_RANK") && !(tasks && atoi(tasks) == 1);
}

#endif
