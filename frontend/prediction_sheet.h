/* A prediction as a picture. */
#ifndef IJ_FRONTEND_PREDICTION_SHEET_H
#define IJ_FRONTEND_PREDICTION_SHEET_H

#include "frontend/picture.h"
#include "frontend/stand_in.h"

/* Panels side by side. In the first row the image; what the encoder gets of it; on the image, dim, the cosine of
 * prediction and target at every target patch, the mean where blocks overlap. In the second row the cosines of each
 * block by itself. With stand-ins (may be NULL) they follow, pasted in: in the first row those of all blocks, in a
 * third row those of each. On the right the scale of cosines from 0 (below) to 1, a mark every quarter. IJ_ENOMEM. */
ij_status ij_prediction_sheet(ij_picture *sheet, const ij_prediction *prediction, const ij_stand_ins *found);

#endif
