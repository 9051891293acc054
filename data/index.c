/* realpath with a buffer of its own is POSIX 2008, but declared with the X/Open functions. */
#define _XOPEN_SOURCE 700

#include "data/index.h"

#include "data/source.h"
#include "engine/base/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

/* File systems with coarse clocks count in whole seconds, the worst in two. */
static const int64_t settled = 2 * INT64_C(1000000000);

/* The file: header, key, containers, samples, classes, notes, text, checksum, all as in memory. */
typedef struct header {
    char magic[8];  /* changes with the format */
    uint64_t order; /* 1: this machine's byte order */
    uint64_t kind, key_size, containers, samples, classes, notes, text;
    int64_t ignored;
} header;

static const char magic[8] = "ijindex1";

_Static_assert(sizeof(header) == 80 && sizeof(ij_container) == 40 && sizeof(ij_sample) == 24,
               "what the format consists of has no padding");

/* ---- Where ------------------------------------------------------------------------------------------------------ */

/* What tells this data set from others: the root without links or dots, a line's end, the name. */
static char *make_key(const char *root, const char *name)
{
    char *real = realpath(*root ? root : ".", NULL);
    size_t size = real ? strlen(real) + strlen(name) + 2 : 0;
    char *key = real ? malloc(size) : NULL;
    if (key)
        snprintf(key, size, "%s\n%s", real, name);
    free(real);
    return key;
}

static bool file_name(char *path, size_t size, const char *key)
{
    char name[24];
    snprintf(name, sizeof name, "%016llx", (unsigned long long)XXH64(key, strlen(key), 0));
    return ij_cache_path(path, size, "index", name);
}

/* ---- Reading ---------------------------------------------------------------------------------------------------- */

typedef struct input {
    int file;
    uint64_t left; /* bytes before the checksum */
    XXH64_state_t *sum;
} input;

