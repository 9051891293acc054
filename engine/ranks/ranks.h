/* Several processes, ranks, that train one model, each on a device of its own: what they tell one another, through MPI.
 * A thread of its own does all of that, so that it goes on while devices compute and hosts wait. All ranks begin the
 * same sums in the same order. Knows no OpenCL.
 *
 * A rank that is silent for IJEPA_SILENCE seconds (20 by default), since it was killed, hangs or lost its network, ends
 * the job on all of them: each rank listens to the one before it. */
#ifndef IJ_RANKS_H
#define IJ_RANKS_H

#include "engine/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ij_ranks ij_ranks;

/* Told by the ranks' thread, before it ends the job, why. */
typedef void ij_ranks_tell(const char *why);

/* Joins the other processes that a launcher (mpirun, srun) started with this one. *ranks is NULL where there are none.
 * IJ_EINVAL where there are, and this program was built without MPI. MPI itself ends the program where it cannot start.
 */
ij_status ij_ranks_open(ij_ranks **ranks, ij_ranks_tell *tell);
/* Waits until all ranks are here. NULL is none. */
void ij_ranks_close(ij_ranks *ranks);
/* Ends all ranks at once, this one with exit status `status`; does not return. */
void ij_ranks_abort(ij_ranks *ranks, int status);

/* How many there are and which of them this is; how many there are on this computer and which of them this is. Of NULL
 * one and 0. */
int ij_ranks_count(const ij_ranks *ranks);
int ij_ranks_own(const ij_ranks *ranks);
int ij_ranks_here(const ij_ranks *ranks);
int ij_ranks_local(const ij_ranks *ranks);

/* ---- What they tell one another ---------------------------------------------------------------------------------- */

typedef enum ij_rank_job_kind {
    IJ_RANKS_ADD_FLOATS,  /* values become their sums over all ranks, the same on each */
    IJ_RANKS_ADD_DOUBLES, /* likewise */
    IJ_RANKS_FROM_FIRST,  /* bytes become those of rank 0 */
    IJ_RANKS_GATHER       /* bytes [ranks][count], of which each rank has its own: all get them all */
} ij_rank_job_kind;

/* NEVER: the values will not come, for the reason in ij_error: the job of all ranks ends. */
typedef enum ij_rank_ready { IJ_RANKS_NOT_YET, IJ_RANKS_READY, IJ_RANKS_NEVER } ij_rank_ready;

/* Something to be done for all ranks together; the memory is the caller's, and so is that of the values, until it is
 * done. Begun with the first four set. */
typedef struct ij_rank_job ij_rank_job;
struct ij_rank_job {
    ij_rank_job_kind kind;
    void *values;
    size_t count;                          /* of floats, doubles or bytes */
    ij_rank_ready (*ready)(ij_rank_job *); /* asked until the values are there; NULL: they are */
    void (*done)(ij_rank_job *); /* called when it is done; NULL: nobody need know. Both by the ranks' thread, and they
                                    begin no jobs */
    void *owner;                 /* for these two */
    ij_rank_job *next;           /* the queue's own, like all that follows */
    int state;                   /* under the queue's mutex */
    int stage;                   /* the thread's */
    void *flight;
};

void ij_ranks_begin(ij_ranks *ranks, ij_rank_job *job);
/* Waits until a job that was begun is done; returns at once where it never was. */
void ij_ranks_wait(ij_ranks *ranks, ij_rank_job *job);

/* Begun, waited for. Nothing where `ranks` is NULL. */
void ij_ranks_add(ij_ranks *ranks, double *values, size_t count);
void ij_ranks_add_floats(ij_ranks *ranks, float *values, size_t count);
void ij_ranks_from_first(ij_ranks *ranks, void *bytes, size_t count);
void ij_ranks_gather(ij_ranks *ranks, void *bytes, size_t count);

#endif
