#include "engine/numbers.h"

#include "engine/opencl.h"
#include "engine/tuning_db.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

static uint64_t add(const ij_implementation *of, const int shape[2], const ij_choice *choice, uint64_t sum)
{
    int group = (int)of->group;
    sum = XXH64(&group, sizeof group, sum);
    sum = XXH64(of->name, strlen(of->name), sum);
    sum = XXH64(shape, 2 * sizeof *shape, sum);
    return XXH64(choice->value, sizeof choice->value, sum);
}

void ij_device_numbers(const ij_device *device, char *text, size_t size)
{
    static const int any_shape[2];
    const ij_tuning *t = &device->tuning;
    uint64_t sum = 0;
    for (int g = 0; g < IJ_GROUPS; g++) {
        const ij_implementation *of = t->row[g];
        uint64_t sources = ij_tuning_db_sources(device, of);
        sum = add(of, any_shape, ij_choice_for(t, of, 0, 0), XXH64(&sources, sizeof sources, sum));
    }
    for (int i = 0; i < t->tuned_count; i++) {
        uint64_t sources = ij_tuning_db_sources(device, t->tuned[i].of);
        sum = add(t->tuned[i].of, t->tuned[i].shape, &t->tuned[i].choice, XXH64(&sources, sizeof sources, sum));
    }
    snprintf(text, size, "%s, driver %s, kernels %016" PRIx64, device->info.name, device->info.driver, sum);
}
