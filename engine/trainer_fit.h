/* What a trainer can be made as: whether a configuration is possible, and what is given up for one that fits
 * (ij_trainer_create). */
#ifndef IJ_TRAINER_FIT_H
#define IJ_TRAINER_FIT_H

#include "engine/trainer.h"

/* IJ_EINVAL for what cannot be trained, with the reason. */
ij_status ij_trainer_check(const ij_trainer_config *config);

/* ij_trainer_create for a configuration that leaves nothing to it: no AUTO. */
ij_status ij_trainer_create_as(ij_trainer **trainer, ij_device *device, const ij_trainer_config *config);

#endif
