#include "data/dataset.h"

#include "data/index.h"
#include "data/listing.h"
#include "data/source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

/* No encoded image is larger; what claims to be would only eat memory. */
static const off_t max_file_bytes = (off_t)1 << 30;
/* Fewer images in folders than this are listed again faster than an index is worth. */
enum { LEAST_INDEXED = 1000 };

struct ij_dataset {
    char *root; /* the folder that all paths are relative to; "" is the working folder */
    char *name; /* of the file, or range of files, in it; "" for a folder */
    ij_listing listing;
    ij_idx idx;
};

void ij_bytes_free(ij_bytes *bytes)
{
    free(bytes->data);
    *bytes = (ij_bytes){0};
}

/* ---- Opening ---------------------------------------------------------------------------------------------------- */

static ij_status no_memory(const char *path)
{
    return ij_fail(IJ_ENOMEM, "no memory to open the data set %s", path);
}

static bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcasecmp(text + a - b, end) == 0;
}

/* What a file is, by its first bytes; else by its name. */
static ij_status find_kind(const char *path, ij_source_kind *kind)
{
    uint8_t start[512];
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t size = file < 0 ? -1 : read(file, start, sizeof start);
    int error = errno;
    if (file >= 0)
        close(file);
    if (size < 0)
        return ij_fail(IJ_EIO, "cannot read %s: %s", path, strerror(error));
    if (ends_with(path, ".tar") || (size > 262 && memcmp(start + 257, "ustar", 5) == 0))
        *kind = IJ_SOURCE_TAR;
    else if (ends_with(path, ".tar.gz") || ends_with(path, ".tgz"))
        return ij_fail(IJ_EFORMAT, "%s is a compressed tar file, which cannot be read by offset: unpack it with gunzip",
                       path);
    else if (size > 3 && (memcmp(start, "\x1F\x8B", 2) == 0 || memcmp(start, "\0\0\x08", 3) == 0))
        *kind = IJ_SOURCE_IDX;
    else if ((size > 3 && (memcmp(start, "\xFF\xD8\xFF", 3) == 0 || memcmp(start, "\x89PNG", 4) == 0)) ||
             ends_with(path, ".jpg") || ends_with(path, ".jpeg") || ends_with(path, ".png"))
        return ij_fail(IJ_EFORMAT, "%s is one image: give the folder that it is in", path);
    else if (size > 0 && memchr(start, 0, (size_t)size))
        return ij_fail(IJ_EFORMAT, "%s is neither a list of paths nor a tar or IDX file", path);
    else
        *kind = IJ_SOURCE_LIST;
    return IJ_OK;
}

/* root and name from what the user gave; `whole` bytes of it are the root, without the slashes at its end. */
static ij_status set_place(ij_dataset *d, const char *path, size_t whole)
{
    const char *name = path + whole;
    while (whole > 1 && path[whole - 1] == '/')
        whole--;
    d->root = malloc(whole + 1);
    d->name = malloc(strlen(name) + 1);
    if (!d->root || !d->name)
        return no_memory(path);
    memcpy(d->root, path, whole);
    d->root[whole] = 0;
    memcpy(d->name, name, strlen(name) + 1);
    return IJ_OK;
}

static size_t folder_length(const char *path, size_t before)
{
    while (before && path[before - 1] != '/')
        before--;
    return before;
}

static ij_status find_source(ij_dataset *d, const char *path, ij_source_kind *kind)
{
    struct stat info;
    const char *brace = strchr(path, '{');
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        *kind = IJ_SOURCE_FOLDER;
        return set_place(d, path, strlen(path));
    }
    if (stat(path, &info) == 0 && S_ISREG(info.st_mode)) {
        ij_status status = find_kind(path, kind);
        return status ? status : set_place(d, path, folder_length(path, strlen(path)));
    }
    if (stat(path, &info) == 0)
        return ij_fail(IJ_EIO, "%s is neither a folder nor a file", path);
    if (errno != ENOENT || !brace)
        return ij_fail(IJ_EIO, "cannot open the data set %s: %s", path, strerror(errno));
    *kind = IJ_SOURCE_TAR;
    return set_place(d, path, folder_length(path, (size_t)(brace - path)));
}

