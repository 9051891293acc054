#include "frontend/feature_cache.h"

#include "engine/base/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <xxhash.h>

/* The file: header, samples, features, and the XXH64 of all of them, each with the one before as its seed. */
typedef struct header {
    char magic[8];  /* changes with the format */
    uint64_t order; /* 1: this machine's byte order */
    uint64_t key;
    int64_t n, width;
} header;

static const char magic[8] = "ijfeat01";
_Static_assert(sizeof(header) == 40, "the header has no padding");

void ij_feature_table_free(ij_feature_table *t)
{
    free(t->samples);
    free(t->features);
    *t = (ij_feature_table){0};
}

static bool file_name(char *path, size_t size, uint64_t key)
{
    char name[24];
    snprintf(name, sizeof name, "%016llx", (unsigned long long)key);
    return ij_cache_path(path, size, "features", name);
}

static uint64_t checksum(const header *h, const ij_feature_table *t)
{
    uint64_t sum = XXH64(h, sizeof *h, 0);
    sum = XXH64(t->samples, (size_t)t->n * sizeof *t->samples, sum);
    return XXH64(t->features, (size_t)t->n * (size_t)t->width * sizeof *t->features, sum);
}

static bool read_table(FILE *file, uint64_t key, ij_feature_table *t)
{
    header h;
    struct stat info;
    uint64_t sum;
    if (fread(&h, sizeof h, 1, file) != 1 || memcmp(h.magic, magic, sizeof magic) != 0 || h.order != 1 ||
        h.key != key || h.n < 1 || h.width < 1 || fstat(fileno(file), &info) != 0)
        return false;
    double bytes = sizeof h + sizeof sum + (double)h.n * (sizeof *t->samples + (double)h.width * sizeof *t->features);
    if (bytes != (double)info.st_size)
        return false;
    *t = (ij_feature_table){.n = h.n, .width = h.width};
    size_t n = (size_t)h.n, floats = n * (size_t)h.width;
    t->samples = malloc(n * sizeof *t->samples);
    t->features = malloc(floats * sizeof *t->features);
    return t->samples && t->features && fread(t->samples, sizeof *t->samples, n, file) == n &&
           fread(t->features, sizeof *t->features, floats, file) == floats && fread(&sum, sizeof sum, 1, file) == 1 &&
           sum == checksum(&h, t);
}

bool ij_feature_cache_load(uint64_t key, ij_feature_table *t)
{
    char path[3200];
    *t = (ij_feature_table){0};
    FILE *file = file_name(path, sizeof path, key) ? fopen(path, "rb") : NULL;
    if (!file)
        return false;
    bool loaded = read_table(file, key, t);
    fclose(file);
    if (!loaded)
        ij_feature_table_free(t);
    return loaded;
}

static bool write_table(FILE *file, uint64_t key, const ij_feature_table *t)
{
    header h = {.order = 1, .key = key, .n = t->n, .width = t->width};
    memcpy(h.magic, magic, sizeof magic);
    size_t n = (size_t)t->n, floats = n * (size_t)t->width;
    uint64_t sum = checksum(&h, t);
    return fwrite(&h, sizeof h, 1, file) == 1 && fwrite(t->samples, sizeof *t->samples, n, file) == n &&
           fwrite(t->features, sizeof *t->features, floats, file) == floats && fwrite(&sum, sizeof sum, 1, file) == 1;
}

void ij_feature_cache_store(uint64_t key, const ij_feature_table *t)
{
    char path[3200];
    ij_cache_file out;
    if (file_name(path, sizeof path, key) && ij_cache_begin(&out, path))
        ij_cache_end(&out, write_table(out.file, key, t));
}
