#include "frontend/saver.h"

#include "engine/base/try.h"
#include "frontend/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Who has the copy. */
typedef enum stage { FREE, TAKEN, WRITING, ENDING } stage;

struct ij_saver {
    ij_saver_config config;
    ij_snapshot *snapshot; /* NULL: no memory for one */
    pthread_t thread;
    bool running; /* the thread was started */

    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t changed;
    stage stage;
    int64_t step; /* of the copy */
    int64_t saved;
    bool cancelled;    /* the last writing */
    ij_status outcome; /* of the last writing, until it is told */
    char message[4096];
    ij_saver_times times;
};

/* The file, and the order around it: first the log's lines, then the checkpoint, then the link and the old ones. A link
 * or an old file that gives trouble is told of, but the checkpoint is there. */
static ij_status write_checkpoint(ij_saver *s, const ij_snapshot *snapshot, int64_t step, bool *there)
{
    const ij_saver_config *c = &s->config;
    char path[IJ_PATH_MAX];
    ij_checkpoint_meta meta = c->meta;
    meta.iteration = step;
    meta.epoch = step / c->steps_an_epoch;
    *there = false;
    if (c->log >= 0)
        (void)fdatasync(c->log); /* a log on a pipe cannot be; one that fails to is told of where it is written */
    TRY(ij_checkpoint_write(c->trainer, snapshot, ij_run_folder_checkpoint(c->folder, step, path), &meta));
    *there = true;
    return ij_run_folder_tidy(c->folder, step, c->keep_last, c->keep_every);
}

/* One checkpoint, and what is remembered of it. */
static ij_status save(ij_saver *s, const ij_snapshot *snapshot, int64_t step)
{
    double begin = ij_clock();
    bool there;
    ij_status status = write_checkpoint(s, snapshot, step, &there);
    pthread_mutex_lock(&s->lock);
    if (there) {
        s->saved = step;
        s->times.written++;
        s->times.writing += ij_clock() - begin;
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

static ij_status save_copy(ij_saver *s, int64_t step)
{
    TRY(ij_snapshot_wait(s->snapshot));
    double copying = ij_snapshot_seconds(s->snapshot);
    pthread_mutex_lock(&s->lock);
    s->times.copying += copying;
    pthread_mutex_unlock(&s->lock);
    return save(s, s->snapshot, step);
}

static void *run(void *user)
{
    ij_saver *s = user;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (s->stage != WRITING && s->stage != ENDING)
            pthread_cond_wait(&s->changed, &s->lock);
        if (s->stage == ENDING)
            break;
        int64_t step = s->step;
        pthread_mutex_unlock(&s->lock);
        ij_status status = save_copy(s, step);
        pthread_mutex_lock(&s->lock);
        s->outcome = s->cancelled ? IJ_OK : status;
        if (s->outcome)
            snprintf(s->message, sizeof s->message, "%s", ij_error());
        s->stage = FREE;
        pthread_cond_broadcast(&s->changed);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

ij_status ij_saver_open(ij_saver **saver, const ij_saver_config *config)
{
    *saver = NULL;
    ij_saver *s = calloc(1, sizeof *s);
    if (!s)
        return ij_fail(IJ_ENOMEM, "out of memory for writing checkpoints");
    s->config = *config;
    s->saved = -1;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    if (!ij_trainer_make_snapshot(config->trainer, &s->snapshot)) {
        s->running = pthread_create(&s->thread, NULL, run, s) == 0;
        if (!s->running) {
            ij_saver_close(s);
            return ij_fail(IJ_ENOMEM, "the system gives no thread for writing checkpoints");
        }
    }
    *saver = s;
    return IJ_OK;
}

/* Until the thread has nothing to write. */
static void wait_for_thread(ij_saver *s)
{
    while (s->stage == WRITING)
        pthread_cond_wait(&s->changed, &s->lock);
}

static void move_on(ij_saver *s, stage to)
{
    pthread_mutex_lock(&s->lock);
    wait_for_thread(s);
    s->stage = to;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void ij_saver_close(ij_saver *s)
{
    if (!s)
        return;
    move_on(s, ENDING);
    if (s->running)
        pthread_join(s->thread, NULL);
    ij_snapshot_destroy(s->snapshot);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

uint64_t ij_saver_bytes(const ij_saver *s)
{
    return s->snapshot ? ij_snapshot_bytes(s->snapshot) : 0;
}

static stage stage_of(ij_saver *s)
{
    pthread_mutex_lock(&s->lock);
    stage now = s->stage;
    pthread_mutex_unlock(&s->lock);
    return now;
}

bool ij_saver_busy(ij_saver *s)
{
    return stage_of(s) != FREE;
}

ij_status ij_saver_take(ij_saver *s, int64_t step)
{
    TRY(ij_trainer_take_snapshot(s->config.trainer, s->snapshot));
    s->step = step;
    move_on(s, TAKEN);
    return IJ_OK;
}

int64_t ij_saver_taken(ij_saver *s)
{
    return stage_of(s) == TAKEN ? s->step : -1;
}

void ij_saver_write(ij_saver *s)
{
    move_on(s, WRITING);
}

void ij_saver_cancel(ij_saver *s)
{
    pthread_mutex_lock(&s->lock);
    if (s->stage == WRITING) {
        s->cancelled = true;
        ij_snapshot_give_up(s->snapshot);
    }
    pthread_mutex_unlock(&s->lock);
}

void ij_saver_finish(ij_saver *s)
{
    pthread_mutex_lock(&s->lock);
    wait_for_thread(s);
    pthread_mutex_unlock(&s->lock);
}

ij_status ij_saver_save(ij_saver *s, int64_t step)
{
    move_on(s, FREE); /* a copy that is not written yet is older than this one */
    return save(s, NULL, step);
}

ij_status ij_saver_outcome(ij_saver *s)
{
    pthread_mutex_lock(&s->lock);
    ij_status status = s->outcome;
    s->outcome = IJ_OK;
    if (status)
        ij_fail(status, "%s", s->message);
    pthread_mutex_unlock(&s->lock);
    return status;
}

int64_t ij_saver_saved(ij_saver *s)
{
    pthread_mutex_lock(&s->lock);
    int64_t saved = s->saved;
    pthread_mutex_unlock(&s->lock);
    return saved;
}

ij_saver_times ij_saver_spent(ij_saver *s)
{
    pthread_mutex_lock(&s->lock);
    ij_saver_times times = s->times;
    pthread_mutex_unlock(&s->lock);
    return times;
}
