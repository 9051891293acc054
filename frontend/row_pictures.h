/* The pictures behind the rows of a file of features, found again by their paths. */
#ifndef IJ_FRONTEND_ROW_PICTURES_H
#define IJ_FRONTEND_ROW_PICTURES_H

#include "frontend/features_file.h"

/* Reads the images of the data set that `origin` names into pixels [count, size, size, 3]: paths[i], as FEATURES.csv
 * has it, becomes picture i; NULL: none. Those that are gone or cannot be read are named on stderr; they, and NULL,
 * leave their pixels as they are. */
ij_status ij_row_pictures(const ij_features_origin *origin, const char *const *paths, int count, int size,
                          uint8_t *pixels);

/* The same for one image file at `path`, pixels [size, size, 3]. */
ij_status ij_file_picture(const char *path, int size, uint8_t *pixels);

#endif
