/* Private to the trainer's files: its ranks, NULL where it has none. */
#ifndef IJ_TRAINER_RANKS_H
#define IJ_TRAINER_RANKS_H

#include "engine/trainer.h"

struct ij_ranks *ij_trainer_ranks(const ij_trainer *trainer);

#endif
