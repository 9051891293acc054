/* Ranks through MPI. All calls of MPI are made by one thread, which also starts and ends it.
 *
 * A sum goes in two parts: each rank gets everybody's values of its own part of them, adds them up in the order of the
 * ranks, and gives the result to all. So every sum is one rank's, the same everywhere and every time, and a rank sends
 * and receives 2 (R - 1) / R of the values, the least that is possible. (Open MPI's own nonblocking sum sends twice
 * that where there are two or three ranks.) Each part has a communicator, on which the jobs follow one another in their
 * order. */
#include "engine/ranks/launched.h"
#include "engine/ranks/ranks.h"

#include <mpi.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MOST_STARTED = 8, HOST = MPI_MAX_PROCESSOR_NAME };

/* Of a job, for those who wait for it. */
enum { NEVER_BEGUN, BEGUN, DONE };

/* Of a job that was begun, on its way: a sum's first part, its second, or all there is of another. */
enum { WAITING, FIRST_PART, SECOND_PART };

/* What a job that goes on needs. */
typedef struct flight {
    bool taken;
    MPI_Request request;
    void *parts;                                    /* [ranks][this rank's part] of a sum */
    size_t room;                                    /* bytes of it */
    int *counts, *places, *own_counts, *own_places; /* [ranks] */
} flight;

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
    ij_ranks_tell *tell;
    /* under the mutex */
    ij_rank_job *first, **last; /* begun and not handed to the thread yet */
    bool open, closing;
    int abort_status; /* above 0: end all ranks */
    /* the thread's, and constant once it is open */
    int count, own, here, local;
    MPI_Comm firsts, seconds, beats;
    beat beat;
    ij_rank_job *queue, **queue_end; /* handed over, in order; the first ones are started */
    flight flights[MOST_STARTED];
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void end_job(ij_ranks *r, const char *why)
{
    if (r->tell)
        r->tell(why);
    MPI_Abort(MPI_COMM_WORLD, 1);
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
    char why[HOST + 200];
    snprintf(why, sizeof why,
             "rank %d on %s has not been heard of for %.0f s: it died, was stopped or lost its network. The job ends",
             neighbour(r, -1), b->host, b->silence);
    end_job(r, why);
}

static void stop_beating(ij_ranks *r)
{
    MPI_Cancel(&r->beat.from_previous);
    MPI_Wait(&r->beat.from_previous, MPI_STATUS_IGNORE);
    if (r->beat.to_next != MPI_REQUEST_NULL)
        MPI_Request_free(&r->beat.to_next);
}

/* ---- Jobs -------------------------------------------------------------------------------------------------------- */

static bool is_sum(const ij_rank_job *job)
{
    return job->kind == IJ_RANKS_ADD_FLOATS || job->kind == IJ_RANKS_ADD_DOUBLES;
}

static MPI_Datatype type_of(const ij_rank_job *job)
{
    return job->kind == IJ_RANKS_ADD_FLOATS ? MPI_FLOAT : MPI_DOUBLE;
}

