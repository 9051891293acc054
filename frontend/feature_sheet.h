/* Images beside what an encoder makes of them: their patches' features as colours, pairs in rows on a dark ground. */
#ifndef IJ_FRONTEND_FEATURE_SHEET_H
#define IJ_FRONTEND_FEATURE_SHEET_H

#include "frontend/picture.h"

#include <stdint.h>

/* Draws `images` (>= 1) of pixels [images, size, size, 3], made smaller or larger by a whole factor where they are far
 * from 112 pixels, each beside its colours [images, side, side, 3]. IJ_ENOMEM. The caller calls ij_picture_free. */
ij_status ij_feature_sheet(ij_picture *sheet, const uint8_t *pixels, int images, int size, const uint8_t *colours,
                           int side);

#endif
