/* bench peak: what the device can do at most. */
#include "engine/peak.h"

#include "tools/bench/bench.h"
#include "tools/bench/workload.h"

#include <stdio.h>

int bench_peak(int argc, char **argv)
{
    ij_workload_options options = {0};
    for (int i = 0; i < argc; i++)
        if (!ij_workload_option(&options, argc, argv, &i) || options.config) {
            fprintf(stderr, "ijepa-bench: usage: ijepa-bench peak [--device D]\n");
            return 2;
        }
    ij_device *device;
    double gflops = 0, gbps = 0;
    ij_status status = ij_device_open(&device, options.device);
    if (!status)
        status = ij_measure_fma_peak(device, &gflops);
    if (!status)
        status = ij_measure_copy_bandwidth(device, (size_t)256 << 20, &gbps);
    if (status)
        fprintf(stderr, "ijepa-bench: %s\n", ij_error());
    else
        printf("%s\nfma_gflops %.1f copy_gb_per_second %.1f\n", ij_device_describe(device)->name, gflops, gbps);
    ij_device_close(device);
    return status ? 1 : 0;
}
