/* The search for the parameters of CLBlast's product kernel on a device, which the library takes through
 * CLBlastOverrideParameters: for all shapes at once. */
#ifndef IJ_AUTOTUNE_BLAST_H
#define IJ_AUTOTUNE_BLAST_H

#include "tools/autotune/tune.h"

/* Adds the job: CLBlast's products at the most expensive shape of a step's. */
void blast_add_job(tuner *t, const ij_workload *w, const ij_kernel_time *times, int count);
/* Runs it. */
ij_status blast_tune(tuner *t, int job, double deadline);

#endif
