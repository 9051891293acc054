#include "engine/files/file_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

ij_status ij_file_open(int *fd, uint64_t *bytes, const char *path)
{
    *fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0)
        return ij_fail(IJ_EIO, "%s: cannot open: %s", path, strerror(errno));
    struct stat st;
    if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(*fd);
        *fd = -1;
        return ij_fail(IJ_EIO, "%s: not a regular file", path);
    }
    *bytes = (uint64_t)st.st_size;
    return IJ_OK;
}

ij_status ij_file_read(int fd, const char *path, uint64_t offset, void *buffer, size_t bytes)
{
    char *to = buffer;
    if (offset > INT64_MAX - bytes)
        return ij_fail(IJ_EFORMAT, "%s: claims to be larger than any file", path);
    while (bytes > 0) {
        ssize_t n = pread(fd, to, bytes, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ij_fail(IJ_EIO, "%s: cannot read: %s", path, strerror(errno));
        if (n == 0)
            return ij_fail(IJ_EFORMAT, "%s: ends %zu bytes early: it was cut short, or changed while it was read", path,
                           bytes);
        to += n;
        offset += (uint64_t)n;
        bytes -= (size_t)n;
    }
    return IJ_OK;
}

ij_status ij_file_read_floats(int fd, const char *path, uint64_t offset, ij_dtype dtype, size_t n, float *values)
{
    enum { CHUNK = 1024 };
    size_t width = (size_t)ij_dtype_bits(dtype) / 8;
    double raw[CHUNK];
    if (dtype == IJ_F32)
        return ij_file_read(fd, path, offset, values, n * sizeof *values);
    for (size_t done = 0; done < n;) {
        size_t now = n - done < CHUNK ? n - done : CHUNK;
        ij_status status = ij_file_read(fd, path, offset + done * width, raw, now * width);
        if (status)
            return status;
        ij_dtype_to_floats(dtype, raw, now, values + done);
        done += now;
    }
    return IJ_OK;
}

ij_status ij_file_read_text(const char *path, size_t limit, char **text, size_t *bytes)
{
    int fd;
    uint64_t size;
    *text = NULL;
    ij_status status = ij_file_open(&fd, &size, path);
    if (status)
        return status;
    if (size > limit)
        status = ij_fail(IJ_EFORMAT, "%s: is larger than the %zu bytes that such a file may have", path, limit);
    else if (!(*text = malloc((size_t)size + 1)))
        status = ij_fail(IJ_ENOMEM, "%s: no memory to read it", path);
    else
        status = ij_file_read(fd, path, 0, *text, (size_t)size);
    close(fd);
    if (status) {
        free(*text);
        *text = NULL;
        return status;
    }
    (*text)[size] = '\0';
    *bytes = (size_t)size;
    return IJ_OK;
}
