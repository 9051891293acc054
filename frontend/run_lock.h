/* One run a folder: a lock that dies with the process that holds it, however that ends. */
#ifndef IJ_FRONTEND_RUN_LOCK_H
#define IJ_FRONTEND_RUN_LOCK_H

#include "engine/base/error.h"

#include <stdbool.h>

/* Locks the existing folder for this process until it ends. IJ_EINVAL where another process holds it, which the message
 * names. *locked is false on a file system that has no locks. */
ij_status ij_run_lock(const char *folder, bool *locked);

/* Whether another process holds it now; false where that cannot be found out. */
bool ij_run_lock_held(const char *folder);

#endif
