/* Ranks through MPI. All calls of MPI are made by one thread, which also starts and ends it. */
#include "engine/ranks/launched.h"
#include "engine/ranks/ranks.h"

#include <mpi.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

enum { MOST_STARTED = 8, HOST = MPI_MAX_PROCESSOR_NAME };

/* Of a job. */
enum { NEVER_BEGUN, BEGUN, STARTED, DONE };

/* What each rank sends to the next one every second. */
typedef struct beat {
    double looked, sent, heard; /* when last, by the clock */
    MPI_Request to_next, from_previous;
    char out, in;
    double silence;  /* that ends the job */
    char host[HOST]; /* of the rank before */
} beat;

struct ij_ranks {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t begun, finished;
    ij_ranks_lost *lost;
    /* under the mutex */
    ij_rank_job *first, **last; /* begun and not handed to the thread yet */
    bool open, closing;
    int abort_status; /* above 0: end all ranks */
    /* the thread's, and constant once it is open */
    int count, own, here, local;
    MPI_Comm sums, beats;
    beat beat;
    ij_rank_job *queue, **queue_end; /* handed over, in order; the first ones are started */
    MPI_Request requests[MOST_STARTED];
    bool taken[MOST_STARTED];
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- The heart --------------------------------------------------------------------------------------------------- */

static int neighbour(const ij_ranks *r, int by)
{
    return (r->own + by + r->count) % r->count;
}

static void listen(ij_ranks *r)
{
    MPI_Irecv(&r->beat.in, 1, MPI_CHAR, neighbour(r, -1), 0, r->beats, &r->beat.from_previous);
}

/* The name of the computer of the rank before this one, for the message when it is lost. */
static void start_beating(ij_ranks *r)
{
    char own[HOST] = "";
    int length;
    const char *silence = getenv("IJEPA_SILENCE");
    r->beat.silence = silence && atof(silence) > 0 ? atof(silence) : 20;
    MPI_Get_processor_name(own, &length);
    MPI_Sendrecv(own, HOST, MPI_CHAR, neighbour(r, 1), 0, r->beat.host, HOST, MPI_CHAR, neighbour(r, -1), 0, r->beats,
                 MPI_STATUS_IGNORE);
    r->beat.to_next = MPI_REQUEST_NULL;
    r->beat.heard = now();
    listen(r);
}

static void beat_once(ij_ranks *r)
{
    beat *b = &r->beat;
    double time = now();
    int done = 1;
    MPI_Test(&b->from_previous, &done, MPI_STATUS_IGNORE);
    if (done) {
        b->heard = time;
        listen(r);
    }
    if (b->looked > 0 && time - b->looked > b->silence / 2) /* it did not run itself, as while the job was stopped */
        b->heard = time;
    b->looked = time;
    if (time - b->sent >= 1) {
        MPI_Test(&b->to_next, &done, MPI_STATUS_IGNORE);
        if (done)
            MPI_Isend(&b->out, 1, MPI_CHAR, neighbour(r, 1), 0, r->beats, &b->to_next);
        b->sent = time;
    }
    if (time - b->heard < b->silence)
        return;
    if (r->lost)
        r->lost(neighbour(r, -1), b->host, b->silence);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static void stop_beating(ij_ranks *r)
{
    MPI_Cancel(&r->beat.from_previous);
    MPI_Wait(&r->beat.from_previous, MPI_STATUS_IGNORE);
    if (r->beat.to_next != MPI_REQUEST_NULL)
        MPI_Request_free(&r->beat.to_next);
}

/* ---- Jobs -------------------------------------------------------------------------------------------------------- */

static void start(ij_ranks *r, ij_rank_job *job, MPI_Request *request)
{
    int count = (int)job->count;
    if (job->kind == IJ_RANKS_FROM_FIRST)
        MPI_Ibcast(job->values, count, MPI_BYTE, 0, r->sums, request);
    else if (job->kind == IJ_RANKS_GATHER)
        MPI_Iallgather(MPI_IN_PLACE, 0, MPI_BYTE, job->values, count, MPI_BYTE, r->sums, request);
    else
        MPI_Iallreduce(MPI_IN_PLACE, job->values, count, job->kind == IJ_RANKS_ADD_FLOATS ? MPI_FLOAT : MPI_DOUBLE,
                       MPI_SUM, r->sums, request);
    job->request = request;
    job->state = STARTED;
}

static MPI_Request *free_request(ij_ranks *r)
{
    for (int i = 0; i < MOST_STARTED; i++)
        if (!r->taken[i]) {
            r->taken[i] = true;
            return &r->requests[i];
        }
    return NULL;
}

/* Starts what is ready, in the order of the queue, which all ranks share. */
static bool start_some(ij_ranks *r)
{
    bool any = false;
    ij_rank_job *job = r->queue;
    while (job && job->state == STARTED)
        job = job->next;
    for (; job && (!job->ready || job->ready(job)); job = job->next) {
        MPI_Request *request = free_request(r);
        if (!request)
            break;
        start(r, job, request);
        any = true;
    }
    return any;
}

static void finish(ij_ranks *r, ij_rank_job *job)
{
    r->taken[(MPI_Request *)job->request - r->requests] = false;
    if (job->done)
        job->done(job);
    pthread_mutex_lock(&r->mutex);
    job->state = DONE;
    pthread_cond_broadcast(&r->finished);
    pthread_mutex_unlock(&r->mutex);
}

static bool finish_some(ij_ranks *r)
{
    bool any = false;
    for (ij_rank_job **at = &r->queue; *at && (*at)->state == STARTED;) {
        ij_rank_job *job = *at;
        int done = 0;
        MPI_Test(job->request, &done, MPI_STATUS_IGNORE);
        if (!done) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        if (!*at)
            r->queue_end = at;
        finish(r, job); /* whose memory may be gone after that */
        any = true;
    }
    return any;
}

/* ---- The thread -------------------------------------------------------------------------------------------------- */

static void open_mpi(ij_ranks *r)
{
    int provided;
    MPI_Comm here;
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_dup(MPI_COMM_WORLD, &r->sums);
    MPI_Comm_dup(MPI_COMM_WORLD, &r->beats);
    MPI_Comm_size(r->sums, &r->count);
    MPI_Comm_rank(r->sums, &r->own);
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, r->own, MPI_INFO_NULL, &here);
    MPI_Comm_size(here, &r->here);
    MPI_Comm_rank(here, &r->local);
    MPI_Comm_free(&here);
    start_beating(r);
}

static void close_mpi(ij_ranks *r)
{
    stop_beating(r);
    MPI_Comm_free(&r->sums);
    MPI_Comm_free(&r->beats);
    MPI_Finalize();
}

/* Waits a little: for new jobs where there are none, else for the others' parts of those that there are, which nothing
 * tells of. */
static void rest(ij_ranks *r)
{
    struct timespec until;
    long nanoseconds = r->queue ? 50 * 1000 : 20 * 1000 * 1000;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += nanoseconds;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&r->begun, &r->mutex, &until);
}

