#include "data/fingerprint.h"

#include <string.h>
#include <xxhash.h>

uint64_t ij_dataset_fingerprint(const ij_dataset *dataset)
{
    char path[4096];
    int64_t count = ij_dataset_count(dataset);
    uint64_t sum = XXH64(&count, sizeof count, 0);
    for (int64_t i = 0; i < count; i++) {
        ij_dataset_path(dataset, i, path, sizeof path);
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        sum = XXH64(name, strlen(name) + 1, sum);
    }
    return sum;
}
