/* Checkpoints beside the training: the state is copied to host memory between two steps; once what these steps measured
 * is known to be sound, a thread writes the copy to disk, while the device computes on. */
#ifndef IJ_FRONTEND_SAVER_H
#define IJ_FRONTEND_SAVER_H

#include "engine/checkpoint.h"
#include "engine/trainer.h"
#include "frontend/run_folder.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct ij_saver ij_saver;

typedef struct ij_saver_config {
    ij_trainer *trainer;
    const ij_run_folder *folder;
    int log;                /* the step log's descriptor: its lines are on disk before the checkpoint that needs them */
    int keep_last;          /* checkpoints */
    int64_t keep_every;     /* steps; 0: none but the last ones */
    int64_t steps_an_epoch; /* for the checkpoints' number of epochs */
    ij_checkpoint_meta meta; /* without epoch and iteration; what it points to must outlive the saver */
} ij_saver_config;

/* Makes the host memory and the thread. Where there is no memory for a copy, checkpoints are written directly: see
 * ij_saver_copies. */
ij_status ij_saver_open(ij_saver **saver, const ij_saver_config *config);
/* Waits for the writing that goes on; a copy that was not to be written yet is dropped. NULL is fine. */
void ij_saver_close(ij_saver *saver);

/* Host memory of the copy; 0 where there is none: then ij_saver_save alone may be used. */
uint64_t ij_saver_bytes(const ij_saver *saver);

/* Whether the copy is in use: taken, or being written. */
bool ij_saver_busy(ij_saver *saver);

/* Copies the state after the `step` steps enqueued so far; not while busy. IJ_EDEVICE. */
ij_status ij_saver_take(ij_saver *saver, int64_t step);
/* The step of a copy that waits to be written; -1: none. */
int64_t ij_saver_taken(ij_saver *saver);
/* The copy is worth keeping: the thread writes it. */
void ij_saver_write(ij_saver *saver);

/* Gives a writing that goes on up, unless it is at its end; nobody is told. */
void ij_saver_cancel(ij_saver *saver);
/* Waits until the thread has nothing to write. A copy that is not to be written yet stays. */
void ij_saver_finish(ij_saver *saver);

/* Waits, copies the state and writes it; returns when it is on disk. */
ij_status ij_saver_save(ij_saver *saver, int64_t step);

/* What became of the thread's last writing, told once: IJ_OK also where there is nothing to tell. The message is
 * ij_error's. */
ij_status ij_saver_outcome(ij_saver *saver);

/* Steps in the newest checkpoint that was written; -1: none. */
int64_t ij_saver_saved(ij_saver *saver);

typedef struct ij_saver_times {
    int written;    /* checkpoints */
    double writing; /* seconds the thread took for them */
    double copying; /* seconds the device took to copy: what training is held up by */
} ij_saver_times;
ij_saver_times ij_saver_spent(ij_saver *saver);

#endif