static void *serve(void *argument)
{
    ij_ranks *r = argument;
    open_mpi(r);
    pthread_mutex_lock(&r->mutex);
    r->open = true;
    pthread_cond_broadcast(&r->finished);
    while (!r->closing || r->queue || r->first) {
        if (r->abort_status)
            MPI_Abort(MPI_COMM_WORLD, r->abort_status);
        if (r->first) {
            *r->queue_end = r->first;
            r->queue_end = r->last;
            r->first = NULL;
            r->last = &r->first;
        }
        pthread_mutex_unlock(&r->mutex);
        beat_once(r);
        bool started = start_some(r), finished = finish_some(r);
        pthread_mutex_lock(&r->mutex);
        if (!started && !finished && !r->first && !r->abort_status)
            rest(r);
    }
    pthread_mutex_unlock(&r->mutex);
    close_mpi(r);
    return NULL;
}

/* ---- The caller's side ------------------------------------------------------------------------------------------- */

ij_status ij_ranks_open(ij_ranks **ranks, ij_ranks_lost *lost)
{
    *ranks = NULL;
    if (!ij_is_launched())
        return IJ_OK;
    ij_ranks *r = calloc(1, sizeof *r);
    if (!r)
        return ij_fail(IJ_ENOMEM, "out of memory for the ranks");
    r->lost = lost;
    r->last = &r->first;
    r->queue_end = &r->queue;
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->begun, NULL);
    pthread_cond_init(&r->finished, NULL);
    sigset_t all, before; /* signals are the main thread's */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&r->thread, NULL, serve, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code) {
        free(r);
        return ij_fail(IJ_EIO, "the ranks' thread cannot be started: %s", strerror(code));
    }
    pthread_mutex_lock(&r->mutex);
    while (!r->open)
        pthread_cond_wait(&r->finished, &r->mutex);
    pthread_mutex_unlock(&r->mutex);
    *ranks = r;
    return IJ_OK;
}

void ij_ranks_close(ij_ranks *r)
{
    if (!r)
        return;
    double here = 1; /* nobody leaves while others still listen to it */
    ij_ranks_add(r, &here, 1);
    pthread_mutex_lock(&r->mutex);
    r->closing = true;
    pthread_cond_signal(&r->begun);
    pthread_mutex_unlock(&r->mutex);
    pthread_join(r->thread, NULL);
    pthread_mutex_destroy(&r->mutex);
    pthread_cond_destroy(&r->begun);
    pthread_cond_destroy(&r->finished);
    free(r);
}

void ij_ranks_abort(ij_ranks *r, int status)
{
    if (!r)
        exit(status);
    pthread_mutex_lock(&r->mutex);
    r->abort_status = status;
    pthread_cond_signal(&r->begun);
    pthread_mutex_unlock(&r->mutex);
    pthread_join(r->thread, NULL); /* which ends this process */
}

int ij_ranks_count(const ij_ranks *r)
{
    return r ? r->count : 1;
}

int ij_ranks_own(const ij_ranks *r)
{
    return r ? r->own : 0;
}

int ij_ranks_here(const ij_ranks *r)
{
    return r ? r->here : 1;
}

int ij_ranks_local(const ij_ranks *r)
{
    return r ? r->local : 0;
}

void ij_ranks_begin(ij_ranks *r, ij_rank_job *job)
{
    pthread_mutex_lock(&r->mutex);
    job->next = NULL;
    job->state = BEGUN;
    *r->last = job;
    r->last = &job->next;
    pthread_cond_signal(&r->begun);
    pthread_mutex_unlock(&r->mutex);
}

void ij_ranks_wait(ij_ranks *r, ij_rank_job *job)
{
    pthread_mutex_lock(&r->mutex);
    while (job->state == BEGUN || job->state == STARTED)
        pthread_cond_wait(&r->finished, &r->mutex);
    pthread_mutex_unlock(&r->mutex);
}
