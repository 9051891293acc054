/* The README.md of a published encoder: what the file that it came from says, and what it does not say. */
#ifndef IJ_MODEL_CARD_H
#define IJ_MODEL_CARD_H

#include "engine/files/export.h"
#include "engine/files/model_file.h"

/* Makes the text; free() it. `network`: which encoder of the file was taken. `dtype`: how its weights are stored now.
 */
ij_status ij_model_card(const ij_model_file *file, ij_network network, ij_dtype dtype, char **text);

#endif
