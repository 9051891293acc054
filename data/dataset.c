/* d_type, which spares a stat for every file, is not POSIX. */
#define _DEFAULT_SOURCE

#include "data/dataset.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* No encoded image is larger; what claims to be would only eat memory. */
static const off_t max_file_bytes = (off_t)1 << 30;
/* Folders below folders: a bound on the listing's recursion. */
enum { MAX_DEPTH = 64 };

typedef struct folder {
    char *path;
    int label;
    size_t first, count; /* its samples */
} folder;

typedef struct sample {
    size_t name; /* where its file name begins in `names` */
    uint32_t folder;
} sample;

struct ij_dataset {
    folder *folders;
    size_t folder_count, folder_capacity;
    sample *samples;
    size_t sample_count, sample_capacity;
    char *names; /* NUL-terminated file names, one after another */
    size_t names_used, names_capacity;
    char **classes;
    size_t class_count, class_capacity;
    int64_t ignored;
};

void ij_bytes_free(ij_bytes *bytes)
{
    free(bytes->data);
    *bytes = (ij_bytes){0};
}

static ij_status no_memory(const char *path)
{
    return ij_fail(IJ_ENOMEM, "no memory to list the images of %s", path);
}

/* Makes *array hold at least `count` items of `size` bytes, doubling. */
static bool grow(void *array, size_t *capacity, size_t count, size_t size)
{
    void **pointer = array;
    if (count <= *capacity)
        return true;
    size_t larger = *capacity ? *capacity * 2 : 64;
    if (larger < count)
        larger = count;
    void *memory = realloc(*pointer, larger * size);
    if (!memory)
        return false;
    *pointer = memory;
    *capacity = larger;
    return true;
}

/* ---- Listing ---------------------------------------------------------------------------------------------------- */

static bool is_image_name(const char *name)
{
    static const char *const extensions[] = {".jpg", ".jpeg", ".png", ".jpe", ".jfif"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof extensions / sizeof extensions[0]; i++)
        if (strcasecmp(dot, extensions[i]) == 0)
            return true;
    return false;
}

static char *join(const char *folder_path, const char *name)
{
    size_t a = strlen(folder_path), b = strlen(name);
    char *path = malloc(a + b + 2);
    if (!path)
        return NULL;
    memcpy(path, folder_path, a);
    path[a] = '/';
    memcpy(path + a + 1, name, b + 1);
    return path;
}

/* The names in one folder, files and folders apart. */
typedef struct entries {
    char **files, **folders;
    size_t file_count, file_capacity, folder_count, folder_capacity;
} entries;

