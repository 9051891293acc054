/* What softmax regression does beside its two products (cl/softmax_probe.cl): `members` regressions of C classes side
 * by side, their weights the rows of one W [outputs, D], outputs = members C, in the layout of ij_gemm. */
#ifndef IJ_OPS_SOFTMAX_PROBE_H
#define IJ_OPS_SOFTMAX_PROBE_H

#include "engine/ops/gemm.h"

typedef struct ij_softmax_probe {
    ij_device *device;
    cl_kernel gradient, add;
} ij_softmax_probe;

ij_status ij_softmax_probe_create(ij_softmax_probe *p, ij_device *device);
void ij_softmax_probe_destroy(ij_softmax_probe *p);

/* d [rows, members, classes]: logits become the cross-entropy's gradient, softmax minus one-hot of label, int [rows].
 */
ij_status ij_softmax_gradient(ij_softmax_probe *p, cl_mem d, cl_mem label, int rows, int members, int classes);

/* sum [count] += part [count]. */
ij_status ij_probe_add(ij_softmax_probe *p, cl_mem sum, cl_mem part, int count);

#endif
