#include "engine/files/torch_zip.h"

#include "engine/files/file_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Sizes of the fixed parts of the records. */
enum { END = 22, END64 = 56, LOCATOR = 20, CENTRAL = 46, LOCAL = 30, MAX_COMMENT = 65535, MAX_DIRECTORY = 16 << 20 };

typedef struct entry {
    char *name;
    unsigned flags, method;
    uint64_t packed, bytes, local; /* the last: where its local header lies */
} entry;

struct ij_zip {
    int fd;
    char *path, *folder;
    uint64_t size, directory; /* of the file; where the central directory begins */
    entry *entries;           /* sorted by name */
    size_t count;
};

static uint64_t number(const unsigned char *bytes, int width)
{
    uint64_t value = 0;
    for (int i = width - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

static bool is_record(const unsigned char *bytes, unsigned char kind, unsigned char kind2)
{
    return bytes[0] == 'P' && bytes[1] == 'K' && bytes[2] == kind && bytes[3] == kind2;
}

/* ---- The directory ---------------------------------------------------------------------------------------------- */

typedef struct extent {
    uint64_t offset, bytes, entries;
} extent;

/* The 64-bit record that a locator before the end record points to replaces what does not fit into that. */
static ij_status read_end64(const ij_zip *z, uint64_t end, extent *directory)
{
    unsigned char locator[LOCATOR], record[END64];
    if (end < LOCATOR)
        return IJ_OK;
    ij_status status = ij_file_read(z->fd, z->path, end - LOCATOR, locator, sizeof locator);
    if (status || !is_record(locator, 6, 7))
        return status;
    uint64_t at = number(locator + 8, 8);
    if (at > end || end - at < END64)
        return ij_fail(IJ_EFORMAT, "%s: its zip directory is damaged", z->path);
    status = ij_file_read(z->fd, z->path, at, record, sizeof record);
    if (status)
        return status;
    if (!is_record(record, 6, 6))
        return ij_fail(IJ_EFORMAT, "%s: its zip directory is damaged", z->path);
    *directory = (extent){number(record + 48, 8), number(record + 40, 8), number(record + 32, 8)};
    return IJ_OK;
}

/* The end record is the last thing in the file but for a comment. */
static ij_status find_directory(const ij_zip *z, extent *directory, uint64_t *end)
{
    size_t room = z->size < END + MAX_COMMENT ? (size_t)z->size : END + MAX_COMMENT;
    unsigned char *tail = malloc(room + 1);
    if (!tail)
        return ij_fail(IJ_ENOMEM, "%s: no memory to open it", z->path);
    ij_status status = ij_file_read(z->fd, z->path, z->size - room, tail, room);
    bool found = false;
    for (size_t at = room < END ? 0 : room - END + 1; at-- > 0 && !status && !found;) {
        const unsigned char *record = tail + at;
        if (!is_record(record, 5, 6) || number(record + 20, 2) != room - at - END)
            continue;
        found = true;
        *end = z->size - room + at;
        *directory = (extent){number(record + 16, 4), number(record + 12, 4), number(record + 10, 2)};
    }
    free(tail);
    if (!status && !found)
        status = ij_fail(IJ_EFORMAT, "%s: has no zip directory at its end: the file was cut short", z->path);
    return status ? status : read_end64(z, *end, directory);
}

/* The sizes of an entry that do not fit into 32 bits are in its extra field, in this order. */
static bool read_extra(const unsigned char *extra, size_t bytes, entry *e)
{
    uint64_t *wide[3];
    int n = 0;
    if (e->bytes == UINT32_MAX)
        wide[n++] = &e->bytes;
    if (e->packed == UINT32_MAX)
        wide[n++] = &e->packed;
    if (e->local == UINT32_MAX)
        wide[n++] = &e->local;
    while (n > 0 && bytes >= 4) {
        uint64_t kind = number(extra, 2), size = number(extra + 2, 2);
        if (size > bytes - 4)
            return false;
        if (kind == 1) {
            if (size < 8 * (uint64_t)n)
                return false;
            for (int i = 0; i < n; i++)
                *wide[i] = number(extra + 4 + (size_t)i * 8, 8);
            return true;
        }
        extra += 4 + size;
        bytes -= 4 + (size_t)size;
    }
    return n == 0;
}

/* Reads one entry at `record`; *used: its bytes in the directory, 0 where it is damaged. */
static ij_status read_entry(const ij_zip *z, const unsigned char *record, size_t room, entry *e, size_t *used)
{
    *used = 0;
    if (room < CENTRAL || !is_record(record, 1, 2))
        return IJ_OK;
    size_t name = (size_t)number(record + 28, 2), extra = (size_t)number(record + 30, 2),
           comment = (size_t)number(record + 32, 2);
    if (room - CENTRAL < name + extra + comment || memchr(record + CENTRAL, 0, name))
        return IJ_OK;
    e->flags = (unsigned)number(record + 8, 2);
    e->method = (unsigned)number(record + 10, 2);
    e->packed = number(record + 20, 4);
    e->bytes = number(record + 24, 4);
    e->local = number(record + 42, 4);
    if (!read_extra(record + CENTRAL + name, extra, e))
        return IJ_OK;
    if (!(e->name = malloc(name + 1)))
        return ij_fail(IJ_ENOMEM, "%s: no memory for its directory", z->path);
    memcpy(e->name, record + CENTRAL, name);
    e->name[name] = '\0';
    *used = CENTRAL + name + extra + comment;
    return IJ_OK;
}

static int by_name(const void *a, const void *b)
{
    const entry *s = a, *t = b;
    return strcmp(s->name, t->name);
}

static ij_status read_entries(ij_zip *z, const unsigned char *bytes, const extent *directory)
{
    size_t at = 0, used = 0;
    for (; z->count < directory->entries; at += used) {
        ij_status status = read_entry(z, bytes + at, (size_t)directory->bytes - at, &z->entries[z->count], &used);
        if (status)
            return status;
        if (!used)
            return ij_fail(IJ_EFORMAT, "%s: its zip directory is damaged at entry %zu", z->path, z->count + 1);
        z->count++;
    }
    qsort(z->entries, z->count, sizeof *z->entries, by_name);
    for (size_t i = 1; i < z->count; i++)
        if (by_name(&z->entries[i - 1], &z->entries[i]) == 0)
            return ij_fail(IJ_EFORMAT, "%s: its zip directory names an entry twice", z->path);
    return IJ_OK;
}

static ij_status read_directory(ij_zip *z)
{
    extent directory = {0, 0, 0};
    uint64_t end = 0;
    ij_status status = find_directory(z, &directory, &end);
    if (status)
        return status;
    z->directory = directory.offset;
    if (directory.offset > end || directory.bytes > end - directory.offset)
        return ij_fail(IJ_EFORMAT, "%s: its zip directory lies outside the file", z->path);
    if (directory.bytes > MAX_DIRECTORY || directory.entries > directory.bytes / CENTRAL)
        return ij_fail(IJ_EFORMAT, "%s: its zip directory has an impossible size", z->path);
    unsigned char *bytes = malloc((size_t)directory.bytes + 1);
    z->entries = calloc((size_t)directory.entries + 1, sizeof *z->entries);
    if (!bytes || !z->entries)
        status = ij_fail(IJ_ENOMEM, "%s: no memory for its directory", z->path);
    else
        status = ij_file_read(z->fd, z->path, directory.offset, bytes, (size_t)directory.bytes);
    if (!status)
        status = read_entries(z, bytes, &directory);
    free(bytes);
    return status;
}

ij_status ij_zip_open(ij_zip **out, const char *path)
{
    *out = NULL;
    ij_zip *z = calloc(1, sizeof *z);
    char *copy = malloc(strlen(path) + 1);
    if (!z || !copy) {
        free(z);
        free(copy);
        return ij_fail(IJ_ENOMEM, "%s: no memory to open it", path);
    }
    z->path = strcpy(copy, path);
    ij_status status = ij_file_open(&z->fd, &z->size, path);
    if (!status)
        status = read_directory(z);
    if (status) {
        ij_zip_close(z);
        return status;
    }
    *out = z;
    return IJ_OK;
}

void ij_zip_close(ij_zip *z)
{
    if (!z)
        return;
    if (z->fd >= 0)
        close(z->fd);
    for (size_t i = 0; z->entries && i < z->count; i++)
        free(z->entries[i].name);
    free(z->entries);
    free(z->folder);
    free(z->path);
    free(z);
}

int ij_zip_descriptor(const ij_zip *z)
{
    return z->fd;
}

/* ---- Entries ---------------------------------------------------------------------------------------------------- */

const char *ij_zip_folder(ij_zip *z, const char *ending)
{
    const entry *best = NULL;
    size_t least = 0, tail = strlen(ending);
    for (size_t i = 0; i < z->count; i++) {
        size_t length = strlen(z->entries[i].name);
        if (length < tail || (best && length >= least))
            continue;
        const char *name = z->entries[i].name, *at = name + length - tail;
        if (strcmp(at, ending) != 0 || (at > name && at[-1] != '/'))
            continue;
        best = &z->entries[i];
        least = length;
    }
    if (!best)
        return NULL;
    free(z->folder);
    if (!(z->folder = malloc(least - tail + 1)))
        return NULL;
    memcpy(z->folder, best->name, least - tail);
    z->folder[least - tail] = '\0';
    return z->folder;
}

static const entry *lookup(const ij_zip *z, const char *folder, const char *name)
{
    size_t room = strlen(folder) + strlen(name) + 1;
    char *full = malloc(room);
    if (!full)
        return NULL;
    snprintf(full, room, "%s%s", folder, name);
    const entry key = {.name = full};
    const entry *found = bsearch(&key, z->entries, z->count, sizeof *z->entries, by_name);
    free(full);
    return found;
}

bool ij_zip_has(const ij_zip *z, const char *folder, const char *name)
{
    return lookup(z, folder, name) != NULL;
}

ij_status ij_zip_find(const ij_zip *z, const char *folder, const char *name, uint64_t *offset, uint64_t *bytes)
{
    const entry *e = lookup(z, folder, name);
    unsigned char local[LOCAL];
    if (!e)
        return ij_fail(IJ_EFORMAT, "%s: has no entry %.100s%.100s", z->path, folder, name);
    if (e->flags & 1)
        return ij_fail(IJ_EFORMAT, "%s: entry %.200s is encrypted", z->path, e->name);
    if (e->method != 0)
        return ij_fail(IJ_EFORMAT,
                       "%s: entry %.200s is compressed, as torch.save never does: unpack the archive and pack it again "
                       "with `zip -0`",
                       z->path, e->name);
    if (e->packed != e->bytes)
        return ij_fail(IJ_EFORMAT, "%s: entry %.200s is stored but has two sizes", z->path, e->name);
    if (e->local > z->directory || z->directory - e->local < LOCAL)
        return ij_fail(IJ_EFORMAT, "%s: entry %.200s lies outside the file", z->path, e->name);
    ij_status status = ij_file_read(z->fd, z->path, e->local, local, sizeof local);
    if (status)
        return status;
    if (!is_record(local, 3, 4))
        return ij_fail(IJ_EFORMAT, "%s: entry %.200s has no header where the directory says", z->path, e->name);
    *offset = e->local + LOCAL + number(local + 26, 2) + number(local + 28, 2);
    *bytes = e->bytes;
    if (*offset > z->directory || e->bytes > z->directory - *offset)
        return ij_fail(IJ_EFORMAT, "%s: entry %.200s lies outside the file", z->path, e->name);
    return IJ_OK;
}