static void abort_without_memory(void)
{
    fputs("out of memory for the sums of several ranks\n", stderr);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

/* Part q of the values is rank q's: of equal size but for the last ones. */
static void divide(const ij_ranks *r, flight *f, size_t count)
{
    size_t part = (count + (size_t)r->count - 1) / (size_t)r->count;
    for (int q = 0; q < r->count; q++) {
        size_t from = part * (size_t)q < count ? part * (size_t)q : count;
        f->places[q] = (int)from;
        f->counts[q] = (int)(count - from < part ? count - from : part);
    }
    for (int q = 0; q < r->count; q++) {
        f->own_counts[q] = f->counts[r->own];
        f->own_places[q] = q * f->counts[r->own];
    }
}

/* Everybody's values of this rank's part come. */
static void begin_sum(ij_ranks *r, ij_rank_job *job, flight *f)
{
    divide(r, f, job->count);
    size_t value = job->kind == IJ_RANKS_ADD_FLOATS ? sizeof(float) : sizeof(double);
    size_t bytes = (size_t)r->count * (size_t)f->counts[r->own] * value;
    if (f->room < bytes) {
        free(f->parts);
        f->parts = malloc(bytes);
        f->room = bytes;
        if (!f->parts)
            abort_without_memory();
    }
    MPI_Ialltoallv(job->values, f->counts, f->places, type_of(job), f->parts, f->own_counts, f->own_places,
                   type_of(job), r->firsts, &f->request);
}

static void add_floats(float *sum, const float *parts, int count, int ranks)
{
    memcpy(sum, parts, (size_t)count * sizeof *sum);
    for (int q = 1; q < ranks; q++)
        for (int i = 0; i < count; i++)
            sum[i] += parts[(size_t)q * (size_t)count + (size_t)i];
}

static void add_doubles(double *sum, const double *parts, int count, int ranks)
{
    memcpy(sum, parts, (size_t)count * sizeof *sum);
    for (int q = 1; q < ranks; q++)
        for (int i = 0; i < count; i++)
            sum[i] += parts[(size_t)q * (size_t)count + (size_t)i];
}

/* This rank's sums go to all, and theirs come. */
static void end_sum(ij_ranks *r, ij_rank_job *job, flight *f)
{
    int count = f->counts[r->own], place = f->places[r->own];
    if (count && job->kind == IJ_RANKS_ADD_FLOATS)
        add_floats((float *)job->values + place, f->parts, count, r->count);
    else if (count)
        add_doubles((double *)job->values + place, f->parts, count, r->count);
    MPI_Iallgatherv(MPI_IN_PLACE, 0, type_of(job), job->values, f->counts, f->places, type_of(job), r->seconds,
                    &f->request);
    job->stage = SECOND_PART;
}

static void start(ij_ranks *r, ij_rank_job *job, flight *f)
{
    job->flight = f;
    job->stage = is_sum(job) ? FIRST_PART : SECOND_PART;
    if (job->kind == IJ_RANKS_FROM_FIRST)
        MPI_Ibcast(job->values, (int)job->count, MPI_BYTE, 0, r->seconds, &f->request);
    else if (job->kind == IJ_RANKS_GATHER)
        MPI_Iallgather(MPI_IN_PLACE, 0, MPI_BYTE, job->values, (int)job->count, MPI_BYTE, r->seconds, &f->request);
    else
        begin_sum(r, job, f);
}

static flight *free_flight(ij_ranks *r)
{
    for (int i = 0; i < MOST_STARTED; i++)
        if (!r->flights[i].taken) {
            r->flights[i].taken = true;
            return &r->flights[i];
        }
    return NULL;
}

/* Starts what is ready, in the order of the queue, which all ranks share; what has no first part once those before it
 * are in their second. */
static bool start_some(ij_ranks *r)
{
    bool any = false, all_second = true;
    ij_rank_job *job = r->queue;
    for (; job && job->stage != WAITING; job = job->next)
        all_second = all_second && job->stage == SECOND_PART;
    for (; job && (is_sum(job) || all_second); job = job->next) {
        flight *f = free_flight(r);
        if (!f)
            break;
        ij_rank_ready ready = job->ready ? job->ready(job) : IJ_RANKS_READY;
        if (ready == IJ_RANKS_NEVER)
            end_job(r, ij_error());
        if (ready != IJ_RANKS_READY) {
            f->taken = false;
            break;
        }
        start(r, job, f);
        all_second = all_second && job->stage == SECOND_PART;
        any = true;
    }
    return any;
}

static void finish(ij_ranks *r, ij_rank_job *job)
{
    ((flight *)job->flight)->taken = false;
    if (job->done)
        job->done(job);
    pthread_mutex_lock(&r->mutex);
    job->state = DONE;
    pthread_cond_broadcast(&r->finished);
    pthread_mutex_unlock(&r->mutex);
}

/* Goes on with what has come: to the second part in the queue's order, to the end in any. */
static bool finish_some(ij_ranks *r)
{
    bool any = false, all_second = true;
    for (ij_rank_job **at = &r->queue; *at && (*at)->stage != WAITING;) {
        ij_rank_job *job = *at;
        flight *f = job->flight;
        int come = 0;
        MPI_Test(&f->request, &come, MPI_STATUS_IGNORE); /* true again where it was before */
        if (come && job->stage == SECOND_PART) {
            *at = job->next;
            if (!*at)
                r->queue_end = at;
            finish(r, job); /* whose memory may be gone after that */
            any = true;
            continue;
        }
        if (come && all_second) {
            end_sum(r, job, f);
            any = true;
        }
        all_second = all_second && job->stage == SECOND_PART;
        at = &job->next;
    }
    return any;
}

/* ---- The thread -------------------------------------------------------------------------------------------------- */

static void open_mpi(ij_ranks *r)
{
    int provided;
    MPI_Comm here;
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_dup(MPI_COMM_WORLD, &r->firsts);
    MPI_Comm_dup(MPI_COMM_WORLD, &r->seconds);
    MPI_Comm_dup(MPI_COMM_WORLD, &r->beats);
    MPI_Comm_size(MPI_COMM_WORLD, &r->count);
    MPI_Comm_rank(MPI_COMM_WORLD, &r->own);
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, r->own, MPI_INFO_NULL, &here);
    MPI_Comm_size(here, &r->here);
    MPI_Comm_rank(here, &r->local);
    MPI_Comm_free(&here);
    for (int i = 0; i < MOST_STARTED; i++) {
        flight *f = &r->flights[i];
        f->counts = malloc(4 * (size_t)r->count * sizeof *f->counts);
        if (!f->counts)
            abort_without_memory();
        f->places = f->counts + r->count;
        f->own_counts = f->places + r->count;
        f->own_places = f->own_counts + r->count;
    }
    start_beating(r);
}

