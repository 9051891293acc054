#define _GNU_SOURCE /* sync_file_range */
#include "engine/files/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ij_whole_file {
    int fd;
    char *path, *temporary;
    uint64_t written, started; /* bytes; of them, those that the disk was told to begin with */
};

/* The disk works while the rest is still being made, so that the flush at the end has little left to do. Only Linux can
 * be asked for this; what comes of it does not matter, since the flush tells. */
static void start_writing(ij_whole_file *file)
{
    enum { PART = 8 << 20 };
    if (file->written - file->started < PART)
        return;
#ifdef SYNC_FILE_RANGE_WRITE
    (void)sync_file_range(file->fd, (off_t)file->started, (off_t)(file->written - file->started),
                          SYNC_FILE_RANGE_WRITE);
#endif
    file->started = file->written;
}

static void free_file(ij_whole_file *file)
{
    free(file->path);
    free(file->temporary);
    free(file);
}

/* The process number keeps two programs that write one path from mixing their bytes. */
static ij_status open_temporary(ij_whole_file *file, const char *path)
{
    size_t room = strlen(path) + 32;
    file->path = malloc(room);
    file->temporary = malloc(room);
    if (!file->path || !file->temporary)
        return ij_fail(IJ_ENOMEM, "%s: no memory to write it", path);
    snprintf(file->path, room, "%s", path);
    snprintf(file->temporary, room, "%s.%ld.tmp", path, (long)getpid());
    file->fd = open(file->temporary, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (file->fd < 0)
        return ij_fail(IJ_EIO, "%s: cannot create: %s", file->temporary, strerror(errno));
    return IJ_OK;
}

ij_status ij_whole_file_create(ij_whole_file **out, const char *path)
{
    *out = NULL;
    ij_whole_file *file = calloc(1, sizeof *file);
    if (!file)
        return ij_fail(IJ_ENOMEM, "%s: no memory to write it", path);
    file->fd = -1;
    ij_status status = open_temporary(file, path);
    if (status)
        free_file(file);
    else
        *out = file;
    return status;
}

static ij_status write_failed(const ij_whole_file *file)
{
    return ij_fail(IJ_EIO, "%s: cannot write: %s; what was there before is untouched", file->path, strerror(errno));
}

ij_status ij_whole_file_write(ij_whole_file *file, const void *data, size_t bytes)
{
    const char *p = data;
    while (bytes > 0) {
        ssize_t n = write(file->fd, p, bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return write_failed(file);
        p += n;
        bytes -= (size_t)n;
        file->written += (uint64_t)n;
        start_writing(file);
    }
    return IJ_OK;
}

ij_status ij_whole_file_patch(ij_whole_file *file, uint64_t offset, const void *data, size_t bytes)
{
    const char *p = data;
    while (bytes > 0) {
        ssize_t n = pwrite(file->fd, p, bytes, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return write_failed(file);
        p += n;
        offset += (uint64_t)n;
        bytes -= (size_t)n;
    }
    return IJ_OK;
}

/* Some file systems cannot flush a folder (EINVAL); that is no failure. */
ij_status ij_flush_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = !slash ? 1 : slash == path ? 1 : (size_t)(slash - path);
    char *folder = malloc(length + 1);
    if (!folder)
        return ij_fail(IJ_ENOMEM, "%s: no memory to flush its folder", path);
    memcpy(folder, slash ? path : ".", length);
    folder[length] = '\0';
    int fd = open(folder, O_RDONLY);
    ij_status status = IJ_OK;
    if (fd >= 0 && fsync(fd) != 0 && errno != EINVAL)
        status = ij_fail(IJ_EIO, "%s: cannot flush the folder to disk: %s", folder, strerror(errno));
    if (fd >= 0)
        close(fd);
    free(folder);
    return status;
}

ij_status ij_whole_file_finish(ij_whole_file *file)
{
    ij_status status = IJ_OK;
    if (fsync(file->fd) != 0)
        status = ij_fail(IJ_EIO, "%s: cannot flush to disk: %s; what was there before is untouched", file->path,
                         strerror(errno));
    if (!status) {
        int closed = close(file->fd);
        file->fd = -1;
        if (closed != 0 || rename(file->temporary, file->path) != 0)
            status = ij_fail(IJ_EIO, "%s: cannot put the finished file in place: %s", file->path, strerror(errno));
    }
    if (status) {
        ij_whole_file_abandon(file);
        return status;
    }
    status = ij_flush_folder_of(file->path);
    free_file(file);
    return status;
}

void ij_whole_file_abandon(ij_whole_file *file)
{
    if (!file)
        return;
    if (file->fd >= 0)
        close(file->fd);
    unlink(file->temporary);
    free_file(file);
}
