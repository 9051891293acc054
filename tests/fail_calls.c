/* A library to load before the program (LD_PRELOAD): makes one system call on a checkpoint's files fail, as FAIL_CALL
 * says: FAIL_CALL="write 3 ENOSPC"    the third write to such a file fails so FAIL_CALL="write 1 short"     the first
 * one writes a part of its bytes, the next one fails for want of space calls: open, write, pwrite, fsync, rename,
 * close, symlink, unlink. Files count whose name holds FAIL_NAME. What happened is counted in the file that FAIL_COUNT
 * names: a line for each such call. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_int seen;
static atomic_int space_is_out;

static void *real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static void count(const char *call)
{
    const char *path = getenv("FAIL_COUNT");
    static int (*open_)(const char *, int, ...);
    static ssize_t (*write_)(int, const void *, size_t);
    if (!path)
        return;
    if (!open_) {
        *(void **)&open_ = real("open");
        *(void **)&write_ = real("write");
    }
    int fd = open_(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    char line[32];
    int n = snprintf(line, sizeof line, "%s\n", call);
    if (fd >= 0 && write_(fd, line, (size_t)n) < 0)
        abort();
    if (fd >= 0)
        ((int (*)(int))real("close"))(fd);
}

static int counts(const char *name)
{
    const char *part = getenv("FAIL_NAME");
    return name && part && strstr(name, part) != NULL;
}

static int counts_fd(int fd)
{
    char link[64], name[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, name, sizeof name - 1);
    name[n > 0 ? n : 0] = '\0';
    return counts(name);
}

/* 0: go on; an error number: fail so; -1: write a part only. */
static int verdict(const char *call)
{
    static const struct {
        const char *name;
        int code;
    } codes[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO},     {"EACCES", EACCES},
                 {"EDQUOT", EDQUOT}, {"EROFS", EROFS}, {"short", -1}};
    char wanted[16] = "", how[16] = "";
    int number = 0;
    count(call);
    const char *what = getenv("FAIL_CALL");
    if (!what || sscanf(what, "%15s %d %15s", wanted, &number, how) != 3 || strcmp(call, wanted) != 0)
        return 0;
    if (atomic_exchange(&space_is_out, 0))
        return ENOSPC;
    if (atomic_fetch_add(&seen, 1) + 1 != number)
        return 0;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(how, codes[i].name) == 0)
            return codes[i].code;
    abort();
}

#define FAIL_IF(condition, call)                                                                                       \
    do {                                                                                                               \
        int code_ = (condition) ? verdict(call) : 0;                                                                   \
        if (code_ > 0) {                                                                                               \
            errno = code_;                                                                                             \
            return -1;                                                                                                 \
        }                                                                                                              \
    } while (0)

static int open_as(const char *name, const char *path, int flags, mode_t mode)
{
    int (*open_)(const char *, int, ...);
    *(void **)&open_ = real(name);
    FAIL_IF((flags & O_ACCMODE) != O_RDONLY && counts(path), "open");
    return open_(path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? (mode_t)va_arg(args, int) : 0;
    va_end(args);
    return open_as("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? (mode_t)va_arg(args, int) : 0;
    va_end(args);
    return open_as("open64", path, flags, mode);
}

ssize_t write(int fd, const void *data, size_t bytes)
{
    ssize_t (*write_)(int, const void *, size_t);
    *(void **)&write_ = real("write");
    int code = counts_fd(fd) ? verdict("write") : 0;
    if (code > 0) {
        errno = code;
        return -1;
    }
    if (code < 0) {
        atomic_store(&space_is_out, 1);
        return write_(fd, data, bytes / 2);
    }
    return write_(fd, data, bytes);
}

static ssize_t pwrite_as(const char *name, int fd, const void *data, size_t bytes, off_t offset)
{
    ssize_t (*pwrite_)(int, const void *, size_t, off_t);
    *(void **)&pwrite_ = real(name);
    FAIL_IF(counts_fd(fd), "pwrite");
    return pwrite_(fd, data, bytes, offset);
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset)
{
    return pwrite_as("pwrite", fd, data, bytes, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t bytes, off_t offset)
{
    return pwrite_as("pwrite64", fd, data, bytes, offset);
}

int fsync(int fd)
{
    int (*fsync_)(int);
    *(void **)&fsync_ = real("fsync");
    FAIL_IF(counts_fd(fd), "fsync");
    return fsync_(fd);
}

int rename(const char *from, const char *to)
{
    int (*rename_)(const char *, const char *);
    *(void **)&rename_ = real("rename");
    FAIL_IF(counts(to), "rename");
    return rename_(from, to);
}

int close(int fd)
{
    int (*close_)(int);
    *(void **)&close_ = real("close");
    int code = counts_fd(fd) && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY ? verdict("close") : 0;
    int closed = close_(fd); /* a close that fails has closed all the same */
    if (code > 0) {
        errno = code;
        return -1;
    }
    return closed;
}

int symlink(const char *to, const char *path)
{
    int (*symlink_)(const char *, const char *);
    *(void **)&symlink_ = real("symlink");
    FAIL_IF(counts(path), "symlink");
    return symlink_(to, path);
}

int unlink(const char *path)
{
    int (*unlink_)(const char *);
    *(void **)&unlink_ = real("unlink");
    FAIL_IF(counts(path), "unlink");
    return unlink_(path);
}
