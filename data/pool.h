/* A fixed pool of threads that works through the items 0 .. n-1 of one job at a time. Threads sleep when there is
 * nothing to do. */
#ifndef IJ_DATA_POOL_H
#define IJ_DATA_POOL_H

#include "engine/base/error.h"

typedef struct ij_pool ij_pool;

/* Works on one item; `worker` (0 .. threads-1) chooses per-thread state. Called from the pool's threads. */
typedef void ij_pool_work(void *argument, int item, int worker);

/* threads = 0: one per core minus one, at least one. */
ij_status ij_pool_create(ij_pool **pool, int threads);
/* Drops the items not yet begun, waits for those under way, ends the threads. */
void ij_pool_destroy(ij_pool *pool);
int ij_pool_threads(const ij_pool *pool);

/* Hands out a job and returns at once. The last job must have been waited for. */
void ij_pool_start(ij_pool *pool, int items, ij_pool_work *work, void *argument);
/* Waits until every item of the job is done. */
void ij_pool_wait(ij_pool *pool);
/* Drops the items not yet begun; ij_pool_wait then returns as soon as those under way are done. */
void ij_pool_cancel(ij_pool *pool);

#endif
