#include "frontend/run_lock.h"

#include "frontend/run_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The holder by the system's word; behind a file server or from another container it has no number, but the file holds
 * what the holder wrote into it. */
static ij_status held(int fd, const char *folder, long pid)
{
    char holder[160] = "";
    ssize_t n = pread(fd, holder, sizeof holder - 1, 0);
    holder[n > 0 ? n : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
    if (pid > 0)
        snprintf(holder, sizeof holder, "process %ld", pid);
    return ij_fail(IJ_EINVAL,
                   "another run is writing to %s: %s; wait for its end, or choose another folder with --set "
                   "logging.folder=FOLDER",
                   folder, *holder ? holder : "a process of another machine");
}

ij_status ij_run_lock(const char *folder, bool *locked)
{
    *locked = false;
    char path[IJ_PATH_MAX], text[160], host[100] = "";
    snprintf(path, sizeof path, "%s/.ijepa.lock", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return ij_fail(IJ_EIO, "cannot lock the run folder: %s: %s", path, strerror(errno));
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &lock) != 0) {
        int error = errno;
        struct flock holder = lock;
        ij_status status = IJ_OK;
        if (error == EACCES || error == EAGAIN)
            status =
                held(fd, folder, fcntl(fd, F_GETLK, &holder) == 0 && holder.l_type != F_UNLCK ? (long)holder.l_pid : 0);
        close(fd);
        return status;
    }
    *locked = true;
    /* The descriptor stays open: closing it would give the lock away. */
    gethostname(host, sizeof host - 1);
    int n = snprintf(text, sizeof text, "process %ld on %s\n", (long)getpid(), host);
    int written = ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) == n;
    (void)written; /* on a full disk the lock holds all the same */
    return IJ_OK;
}

bool ij_run_lock_held(const char *folder)
{
    char path[IJ_PATH_MAX];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    snprintf(path, sizeof path, "%s/.ijepa.lock", folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool held = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    close(fd);
    return held;
}
