#include "engine/numbers.h"

#include "engine/opencl.h"
#include "engine/tuning_db.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

static uint64_t add_tuned(const ij_tuned *tuned, int count, uint64_t sum)
{
    for (int i = 0; i < count; i++) {
        int group = (int)tuned[i].group;
        sum = XXH64(&group, sizeof group, sum);
        sum = XXH64(tuned[i].shape, sizeof tuned[i].shape, sum);
        sum = XXH64(tuned[i].choice.value, sizeof tuned[i].choice.value, sum);
    }
    return sum;
}

void ij_device_numbers(const ij_device *device, char *text, size_t size)
{
    const ij_tuning *t = &device->tuning;
    int family = (int)t->family;
    uint64_t sum = XXH64(&family, sizeof family, 0);
    for (int g = 0; g < IJ_GROUPS; g++) {
        uint64_t sources = ij_tuning_db_sources(device, (ij_group)g);
        sum = XXH64(&sources, sizeof sources, sum);
        sum = XXH64(t->choice[g].value, sizeof t->choice[g].value, sum);
    }
    sum = add_tuned(t->tuned, t->tuned_count, sum);
    sum = add_tuned(device->clblast, device->clblast_count, sum);
    snprintf(text, size, "%s, driver %s, kernels %016" PRIx64, device->info.name, device->info.driver, sum);
}
