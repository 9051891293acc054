#include "data/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ij_pool {
    pthread_mutex_t mutex;
    pthread_cond_t wake, done;
    /* under the mutex */
    bool quit;
    int items, busy; /* of the job; threads working on it */
    ij_pool_work *work;
    void *argument;
    /* the next item nobody has taken; the job is over when it has reached `items` and no thread is busy */
    atomic_int next;
    int threads;
    struct pool_thread {
        ij_pool *pool;
        pthread_t id;
        int worker;
    } thread[];
};

static void *run(void *argument)
{
    const struct pool_thread *self = argument;
    ij_pool *pool = self->pool;
    pthread_mutex_lock(&pool->mutex);
    while (!pool->quit) {
        if (atomic_load(&pool->next) >= pool->items) {
            pthread_cond_wait(&pool->wake, &pool->mutex);
            continue;
        }
        pool->busy++;
        int items = pool->items;
        pthread_mutex_unlock(&pool->mutex);
        for (int item; (item = atomic_fetch_add(&pool->next, 1)) < items;)
            pool->work(pool->argument, item, self->worker);
        pthread_mutex_lock(&pool->mutex);
        if (--pool->busy == 0)
            pthread_cond_broadcast(&pool->done);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

ij_status ij_pool_create(ij_pool **out, int threads)
{
    if (threads <= 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        threads = cores > 2 ? (int)cores - 1 : 1;
    }
    ij_pool *pool = calloc(1, sizeof *pool + (size_t)threads * sizeof pool->thread[0]);
    if (!pool)
        return ij_fail(IJ_ENOMEM, "no memory for %d loader threads", threads);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    atomic_init(&pool->next, 0);
    /* Signals are the main thread's: it decides how a run ends. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int failed = 0;
    for (; pool->threads < threads && !failed; pool->threads += !failed) {
        struct pool_thread *thread = &pool->thread[pool->threads];
        thread->pool = pool;
        thread->worker = pool->threads;
        failed = pthread_create(&thread->id, NULL, run, thread);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        int started = pool->threads;
        ij_pool_destroy(pool);
        return ij_fail(IJ_ENOMEM, "could not start loader thread %d of %d: %s; set fewer workers", started + 1, threads,
                       strerror(failed));
    }
    *out = pool;
    return IJ_OK;
}

void ij_pool_destroy(ij_pool *pool)
{
    if (!pool)
        return;
    ij_pool_cancel(pool);
    pthread_mutex_lock(&pool->mutex);
    pool->quit = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
    for (int i = 0; i < pool->threads; i++)
        pthread_join(pool->thread[i].id, NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

int ij_pool_threads(const ij_pool *pool)
{
    return pool->threads;
}

void ij_pool_start(ij_pool *pool, int items, ij_pool_work *work, void *argument)
{
    pthread_mutex_lock(&pool->mutex);
    pool->items = items;
    pool->work = work;
    pool->argument = argument;
    atomic_store(&pool->next, 0);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
}

void ij_pool_wait(ij_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    while (pool->busy > 0 || atomic_load(&pool->next) < pool->items)
        pthread_cond_wait(&pool->done, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
}

void ij_pool_cancel(ij_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->next, pool->items);
    pthread_cond_broadcast(&pool->done);
    pthread_mutex_unlock(&pool->mutex);
}