static void entries_free(entries *e)
{
    for (size_t i = 0; i < e->file_count; i++)
        free(e->files[i]);
    for (size_t i = 0; i < e->folder_count; i++)
        free(e->folders[i]);
    free(e->files);
    free(e->folders);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool add_name(char ***names, size_t *count, size_t *capacity, const char *name)
{
    char *copy = grow(names, capacity, *count + 1, sizeof **names) ? strdup(name) : NULL;
    if (copy)
        (*names)[(*count)++] = copy;
    return copy;
}

/* What `entry` is, links followed: DT_REG, DT_DIR or anything else. */
static int entry_type(int directory, const struct dirent *entry)
{
    struct stat info;
    if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
        return entry->d_type;
    if (fstatat(directory, entry->d_name, &info, 0) != 0)
        return DT_UNKNOWN;
    return S_ISREG(info.st_mode) ? DT_REG : S_ISDIR(info.st_mode) ? DT_DIR : DT_UNKNOWN;
}

static ij_status read_entries(ij_dataset *d, const char *path, DIR *directory, entries *e)
{
    errno = 0;
    for (struct dirent *entry; (entry = readdir(directory)); errno = 0) {
        if (entry->d_name[0] == '.')
            continue;
        int type = entry_type(dirfd(directory), entry);
        bool stored = true;
        if (type == DT_DIR)
            stored = add_name(&e->folders, &e->folder_count, &e->folder_capacity, entry->d_name);
        else if (type == DT_REG && is_image_name(entry->d_name))
            stored = add_name(&e->files, &e->file_count, &e->file_capacity, entry->d_name);
        else
            d->ignored++;
        if (!stored)
            return no_memory(path);
    }
    if (errno)
        return ij_fail(IJ_EIO, "%s: %s", path, strerror(errno));
    if (e->file_count)
        qsort(e->files, e->file_count, sizeof *e->files, by_name);
    if (e->folder_count)
        qsort(e->folders, e->folder_count, sizeof *e->folders, by_name);
    return IJ_OK;
}

static ij_status add_files(ij_dataset *d, const char *path, int label, const entries *e)
{
    if (e->file_count == 0)
        return IJ_OK;
    char *copy = grow(&d->folders, &d->folder_capacity, d->folder_count + 1, sizeof *d->folders) ? strdup(path) : NULL;
    if (!copy)
        return no_memory(path);
    folder *f = &d->folders[d->folder_count++];
    *f = (folder){copy, label, d->sample_count, 0};
    for (size_t i = 0; i < e->file_count; i++) {
        size_t length = strlen(e->files[i]) + 1;
        if (!grow(&d->names, &d->names_capacity, d->names_used + length, 1) ||
            !grow(&d->samples, &d->sample_capacity, d->sample_count + 1, sizeof *d->samples))
            return no_memory(path);
        memcpy(d->names + d->names_used, e->files[i], length);
        d->samples[d->sample_count++] = (sample){d->names_used, 0};
        d->names_used += length;
        f->count++;
    }
    if (d->sample_count > UINT32_MAX - 1)
        return ij_fail(IJ_EINVAL, "%s: more than 2^32 images", path);
    return IJ_OK;
}

/* The folders above the one being listed: one that appears twice is a loop of links. */
typedef struct ancestor {
    dev_t device;
    ino_t inode;
    const struct ancestor *above;
    int depth;
} ancestor;

static bool is_loop(const ancestor *self)
{
    for (const ancestor *a = self->above; a; a = a->above)
        if (a->device == self->device && a->inode == self->inode)
            return true;
    return false;
}

static ij_status list(ij_dataset *d, const char *path, int label, const ancestor *above);

static ij_status list_below(ij_dataset *d, const char *path, const char *name, int label, const ancestor *above)
{
    char *below = join(path, name);
    if (!below)
        return no_memory(path);
    ij_status status = list(d, below, label, above);
    free(below);
    return status;
}

/* Each folder below the top is a class of its own. */
static ij_status list_classes(ij_dataset *d, const char *path, const entries *e, const ancestor *self)
{
    for (size_t i = 0; i < e->folder_count; i++) {
        if (!add_name(&d->classes, &d->class_count, &d->class_capacity, e->folders[i]))
            return no_memory(path);
        ij_status status = list_below(d, path, e->folders[i], (int)i, self);
        if (status)
            return status;
    }
    return IJ_OK;
}

/* The images of one folder and of everything below it. `above` is NULL at the top. */
static ij_status list(ij_dataset *d, const char *path, int label, const ancestor *above)
{
    DIR *directory = opendir(path);
    struct stat info;
    if (!directory || fstat(dirfd(directory), &info) != 0) {
        int error = errno;
        if (directory)
            closedir(directory);
        if (!above)
            return ij_fail(IJ_EIO, "cannot open the image folder %s: %s", path, strerror(error));
        d->ignored++;
        return IJ_OK;
    }
    ancestor self = {info.st_dev, info.st_ino, above, above ? above->depth + 1 : 0};
    if (is_loop(&self) || self.depth > MAX_DEPTH) {
        closedir(directory);
        d->ignored++;
        return IJ_OK;
    }
    entries e = {0};
    ij_status status = read_entries(d, path, directory, &e);
    closedir(directory);
    if (!status && above)
        status = add_files(d, path, label, &e);
    if (!status && !above)
        status = list_classes(d, path, &e, &self);
    for (size_t i = 0; i < e.folder_count && !status && above; i++)
        status = list_below(d, path, e.folders[i], label, &self);
    if (!status && !above) {
        if (d->sample_count == 0)
            status = add_files(d, path, -1, &e);
        else
            d->ignored += (int64_t)e.file_count;
    }
    entries_free(&e);
    return status;
}

static int by_label_and_path(const void *a, const void *b)
{
    const folder *f = a, *g = b;
    return f->label != g->label ? (f->label > g->label) - (f->label < g->label) : strcmp(f->path, g->path);
}

/* The order of torchvision's ImageFolder: classes, then folders by their whole path, then names, all bytewise. That is
 * not the order of the walk: "a-b" comes before "a/b". */
static ij_status sort_samples(ij_dataset *d, const char *path)
{
    sample *sorted = malloc(d->sample_count * sizeof *sorted);
    if (!sorted)
        return no_memory(path);
    qsort(d->folders, d->folder_count, sizeof *d->folders, by_label_and_path);
    size_t next = 0;
    for (size_t i = 0; i < d->folder_count; i++)
        for (size_t k = 0; k < d->folders[i].count; k++)
            sorted[next++] = (sample){d->samples[d->folders[i].first + k].name, (uint32_t)i};
    free(d->samples);
    d->samples = sorted;
    return IJ_OK;
}

static void drop_classes(ij_dataset *d)
{
    for (size_t i = 0; i < d->class_count; i++)
        free(d->classes[i]);
    d->class_count = 0;
}

ij_status ij_dataset_open(ij_dataset **out, const char *path)
{
    ij_dataset *d = calloc(1, sizeof *d);
    if (!d)
        return no_memory(path);
    ij_status status = list(d, path, -1, NULL);
    if (!status && d->sample_count == 0)
        status = ij_fail(IJ_EFORMAT,
                         "no image in %s: it should hold class folders of .jpg, .jpeg or .png files, or such files "
                         "themselves (%lld other entries were passed over)",
                         path, (long long)d->ignored);
    if (!status)
        status = sort_samples(d, path);
    if (status) {
        ij_dataset_close(d);
        return status;
    }
    if (d->folders[d->samples[0].folder].label < 0)
        drop_classes(d);
    *out = d;
    return IJ_OK;
}

void ij_dataset_close(ij_dataset *d)
{
    if (!d)
        return;
    drop_classes(d);
    for (size_t i = 0; i < d->folder_count; i++)
        free(d->folders[i].path);
    free(d->classes);
    free(d->folders);
    free(d->samples);
    free(d->names);
    free(d);
}

/* ---- Questions -------------------------------------------------------------------------------------------------- */

int64_t ij_dataset_count(const ij_dataset *d)
{
    return (int64_t)d->sample_count;
}

int ij_dataset_label(const ij_dataset *d, int64_t index)
{
    return d->folders[d->samples[index].folder].label;
}

int ij_dataset_classes(const ij_dataset *d)
{
    return (int)d->class_count;
}

const char *ij_dataset_class_name(const ij_dataset *d, int label)
{
    return d->classes[label];
}

int64_t ij_dataset_ignored(const ij_dataset *d)
{
    return d->ignored;
}

size_t ij_dataset_path(const ij_dataset *d, int64_t index, char *path, size_t capacity)
{
    const sample *s = &d->samples[index];
    int length = snprintf(path, capacity, "%s/%s", d->folders[s->folder].path, d->names + s->name);
    return length > 0 ? (size_t)length : 0;
}

/* ---- Reading ---------------------------------------------------------------------------------------------------- */

static ij_status read_all(int file, ij_bytes *bytes)
{
    struct stat info;
    if (fstat(file, &info) != 0)
        return ij_fail(IJ_EIO, "%s", strerror(errno));
    if (!S_ISREG(info.st_mode))
        return ij_fail(IJ_EIO, "not a regular file");
    if (info.st_size == 0)
        return ij_fail(IJ_EFORMAT, "empty file");
    if (info.st_size > max_file_bytes)
        return ij_fail(IJ_EFORMAT, "%lld bytes are too many for an image", (long long)info.st_size);
    size_t size = (size_t)info.st_size;
    bytes->size = 0;
    if (!grow(&bytes->data, &bytes->capacity, size, 1))
        return ij_fail(IJ_ENOMEM, "no memory for a file of %zu bytes", size);
    while (bytes->size < size) {
        ssize_t got = read(file, bytes->data + bytes->size, size - bytes->size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ij_fail(IJ_EIO, "%s", strerror(errno));
        if (got == 0)
            return ij_fail(IJ_EIO, "the file became shorter while it was read");
        bytes->size += (size_t)got;
    }
    return IJ_OK;
}

ij_status ij_dataset_read(const ij_dataset *d, int64_t index, ij_bytes *bytes)
{
    char path[PATH_MAX];
    if (ij_dataset_path(d, index, path, sizeof path) >= sizeof path)
        return ij_fail(IJ_EIO, "%s", strerror(ENAMETOOLONG));
    /* O_NONBLOCK: a FIFO that has taken the file's place must not hold us up */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return ij_fail(IJ_EIO, "%s", strerror(errno));
    ij_status status = read_all(file, bytes);
    close(file);
    return status;
}
