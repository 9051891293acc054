#include "engine/files/whole_folder.h"

#include "engine/base/try.h"
#include "engine/files/whole_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_FILES = 4, NAME_BYTES = 64 };

struct ij_whole_folder {
    char *path, *temporary; /* without slashes behind them */
    char *place;            /* room for temporary/name */
    char names[MOST_FILES][NAME_BYTES];
    int files;
    bool made;
};

static void free_folder(ij_whole_folder *f)
{
    free(f->path);
    free(f->temporary);
    free(f->place);
    free(f);
}

/* Nothing is there, or an empty folder. */
static ij_status check_free(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder && errno == ENOENT)
        return IJ_OK;
    if (!folder)
        return ij_fail(errno == ENOTDIR ? IJ_EINVAL : IJ_EIO, "%s: %s", path,
                       errno == ENOTDIR ? "is a file; a folder is to be made there" : strerror(errno));
    bool empty = true;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            empty = false;
    closedir(folder);
    return empty ? IJ_OK
                 : ij_fail(IJ_EINVAL, "%s: is a folder with something in it; name one that does not exist", path);
}

static ij_status open_folder(ij_whole_folder *f, const char *path)
{
    size_t length = strlen(path), room = length + 32;
    f->path = malloc(room);
    f->temporary = malloc(room);
    f->place = malloc(room + NAME_BYTES);
    if (!f->path || !f->temporary || !f->place)
        return ij_fail(IJ_ENOMEM, "%s: no memory to write it", path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    snprintf(f->path, room, "%.*s", (int)length, path);
    const char *slash = strrchr(f->path, '/'), *last = slash ? slash + 1 : f->path;
    if (!*last || !strcmp(last, ".") || !strcmp(last, ".."))
        return ij_fail(IJ_EINVAL, "\"%s\" names no new folder", path);
    TRY(check_free(f->path));
    snprintf(f->temporary, room, "%s.%ld.tmp", f->path, (long)getpid());
    if (mkdir(f->temporary, 0777))
        return ij_fail(IJ_EIO, "%s: cannot create the folder: %s", f->temporary, strerror(errno));
    f->made = true;
    return IJ_OK;
}

ij_status ij_whole_folder_create(ij_whole_folder **out, const char *path)
{
    *out = NULL;
    ij_whole_folder *f = calloc(1, sizeof *f);
    if (!f)
        return ij_fail(IJ_ENOMEM, "%s: no memory to write it", path);
    ij_status status = open_folder(f, path);
    if (status)
        ij_whole_folder_abandon(f);
    else
        *out = f;
    return status;
}

static const char *place(ij_whole_folder *f, const char *name)
{
    sprintf(f->place, "%s/%s", f->temporary, name);
    return f->place;
}

const char *ij_whole_folder_place(ij_whole_folder *f, const char *name)
{
    if (f->files == MOST_FILES || strlen(name) >= NAME_BYTES)
        return NULL;
    strcpy(f->names[f->files++], name);
    return place(f, name);
}

ij_status ij_whole_folder_write(ij_whole_folder *f, const char *name, const char *text)
{
    const char *path = ij_whole_folder_place(f, name);
    ij_whole_file *file;
    if (!path)
        return ij_fail(IJ_EINVAL, "%s: no place for another file", name);
    TRY(ij_whole_file_create(&file, path));
    ij_status status = ij_whole_file_write(file, text, strlen(text));
    if (status) {
        ij_whole_file_abandon(file);
        return status;
    }
    return ij_whole_file_finish(file);
}

/* The files have flushed the folder that they are in: what is left is its own name. */
ij_status ij_whole_folder_finish(ij_whole_folder *f)
{
    ij_status status = IJ_OK;
    if (rename(f->temporary, f->path))
        status = ij_fail(IJ_EIO, "%s: cannot put the finished folder in place: %s", f->path, strerror(errno));
    if (status) {
        ij_whole_folder_abandon(f);
        return status;
    }
    status = ij_flush_folder_of(f->path);
    free_folder(f);
    return status;
}

void ij_whole_folder_abandon(ij_whole_folder *f)
{
    if (!f)
        return;
    for (int i = 0; i < f->files && f->made; i++)
        unlink(place(f, f->names[i]));
    if (f->made)
        rmdir(f->temporary);
    free_folder(f);
}