static void close_mpi(ij_ranks *r)
{
    for (int i = 0; i < MOST_STARTED; i++) {
        free(r->flights[i].parts);
        free(r->flights[i].counts);
    }
    stop_beating(r);
    MPI_Comm_free(&r->firsts);
    MPI_Comm_free(&r->seconds);
    MPI_Comm_free(&r->beats);
    MPI_Finalize();
}

/* Waits a little: for new jobs where there are none, else for a device or the others, of whom nothing tells. A
 * sixteenth of the time in which nothing came, so that a long step, of a device that may be this very CPU, is not
 * disturbed and a short one not held up. */
static void rest(ij_ranks *r, double idle)
{
    struct timespec until;
    bool flying = r->queue && r->queue->stage != WAITING;
    double most = !r->queue ? 20e-3 : flying ? 1e-3 : 5e-3, seconds = r->queue ? idle / 16 : most;
    seconds = seconds > most ? most : seconds < 20e-6 ? 20e-6 : seconds;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(1e9 * seconds);
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&r->begun, &r->mutex, &until);
}

static void *serve(void *argument)
{
    ij_ranks *r = argument;
    open_mpi(r);
    double moved = now(); /* when something happened last */
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
        if (started || finished)
            moved = now();
        else if (!r->first && !r->abort_status)
            rest(r, now() - moved);
    }
    pthread_mutex_unlock(&r->mutex);
    close_mpi(r);
    return NULL;
}

/* ---- The caller's side ------------------------------------------------------------------------------------------- */

ij_status ij_ranks_open(ij_ranks **ranks, ij_ranks_tell *tell)
{
    *ranks = NULL;
    if (!ij_is_launched())
        return IJ_OK;
    ij_ranks *r = calloc(1, sizeof *r);
    if (!r)
        return ij_fail(IJ_ENOMEM, "out of memory for the ranks");
    r->tell = tell;
    r->last = &r->first;
    r->queue_end = &r->queue;
    pthread_mutex_init(&r->mutex, NULL);
    pthread_condattr_t monotonic; /* a clock that nobody sets */
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&r->begun, &monotonic);
    pthread_condattr_destroy(&monotonic);
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
    job->stage = WAITING;
    *r->last = job;
    r->last = &job->next;
    pthread_cond_signal(&r->begun);
    pthread_mutex_unlock(&r->mutex);
}

void ij_ranks_wait(ij_ranks *r, ij_rank_job *job)
{
    pthread_mutex_lock(&r->mutex);
    while (job->state == BEGUN)
        pthread_cond_wait(&r->finished, &r->mutex);
    pthread_mutex_unlock(&r->mutex);
}