static ij_status list(ij_dataset *d, ij_source_kind kind)
{
    ij_listing *l = &d->listing;
    switch (kind) {
    case IJ_SOURCE_LIST:
        return ij_list_list(l, d->root, d->name);
    case IJ_SOURCE_TAR:
        return ij_tar_list(l, d->root, d->name);
    case IJ_SOURCE_IDX:
        return ij_idx_list(l, &d->idx, d->root, d->name);
    default:
        break;
    }
    ij_status status = ij_folder_list(l, d->root);
    return status || l->sample_count ? status : ij_tar_list_folder(l, d->root);
}

static ij_status check(const ij_dataset *d, const char *path)
{
    const ij_listing *l = &d->listing;
    if (l->sample_count)
        return IJ_OK;
    const char *note = l->note_count ? l->text + l->notes[0] : NULL;
    if (l->kind == IJ_SOURCE_TAR)
        return ij_fail(IJ_EFORMAT, "no image in %s: its members should be named KEY.jpg, KEY.jpeg or KEY.png%s%s", path,
                       note ? "; " : "", note ? note : "");
    return ij_fail(IJ_EFORMAT,
                   "no image in %s: it should hold class folders of .jpg, .jpeg or .png files, or such files "
                   "themselves, or .tar shards (%lld other entries were passed over)",
                   path, (long long)l->ignored);
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

ij_status ij_dataset_open(ij_dataset **out, const char *path)
{
    ij_source_kind kind = IJ_SOURCE_FOLDER;
    ij_dataset *d = calloc(1, sizeof *d);
    if (!d)
        return no_memory(path);
    ij_status status = find_source(d, path, &kind);
    bool indexed = kind == IJ_SOURCE_FOLDER || kind == IJ_SOURCE_TAR;
    if (!status && !(indexed && ij_index_load(d->root, d->name, &d->listing))) {
        int64_t began = now();
        status = list(d, kind);
        if (!status)
            status = check(d, path);
        if (!status)
            ij_listing_trim(&d->listing);
        if (!status && indexed && (d->listing.kind == IJ_SOURCE_TAR || d->listing.sample_count >= LEAST_INDEXED))
            ij_index_save(d->root, d->name, &d->listing, began);
    }
    if (status)
        ij_dataset_close(d);
    else
        *out = d;
    return status;
}

static ij_status list_image(ij_dataset *d, const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return ij_fail(IJ_EIO, "cannot open the image %s: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return ij_fail(IJ_EIO, "%s is not an image file", path);
    ij_status status = set_place(d, path, folder_length(path, strlen(path)));
    d->listing.kind = IJ_SOURCE_LIST; /* of one line */
    ij_sample sample = {.label = -1};
    if (!status)
        status = ij_listing_add_container(&d->listing, "", &info);
    if (!status)
        status = ij_listing_add_text(&d->listing, d->name, strlen(d->name), &sample.name);
    return status ? status : ij_listing_add_sample(&d->listing, sample);
}

ij_status ij_dataset_open_image(ij_dataset **out, const char *path)
{
    ij_dataset *d = calloc(1, sizeof *d);
    if (!d)
        return no_memory(path);
    ij_status status = list_image(d, path);
    if (status)
        ij_dataset_close(d);
    else
        *out = d;
    return status;
}

void ij_dataset_close(ij_dataset *d)
{
    if (!d)
        return;
    ij_listing_free(&d->listing);
    free(d->idx.pixels);
    free(d->root);
    free(d->name);
    free(d);
}

/* ---- Questions -------------------------------------------------------------------------------------------------- */

int64_t ij_dataset_count(const ij_dataset *d)
{
    return (int64_t)d->listing.sample_count;
}

int ij_dataset_label(const ij_dataset *d, int64_t index)
{
    return d->listing.samples[index].label;
}

int ij_dataset_classes(const ij_dataset *d)
{
    return (int)d->listing.class_count;
}

const char *ij_dataset_class_name(const ij_dataset *d, int label)
{
    return d->listing.text + d->listing.classes[label];
}

int64_t ij_dataset_ignored(const ij_dataset *d)
{
    return d->listing.ignored;
}

int ij_dataset_notes(const ij_dataset *d)
{
    return (int)d->listing.note_count;
}

const char *ij_dataset_note(const ij_dataset *d, int index)
{
    return d->listing.text + d->listing.notes[index];
}

/* Between two parts of a path. */
static const char *slash(const char *before, const char *after)
{
    size_t length = strlen(before);
    return length && *after && before[length - 1] != '/' ? "/" : "";
}

static size_t container_path(const ij_dataset *d, const ij_sample *s, char *path, size_t capacity)
{
    const char *container = d->listing.text + d->listing.containers[s->container].path;
    int length = snprintf(path, capacity, "%s%s%s", d->root, slash(d->root, container), container);
    return length > 0 ? (size_t)length : 0;
}

size_t ij_dataset_path(const ij_dataset *d, int64_t index, char *path, size_t capacity)
{
    const ij_sample *s = &d->listing.samples[index];
    const char *container = d->listing.text + d->listing.containers[s->container].path;
    const char *name = d->listing.text + s->name, *root = d->root;
    char number[16];
    if (d->listing.kind == IJ_SOURCE_IDX) {
        snprintf(number, sizeof number, "%06lu", (unsigned long)s->block);
        name = number;
    }
    if (d->listing.kind == IJ_SOURCE_LIST && *name == '/')
        root = "";
    int length = snprintf(path, capacity, "%s%s%s%s%s", root, slash(root, *container ? container : name), container,
                          slash(container, name), name);
    return length > 0 ? (size_t)length : 0;
}

/* ---- Reading ---------------------------------------------------------------------------------------------------- */

/* `size` bytes from offset `at` behind those that `bytes` holds, which stay. */
static ij_status read_range(int file, uint64_t at, size_t size, ij_bytes *bytes)
{
    size_t wanted = bytes->size + size;
    if (!ij_grow(&bytes->data, &bytes->capacity, wanted, 1))
        return ij_fail(IJ_ENOMEM, "no memory for a file of %zu bytes", size);
    while (bytes->size < wanted) {
        ssize_t got = pread(file, bytes->data + bytes->size, wanted - bytes->size, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ij_fail(IJ_EIO, "%s", strerror(errno));
        if (got == 0)
            return ij_fail(IJ_EIO, "the file became shorter");
        bytes->size += (size_t)got;
        at += (uint64_t)got;
    }
    return IJ_OK;
}

static ij_status read_file(int file, ij_bytes *bytes)
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
    return read_range(file, 0, (size_t)info.st_size, bytes);
}

/* An entry of an IDX file as PGM. `file` is -1 where the pixels are in memory. */
static ij_status read_entry(const ij_dataset *d, const ij_sample *s, int file, ij_bytes *bytes)
{
    enum { HEADER = 40 };
    size_t size = (size_t)d->idx.rows * (size_t)d->idx.columns;
    if (!ij_grow(&bytes->data, &bytes->capacity, HEADER + size, 1))
        return ij_fail(IJ_ENOMEM, "no memory for an image of %zu bytes", size);
    bytes->size = (size_t)snprintf((char *)bytes->data, HEADER, "P5 %d %d 255\n", d->idx.columns, d->idx.rows);
    if (file >= 0)
        return read_range(file, IJ_IDX_HEADER + (uint64_t)s->block * size, size, bytes);
    memcpy(bytes->data + bytes->size, d->idx.pixels + (size_t)s->block * size, size);
    bytes->size += size;
    return IJ_OK;
}

static ij_status read_sample(const ij_dataset *d, const ij_sample *s, int file, ij_bytes *bytes)
{
    switch (d->listing.kind) {
    case IJ_SOURCE_IDX:
        return read_entry(d, s, file, bytes);
    case IJ_SOURCE_TAR:
        if (s->size == 0)
            return ij_fail(IJ_EFORMAT, "empty file");
        return read_range(file, (uint64_t)s->block * 512, s->size, bytes);
    default:
        return read_file(file, bytes);
    }
}

ij_status ij_dataset_read(const ij_dataset *d, int64_t index, ij_bytes *bytes)
{
    char path[PATH_MAX];
    const ij_sample *s = &d->listing.samples[index];
    bytes->size = 0;
    if (d->idx.pixels)
        return read_entry(d, s, -1, bytes);
    bool whole = d->listing.kind == IJ_SOURCE_FOLDER || d->listing.kind == IJ_SOURCE_LIST;
    size_t length = whole ? ij_dataset_path(d, index, path, sizeof path) : container_path(d, s, path, sizeof path);
    if (length >= sizeof path)
        return ij_fail(IJ_EIO, "%s", strerror(ENAMETOOLONG));
    /* O_NONBLOCK: a FIFO that has taken the file's place must not hold us up */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return ij_fail(IJ_EIO, "%s", strerror(errno));
    ij_status status = read_sample(d, s, file, bytes);
    close(file);
    return status;
}
