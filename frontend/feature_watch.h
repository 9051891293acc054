/* What a trainer's target encoder makes of a few images, always the same: a picture of their patches' features as
 * colours. Has memory of its own and changes nothing that training computes. */
#ifndef IJ_FRONTEND_FEATURE_WATCH_H
#define IJ_FRONTEND_FEATURE_WATCH_H

#include "data/dataset.h"
#include "engine/trainer.h"
#include "frontend/picture.h"
#include "ini/config.h"

typedef struct ij_feature_watch ij_feature_watch;

/* Reads a dozen images, spread over the data set, into host memory; those that cannot be read are named and left out.
 * The trainer must outlive the watch. IJ_EFORMAT where none can be read; IJ_ENOMEM where there is no room. */
ij_status ij_feature_watch_open(ij_feature_watch **watch, const ij_config *config, const ij_dataset *dataset,
                                ij_trainer *trainer);
void ij_feature_watch_close(ij_feature_watch *watch); /* NULL is fine */

int ij_feature_watch_images(const ij_feature_watch *watch);
uint64_t ij_feature_watch_device_bytes(const ij_feature_watch *watch);

/* Draws the sheet (feature_sheet.h) of the weights as they are. Waits for the device. The caller calls
 * ij_picture_free. */
ij_status ij_feature_watch_draw(ij_feature_watch *watch, ij_picture *sheet);

#endif
