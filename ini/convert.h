/* A configuration's values as the plain structs that engine/ and data/ take. */
#ifndef IJ_INI_CONVERT_H
#define IJ_INI_CONVERT_H

#include "data/loader.h"
#include "engine/model_config.h"
#include "engine/schedule.h"
#include "engine/trainer_config.h"
#include "ini/config.h"

ij_model_config ij_config_model_shape(const ij_config *config);
ij_mask_config ij_config_masks(const ij_config *config);
/* How the weights are drawn at first. */
ij_drawing ij_config_drawing(const ij_config *config);
/* `ipe`: iterations an epoch, which the data set decides. */
ij_schedule ij_config_schedule(const ij_config *config, int64_t ipe);
/* With the capacities that the masks need at most. */
ij_trainer_config ij_config_trainer(const ij_config *config);
/* `dataset` is the caller's and must outlive the loader. */
ij_loader_config ij_config_loader(const ij_config *config, const ij_dataset *dataset);

#endif
