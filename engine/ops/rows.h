/* Passes over rows: what LayerNorm, the optimizer, moves of tokens and sums have in common. */
#ifndef IJ_OPS_ROWS_H
#define IJ_OPS_ROWS_H

#include "engine/launch.h"
#include "engine/program.h"

/* What their kernels are built with. */
ij_kernel_tuning ij_rows_tuning(const ij_device *device);
/* The same where rows are `width` floats wide, which need not be a multiple of a vector. */
ij_kernel_tuning ij_rows_tuning_for(const ij_device *device, int width);

/* Work-items of a work-group. */
int ij_rows_items(const ij_device *device);
/* Columns that a work-group adds up where a matrix's columns are summed. */
int ij_rows_columns(const ij_device *device);
/* Rows of a work-group: `alone` where one work-item takes them one after the other, otherwise as many as there are
 * groups of LANES items. */
int ij_rows_each(const ij_device *device, int alone);
/* Work-groups along `dim` columns of sums over rows: where a work-item is alone it takes them all. */
int ij_rows_column_groups(const ij_device *device, int dim);

/* `x` rows, one a work-group; `y` where rows are shared out by columns too. */
ij_grid ij_rows_grid(const ij_device *device, int x, int y);

#endif
