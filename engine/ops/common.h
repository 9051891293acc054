/* What implementations are written with: what devices offer, and what is the same for all that share through local
 * memory. */
#ifndef IJ_OPS_COMMON_H
#define IJ_OPS_COMMON_H

#include "engine/tuning.h"

/* A GPU whose work-groups are large enough for tiles, and every other device. */
bool ij_offers_groups(const ij_device_info *device);
bool ij_offers_items(const ij_device_info *device);

/* The local memory that parameters for all shapes keep to: what every device has by the standard, so that several
 * work-groups can share what there is. */
size_t ij_local_bytes_to_begin(const ij_device_info *device);

/* Floats of a vector register and columns of a tile of kernels that work by items; floats of a vector load of others.
 */
int ij_tuning_vw(const ij_tuning *t);
int ij_tuning_tn(const ij_tuning *t);

/* Rows of a tile of kernels by items with which accumulators, a row of the panel and a broadcast fill the registers;
 * and why a tile of `rows` rows would spill, or NULL. */
int ij_tile_rows(const ij_tuning *t);
const char *ij_tile_spills(const ij_tuning *t, int rows);

#endif
