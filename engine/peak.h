/* What a device can do at most, measured. */
#ifndef IJ_PEAK_H
#define IJ_PEAK_H

#include "engine/opencl.h"

/* fp32 multiply-adds of registers only, GFLOP/s: the best of several runs. */
ij_status ij_measure_fma_peak(ij_device *device, double *gflops);
/* A copy of `bytes`, GB/s of bytes read plus bytes written: the best of several runs. */
ij_status ij_measure_copy_bandwidth(ij_device *device, size_t bytes, double *gbps);

#endif
