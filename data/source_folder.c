/* Lists folders as torchvision's ImageFolder does. */

/* d_type, which spares a stat for every file, is not POSIX. */
#define _DEFAULT_SOURCE

#include "data/source.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* Folders below folders: a bound on the listing's recursion. */
enum { MAX_DEPTH = 64 };

/* Where the samples of a folder lie before they are put in order. */
typedef struct place {
    const char *path; /* set at the end, when `text` no longer moves */
    uint32_t container;
    int32_t label;
    size_t first, count;
} place;

typedef struct walk {
    ij_listing *listing;
    const char *root;
    place *places;
    size_t place_count, place_capacity;
} walk;

/* The folders above the one being listed: one that appears twice is a loop of links. */
typedef struct ancestor {
    dev_t device;
    ino_t inode;
    const struct ancestor *above;
    int depth;
} ancestor;

char *ij_source_join(const char *root, const char *path)
{
    size_t a = strlen(root), b = strlen(path);
    char *joined = malloc(a + b + 2);
    if (!joined)
        return NULL;
    memcpy(joined, root, a);
    if (a && b && root[a - 1] != '/')
        joined[a++] = '/';
    memcpy(joined + a, path, b + 1);
    return joined;
}

static ij_status no_memory(const char *path)
{
    return ij_fail(IJ_ENOMEM, "no memory to list the images of %s", path);
}

/* ---- One folder's names ----------------------------------------------------------------------------------------- */

/* Names packed into one block, and pointers to them once all are there. */
typedef struct names {
    char *text;
    size_t used, capacity, count;
    char **sorted;
} names;

/* What one folder holds, files and folders apart. */
typedef struct entries {
    names files, folders;
} entries;

static void entries_free(entries *e)
{
    free(e->files.text);
    free(e->files.sorted);
    free(e->folders.text);
    free(e->folders.sorted);
}

