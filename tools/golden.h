/* One golden file: a small model, a batch and what three training steps on it must give. Reading only; the comparison
 * is replay.c's. */
#ifndef IJ_TOOLS_GOLDEN_H
#define IJ_TOOLS_GOLDEN_H

#include "engine/base/batch.h"
#include "engine/files/safetensors.h"
#include "engine/trainer.h"

typedef struct golden {
    ij_safetensors *file;
    ij_trainer_config config; /* all but the choice of matrix products */
    int steps;
} golden;

/* Opens and understands `path`; golden_close also after a failure. */
ij_status golden_open(golden *g, const char *path);
void golden_close(golden *g);

/* Loss and hyper-parameters of step k = 1, 2, ... */
ij_status golden_step(const golden *g, int k, double *loss, ij_hyper *hyper);

/* Reads the F32 tensor PREFIX + NAME, which must have `elements` floats. */
ij_status golden_floats(const golden *g, const char *prefix, const char *name, int64_t elements, float *values);

/* Fills a slot of the trainer with the batch: pixels, packed contexts (rows are padded with -1 where they are ragged)
 * and targets. */
ij_status golden_fill(const golden *g, ij_batch *batch);

#endif
