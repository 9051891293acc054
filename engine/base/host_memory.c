#include "engine/base/host_memory.h"

#include <inttypes.h>
#include <stdio.h>

uint64_t ij_host_memory_free(void)
{
    char line[256];
    uint64_t kibibytes, bytes = UINT64_MAX;
    FILE *meminfo = fopen("/proc/meminfo", "r");
    if (!meminfo)
        return bytes;
    while (bytes == UINT64_MAX && fgets(line, sizeof line, meminfo))
        if (sscanf(line, "MemAvailable: %" SCNu64 " kB", &kibibytes) == 1)
            bytes = 1024 * kibibytes;
    fclose(meminfo);
    return bytes;
}