static bool add_name(names *n, const char *name)
{
    size_t size = strlen(name) + 1;
    if (!ij_grow(&n->text, &n->capacity, n->used + size, 1))
        return false;
    memcpy(n->text + n->used, name, size);
    n->used += size;
    n->count++;
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool sort_names(names *n)
{
    if (n->count == 0)
        return true;
    n->sorted = malloc(n->count * sizeof *n->sorted);
    if (!n->sorted)
        return false;
    char *name = n->text;
    for (size_t i = 0; i < n->count; i++, name += strlen(name) + 1)
        n->sorted[i] = name;
    qsort(n->sorted, n->count, sizeof *n->sorted, by_name);
    return true;
}

static bool is_image_name(const char *name)
{
    static const char *const extensions[] = {".jpg", ".jpeg", ".png", ".jpe", ".jfif"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof extensions / sizeof extensions[0]; i++)
        if (strcasecmp(dot, extensions[i]) == 0)
            return true;
    return false;
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

static ij_status read_entries(walk *w, const char *path, DIR *directory, entries *e)
{
    errno = 0;
    for (struct dirent *entry; (entry = readdir(directory)); errno = 0) {
        if (entry->d_name[0] == '.')
            continue;
        int type = entry_type(dirfd(directory), entry);
        bool stored = true;
        if (type == DT_DIR)
            stored = add_name(&e->folders, entry->d_name);
        else if (type == DT_REG && is_image_name(entry->d_name))
            stored = add_name(&e->files, entry->d_name);
        else
            w->listing->ignored++;
        if (!stored)
            return no_memory(path);
    }
    if (errno)
        return ij_fail(IJ_EIO, "%s: %s", path, strerror(errno));
    return sort_names(&e->files) && sort_names(&e->folders) ? IJ_OK : no_memory(path);
}

/* ---- The walk --------------------------------------------------------------------------------------------------- */

static ij_status add_files(walk *w, uint32_t container, int label, const entries *e)
{
    ij_listing *l = w->listing;
    if (e->files.count == 0)
        return IJ_OK;
    if (!ij_grow(&w->places, &w->place_capacity, w->place_count + 1, sizeof *w->places))
        return no_memory(w->root);
    w->places[w->place_count++] = (place){NULL, container, label, l->sample_count, e->files.count};
    ij_status status = IJ_OK;
    for (size_t i = 0; i < e->files.count && !status; i++) {
        ij_sample sample = {.container = container, .label = label};
        status = ij_listing_add_text(l, e->files.sorted[i], strlen(e->files.sorted[i]), &sample.name);
        if (!status)
            status = ij_listing_add_sample(l, sample);
    }
    return status;
}

static bool is_loop(const ancestor *self)
{
    for (const ancestor *a = self->above; a; a = a->above)
        if (a->device == self->device && a->inode == self->inode)
            return true;
    return false;
}

static ij_status list(walk *w, const char *path, int label, const ancestor *above);

static ij_status list_below(walk *w, const char *path, const char *name, int label, const ancestor *above)
{
    char *below = ij_source_join(path, name);
    if (!below)
        return no_memory(path);
    ij_status status = list(w, below, label, above);
    free(below);
    return status;
}

/* The folder `path` (relative to the root) holds `e`. Below the top, everything is of class `label`; at the top, each
 * folder is a class of its own, and the files count only where no class has any. */
static ij_status list_entries(walk *w, const char *path, uint32_t container, int label, const entries *e,
                              const ancestor *self)
{
    bool top = self->depth == 0;
    ij_status status = top ? IJ_OK : add_files(w, container, label, e);
    for (size_t i = 0; i < e->folders.count && !status; i++) {
        if (top)
            status = ij_listing_add_class(w->listing, e->folders.sorted[i]);
        if (!status)
            status = list_below(w, path, e->folders.sorted[i], top ? (int)i : label, self);
    }
    if (status || !top)
        return status;
    if (w->listing->sample_count) {
        w->listing->ignored += (int64_t)e->files.count;
        return IJ_OK;
    }
    w->listing->class_count = 0;
    return add_files(w, container, -1, e);
}

/* The images of one folder and of everything below it. `above` is NULL at the top. */
static ij_status list(walk *w, const char *path, int label, const ancestor *above)
{
    char *whole = ij_source_join(w->root, path);
    if (!whole)
        return no_memory(path);
    DIR *directory = opendir(*whole ? whole : ".");
    struct stat info;
    ij_status status = IJ_OK;
    entries e = {0};
    if (!directory || fstat(dirfd(directory), &info) != 0) {
        if (!above)
            status = ij_fail(IJ_EIO, "cannot open the image folder %s: %s", whole, strerror(errno));
        w->listing->ignored++;
        if (stat(whole, &info) == 0 && !status) /* it may be opened up later, which changes it */
            status = ij_listing_add_container(w->listing, path, &info);
        goto done;
    }
    ancestor self = {info.st_dev, info.st_ino, above, above ? above->depth + 1 : 0};
    if (is_loop(&self) || self.depth > MAX_DEPTH) {
        w->listing->ignored++;
        goto done;
    }
    uint32_t container = (uint32_t)w->listing->container_count;
    status = ij_listing_add_container(w->listing, path, &info);
    if (!status)
        status = read_entries(w, whole, directory, &e);
    closedir(directory);
    directory = NULL;
    if (!status)
        status = list_entries(w, path, container, label, &e, &self);
done:
    if (directory)
        closedir(directory);
    entries_free(&e);
    free(whole);
    return status;
}

static int by_label_and_path(const void *a, const void *b)
{
    const place *p = a, *q = b;
    return p->label != q->label ? (p->label > q->label) - (p->label < q->label) : strcmp(p->path, q->path);
}

/* The order of torchvision's ImageFolder: classes, then folders by their whole path, then names, all bytewise. That is
 * not the order of the walk: "a-b" comes before "a/b". */
static ij_status sort_samples(walk *w)
{
    ij_listing *l = w->listing;
    if (w->place_count < 2)
        return IJ_OK;
    ij_sample *sorted = malloc(l->sample_count * sizeof *sorted);
    if (!sorted)
        return no_memory(w->root);
    for (size_t i = 0; i < w->place_count; i++)
        w->places[i].path = l->text + l->containers[w->places[i].container].path;
    qsort(w->places, w->place_count, sizeof *w->places, by_label_and_path);
    size_t next = 0;
    for (size_t i = 0; i < w->place_count; i++) {
        memcpy(sorted + next, l->samples + w->places[i].first, w->places[i].count * sizeof *sorted);
        next += w->places[i].count;
    }
    free(l->samples);
    l->samples = sorted;
    l->sample_capacity = l->sample_count;
    return IJ_OK;
}

ij_status ij_folder_list(ij_listing *listing, const char *root)
{
    walk w = {.listing = listing, .root = root};
    listing->kind = IJ_SOURCE_FOLDER;
    ij_status status = list(&w, "", -1, NULL);
    if (!status)
        status = sort_samples(&w);
    free(w.places);
    return status;
}
