/* The ranks that train one model together: who takes part, with which device, and which images of every batch each of
 * them computes. Alone a team of one. */
#ifndef IJ_FRONTEND_TEAM_H
#define IJ_FRONTEND_TEAM_H

#include "data/loader.h"
#include "engine/device.h"
#include "engine/ranks/ranks.h"
#include "engine/trainer.h"
#include "frontend/resume.h"
#include "ini/config.h"

#include <stdbool.h>

typedef struct ij_team {
    ij_ranks *ranks; /* NULL: alone */
    int count, own;
    bool leads;    /* rank 0: it tells what happens and writes what is kept */
    bool alike;    /* all compute the same bits: devices, drivers and kernels are the same */
    bool measured; /* shares follow from what was measured, from time to time */
    double *rates; /* [count], images a second in any unit */
    int *shares;   /* [count], images of a batch */
    int batch;
    ij_exchange_times before; /* what was measured until the last look */
} ij_team;

/* Joins the other processes of a launcher, if there is one. From here on all but rank 0 tell of warnings only and
 * print nothing else, and all say who they are. */
ij_status ij_team_open(ij_team *team);
void ij_team_close(ij_team *team); /* waits for the others */
/* This rank failed, and has said why: the others, who wait for it, end too, and this one with that exit status. Nothing
 * for a team of one. */
void ij_team_fail(ij_team *team, int exit_status);

/* The device of this rank: of a list, "0,1", the one at its place among the ranks of its computer; where none is named,
 * the GPU at that place. Cores of the computer that several ranks share as CPU devices are shared out. */
ij_status ij_team_device(const ij_team *team, const char *choice, char *own, size_t size);

/* IJ_EINVAL on a rank whose configuration, version or data set is not rank 0's, with what differs. */
ij_status ij_team_check(ij_team *team, const ij_config *config, const ij_run_identity *identity);

/* First shares, and what they are computed on, told by rank 0. */
ij_status ij_team_start(ij_team *team, const ij_config *config, const ij_device *device);
/* Threads that decode: those of one process, shared out among the ranks of this computer. */
void ij_team_loader(const ij_team *team, ij_loader_config *config);
/* The most images this rank may be given, and its first ones. */
int ij_team_most(const ij_team *team);
ij_status ij_team_take(ij_team *team, ij_trainer *trainer);

/* After `steps` steps: ranks on devices alike compare their weights now and then (IJ_EDEVICE where they differ), others
 * take over rank 0's, and share out anew by what they measured. Nothing for a team of one. */
ij_status ij_team_look(ij_team *team, ij_trainer *trainer, int64_t steps, int64_t last);

#endif
