/* What softmax regression does beside its two products (cl/softmax_probe.cl): `members` regressions of C classes side
 * by side, their weights the rows of one W [outputs, D], outputs = members C, in the layout of ij_gemm. */
#ifndef IJ_OPS_SOFTMAX_PROBE_H
#define IJ_OPS_SOFTMAX_PROBE_H

#include "engine/ops/gemm.h"

typedef struct ij_softmax_probe {
    ij_device *device;
    cl_kernel gradient, step, add;
} ij_softmax_probe;

ij_status ij_softmax_probe_create(ij_softmax_probe *p, ij_device *device);
void ij_softmax_probe_destroy(ij_softmax_probe *p);

/* d [rows, members, classes]: logits become the cross-entropy's gradient, softmax minus one-hot of label, int [rows].
 */
ij_status ij_softmax_gradient(ij_softmax_probe *p, cl_mem d, cl_mem label, int rows, int members, int classes);

/* One step of Nesterov's accelerated descent on l->weight and l->bias with the gradients of l, which are sums over
 * samples: times `scale` they are the mean. before, bias_before: the last step's points, in the shapes of weight and
 * bias. step [3, outputs]: learning rate, weight decay (of weights only) and momentum. measure [2, outputs]: sum of
 * gradient x (new point - last one), and largest |gradient|. */
ij_status ij_probe_step(ij_softmax_probe *p, const ij_linear *l, cl_mem before, cl_mem bias_before, cl_mem step,
                        cl_mem measure, float scale);

/* sum [count] += part [count]. */
ij_status ij_probe_add(ij_softmax_probe *p, cl_mem sum, cl_mem part, int count);

#endif
