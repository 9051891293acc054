/* A candidate in a process of its own: a driver that hangs or crashes costs that candidate alone. */
#ifndef IJ_AUTOTUNE_CHILD_H
#define IJ_AUTOTUNE_CHILD_H

#include "tools/autotune/job.h"
#include "tools/autotune/outcome.h"

/* Runs `choice` (parameters as text, or "clblast ...") of `job` and waits for it, at most `watchdog` seconds. On
 * OUTCOME_FAST *seconds is the device's time for one step's calls of all uses. `why` tells of a failure. `number`
 * counts the candidates. `interrupted` is looked at all the while. */
tune_outcome child_run(const ij_device *device, const tune_job *job, const char *choice, int number, double watchdog,
                       const volatile int *interrupted, double *seconds, char *why, size_t why_size);

#endif
