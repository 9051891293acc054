/* The loss with its gradient, and the spread of features that tells collapse (cl/loss.cl). */
#ifndef IJ_OPS_LOSS_H
#define IJ_OPS_LOSS_H

#include "engine/opencl.h"

#include <stdbool.h>

#define IJ_LOSS_PARTIALS 256 /* most sums that the loss comes in; the host adds them in double */

typedef struct ij_loss_op {
    ij_device *device;
    cl_kernel loss, batch_std;
} ij_loss_op;

/* For rows of `width` floats. */
ij_status ij_loss_create(ij_loss_op *l, ij_device *device, int width);
void ij_loss_destroy(ij_loss_op *l);

/* z [rows, dim], rows = blocks x contexts x rows_per_block; h [blocks, rows_per_block, dim]. dz [rows, dim], the
 * gradient of `weight` times the loss, may be z. partial [IJ_LOSS_PARTIALS]: *partials sums of the elements' losses, to
 * be divided by rows x dim; with `add` added to what is there. */
ij_status ij_loss_run(ij_loss_op *l, cl_mem z, cl_mem h, cl_mem dz, cl_mem partial, int rows, int dim, int contexts,
                      int rows_per_block, int smooth_l1, double weight, bool add, int *partials);
/* std [dim] over the batch of features [batch, dim]. */
ij_status ij_batch_std(ij_loss_op *l, cl_mem features, cl_mem std, int batch, int dim);

#endif
