/* Patches of other images in the place of predictions: for each predicted feature the patch of a gallery whose target
 * feature is nearest by cosine. A picture of what the predictor expects. */
#ifndef IJ_FRONTEND_STAND_IN_H
#define IJ_FRONTEND_STAND_IN_H

#include "frontend/prediction.h"

typedef struct ij_stand_ins {
    int64_t images;  /* that were looked through */
    double *cosine;  /* [blocks, length] of the prediction with the feature of its stand-in */
    uint8_t *pixels; /* [blocks, length, P, P, 3] */
} ij_stand_ins;

/* Looks through `limit` images at `gallery`, evenly spread, all where there are fewer; prints progress.
 * ij_stand_ins_free is due in any case. */
ij_status ij_stand_ins_find(ij_stand_ins *found, const ij_prediction *prediction, ij_device *device,
                            ij_model_file *file, const char *gallery, int limit);
void ij_stand_ins_free(ij_stand_ins *found);

#endif
