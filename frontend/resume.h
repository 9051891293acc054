/* Going on with a run: which checkpoint, whether it fits what is asked for now, and loading it. */
#ifndef IJ_FRONTEND_RESUME_H
#define IJ_FRONTEND_RESUME_H

#include "data/dataset.h"
#include "engine/files/model_file.h"
#include "engine/trainer.h"
#include "frontend/run_folder.h"
#include "ini/config.h"

/* What a run notes of itself in its checkpoints, as metadata, for whoever goes on with it. */
typedef struct ij_run_identity {
    char *config;               /* every key with its value, as INI text; malloc'ed */
    char images[24], names[24]; /* of the data set: count, fingerprint */
    char epoch_steps[24];       /* iterations an epoch */
    char numbers[512];          /* what else decides the bits: ij_device_numbers */
    const char *pair[6][2];     /* all of it, for ij_checkpoint_meta.more */
    int count;
} ij_run_identity;

/* epoch_steps is left for ij_run_identity_epoch. IJ_ENOMEM. */
ij_status ij_run_identity_make(ij_run_identity *identity, const ij_config *config, const ij_dataset *dataset,
                               const ij_device *device);
void ij_run_identity_epoch(ij_run_identity *identity, int64_t steps);
void ij_run_identity_free(ij_run_identity *identity);

/* The checkpoint that a run goes on from. Start from {0}; freed by ij_resume_free. */
typedef struct ij_resume {
    ij_model_file *file; /* NULL: there is none */
    int64_t step;        /* steps taken before */
    int64_t *damaged;    /* steps of newer checkpoints that could not be used */
    int damaged_count;
} ij_resume;

/* Opens the newest checkpoint of the folder whose structure is sound; those that are damaged are complained of. file is
 * NULL where there is none at all. IJ_EFORMAT where there were some, and all are damaged: nothing is changed then, so
 * that it is the same the next time. */
ij_status ij_resume_find(ij_resume *resume, const ij_run_folder *folder);

/* Whether the run can go on: IJ_EINVAL lists what contradicts the checkpoint. Prints notes on what is changed by it. */
ij_status ij_resume_check(const ij_resume *resume, const ij_config *config, const ij_run_identity *now);

/* Loads the checkpoint that was found into the trainer. Where its content turns out to be damaged, the one before is
 * opened, checked and loaded. Those that were damaged are set aside once a good one is loaded. */
ij_status ij_resume_load(ij_resume *resume, const ij_run_folder *folder, const ij_config *config,
                         const ij_run_identity *now, ij_trainer *trainer);
void ij_resume_free(ij_resume *resume);

#endif
