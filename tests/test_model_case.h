/* A model so small that a step takes a millisecond, with everything that a big one has: two context blocks, two target
 * blocks, ragged contexts, widths that fill no panel, an MLP of odd width. Failures of the engine end the test. */
#ifndef IJ_TESTS_MODEL_CASE_H
#define IJ_TESTS_MODEL_CASE_H

#include "engine/trainer.h"

/* What a test program returns where there is no OpenCL device: ctest shows it as skipped. */
enum { CASE_NO_DEVICE = 77 };

/* 12 x 12 pixels in 3 x 3 patches; encoder 16 x 2 with 2 heads, predictor 32 x 2, batch 3. */
ij_trainer_config case_config(void);
/* The same with another batch, and pixels predicted beside the features. */
ij_trainer_config case_config_pixels(int batch);

/* Fails the running test with the engine's message. */
void case_ok(ij_status status);

/* Opens the device that IJEPA_DEVICE names, once for all tests; NULL where there is none, after saying so: the
 * program then returns CASE_NO_DEVICE. One that cannot be opened ends the program as failed. */
ij_device *case_device(void);
void case_close(void);

ij_trainer *case_trainer(const ij_trainer_config *config);

/* Pixels and masks number `seed` into a batch: contexts and targets of random lengths up to what fits. */
void case_fill(ij_batch *batch, uint64_t seed);
/* The same with every mask as long as it can be. */
void case_fill_longest(ij_batch *batch, uint64_t seed);
/* ij_trainer_slot, case_fill and ij_trainer_step. */
void case_step(ij_trainer *t, int slot, uint64_t seed, ij_hyper hyper);

/* Number of the tensor of that name. */
int case_tensor(const ij_trainer *t, const char *name);
/* Everything a trainer has learnt: weights, gradients, moments and the target encoder, one after the other. *count
 * floats; the caller frees. */
float *case_state(ij_trainer *t, int64_t *count);

#endif