static bool read_bytes(int file, void *bytes, size_t size)
{
    for (size_t have = 0; have < size;) {
        ssize_t got = read(file, (char *)bytes + have, size - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return true;
}

static bool read_part(input *in, void *bytes, size_t size)
{
    if (size > in->left || !read_bytes(in->file, bytes, size))
        return false;
    in->left -= size;
    return XXH64_update(in->sum, bytes, size) == XXH_OK;
}

/* `count` items of `size` bytes into new memory; NULL where the file has no so many. */
static void *read_table(input *in, uint64_t count, size_t size)
{
    if (count > in->left / size)
        return NULL;
    void *table = malloc(count ? (size_t)count * size : 1);
    if (table && count && !read_part(in, table, (size_t)count * size)) {
        free(table);
        return NULL;
    }
    return table;
}

static bool read_tables(input *in, const char *key, ij_listing *l)
{
    header h;
    if (!read_part(in, &h, sizeof h) || memcmp(h.magic, magic, sizeof magic) != 0 || h.order != 1 ||
        h.kind >= IJ_SOURCE_KINDS || h.key_size != strlen(key))
        return false;
    char *its_key = read_table(in, h.key_size, 1);
    bool same = its_key && memcmp(its_key, key, h.key_size) == 0;
    free(its_key);
    if (!same || !(l->containers = read_table(in, h.containers, sizeof *l->containers)) ||
        !(l->samples = read_table(in, h.samples, sizeof *l->samples)) ||
        !(l->classes = read_table(in, h.classes, sizeof *l->classes)) ||
        !(l->notes = read_table(in, h.notes, sizeof *l->notes)) || !(l->text = read_table(in, h.text, 1)))
        return false;
    l->kind = (ij_source_kind)h.kind;
    l->container_count = l->container_capacity = h.containers;
    l->sample_count = l->sample_capacity = h.samples;
    l->class_count = l->class_capacity = h.classes;
    l->note_count = l->note_capacity = h.notes;
    l->text_used = l->text_capacity = h.text;
    l->ignored = h.ignored;
    return in->left == 0;
}

bool ij_index_read(int file, const char *key, ij_listing *listing)
{
    struct stat info;
    uint64_t sum;
    if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size < (off_t)sizeof sum)
        return false;
    input in = {file, (uint64_t)info.st_size - sizeof sum, XXH64_createState()};
    if (!in.sum)
        return false;
    XXH64_reset(in.sum, 0);
    bool good = read_tables(&in, key, listing) && read_bytes(file, &sum, sizeof sum) && sum == XXH64_digest(in.sum) &&
                ij_listing_is_valid(listing);
    XXH64_freeState(in.sum);
    if (!good)
        ij_listing_free(listing);
    return good;
}

/* Whether no container has changed since. */
static bool is_current(const char *root, const ij_listing *l)
{
    for (size_t i = 0; i < l->container_count; i++) {
        const ij_container *then = &l->containers[i];
        struct stat info;
        char *path = ij_source_join(root, l->text + then->path);
        bool found = path && stat(*path ? path : ".", &info) == 0;
        free(path);
        if (!found)
            return false;
        ij_container now = ij_container_of(&info);
        if (now.inode != then->inode || now.size != then->size || now.changed != then->changed ||
            now.status_changed != then->status_changed)
            return false;
    }
    return true;
}

bool ij_index_load(const char *root, const char *name, ij_listing *listing)
{
    char path[3200], *key = make_key(root, name);
    bool loaded = false;
    if (key && file_name(path, sizeof path, key)) {
        int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (file >= 0) {
            loaded = ij_index_read(file, key, listing);
            close(file);
        }
    }
    free(key);
    if (loaded && !is_current(root, listing)) {
        ij_listing_free(listing);
        loaded = false;
    }
    return loaded;
}

/* ---- Writing ---------------------------------------------------------------------------------------------------- */

typedef struct output {
    FILE *file;
    XXH64_state_t *sum;
    bool good;
} output;

static void write_part(output *out, const void *bytes, size_t size)
{
    if (size && out->good)
        out->good = fwrite(bytes, 1, size, out->file) == size && XXH64_update(out->sum, bytes, size) == XXH_OK;
}

bool ij_index_write(FILE *file, const char *key, const ij_listing *l)
{
    header h = {.order = 1,
                .kind = (uint64_t)l->kind,
                .key_size = strlen(key),
                .containers = l->container_count,
                .samples = l->sample_count,
                .classes = l->class_count,
                .notes = l->note_count,
                .text = l->text_used,
                .ignored = l->ignored};
    memcpy(h.magic, magic, sizeof magic);
    output out = {file, XXH64_createState(), true};
    if (!out.sum)
        return false;
    XXH64_reset(out.sum, 0);
    write_part(&out, &h, sizeof h);
    write_part(&out, key, strlen(key));
    write_part(&out, l->containers, l->container_count * sizeof *l->containers);
    write_part(&out, l->samples, l->sample_count * sizeof *l->samples);
    write_part(&out, l->classes, l->class_count * sizeof *l->classes);
    write_part(&out, l->notes, l->note_count * sizeof *l->notes);
    write_part(&out, l->text, l->text_used);
    uint64_t sum = XXH64_digest(out.sum);
    write_part(&out, &sum, sizeof sum);
    XXH64_freeState(out.sum);
    return out.good && fflush(file) == 0;
}

static bool is_settled(const ij_listing *l, int64_t began)
{
    for (size_t i = 0; i < l->container_count; i++)
        if (l->containers[i].changed > began - settled)
            return false;
    return true;
}

void ij_index_save(const char *root, const char *name, const ij_listing *listing, int64_t began)
{
    char path[3200], *key = make_key(root, name);
    ij_cache_file out;
    if (key && is_settled(listing, began) && file_name(path, sizeof path, key) && ij_cache_begin(&out, path))
        ij_cache_end(&out, ij_index_write(out.file, key, listing));
    free(key);
}
