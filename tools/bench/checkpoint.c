/* bench checkpoint: how fast a configuration's whole state goes to disk and comes back, beside what the disk gives to a
 * program that only writes and flushes, or only reads, as many bytes (dd's conv=fsync); and how long training is held
 * up by the copy that a checkpoint is made of. */
#include "engine/checkpoint.h"

#include "engine/base/try.h"
#include "ini/convert.h"
#include "tools/bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 1 << 20, MOST_RUNS = 9 };

/* Seconds of each run. */
typedef struct times {
    double plain_write[MOST_RUNS], write[MOST_RUNS], plain_read[MOST_RUNS], read[MOST_RUNS], copy[MOST_RUNS];
} times;

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *seconds, int n)
{
    double sorted[MOST_RUNS];
    memcpy(sorted, seconds, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, ascending);
    return sorted[n / 2];
}

static ij_status failed(const char *path)
{
    return ij_fail(IJ_EIO, "%s: %s", path, strerror(errno));
}

/* As many bytes, written and flushed. What they are matters to disks that compress: they are the checkpoint's. */
static ij_status plain_write(const char *path, const char *chunk, uint64_t bytes, double *seconds)
{
    double begin = ij_now();
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0)
        return failed(path);
    for (uint64_t done = 0; done < bytes;) {
        ssize_t n = write(fd, chunk, bytes - done < CHUNK ? (size_t)(bytes - done) : CHUNK);
        if (n < 0) {
            close(fd);
            return failed(path);
        }
        done += (uint64_t)n;
    }
    int flushed = fsync(fd);
    close(fd);
    *seconds = ij_now() - begin;
    return flushed ? failed(path) : IJ_OK;
}

/* The file's pages are given up first, so that they come from the disk. */
static void forget_pages(const char *path)
{
    int fd = open(path, O_RDONLY);
    if (fd >= 0) {
        fsync(fd);
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        close(fd);
    }
}

static ij_status plain_read(const char *path, char *chunk, double *seconds)
{
    forget_pages(path);
    double begin = ij_now();
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : 1;
    while (n > 0)
        n = read(fd, chunk, CHUNK);
    if (fd >= 0)
        close(fd);
    *seconds = ij_now() - begin;
    return n < 0 ? failed(path) : IJ_OK;
}

static ij_status copy(ij_workload *w, ij_snapshot *snapshot, double *seconds)
{
    TRY(ij_trainer_take_snapshot(w->trainer, snapshot));
    TRY(ij_snapshot_wait(snapshot));
    *seconds = ij_snapshot_seconds(snapshot);
    return IJ_OK;
}

static ij_status read_back(ij_workload *w, const char *path, double *seconds)
{
    ij_model_file *file;
    forget_pages(path);
    double begin = ij_now();
    TRY(ij_model_file_open(&file, path));
    ij_status status = ij_checkpoint_resume(w->trainer, file);
    *seconds = ij_now() - begin;
    ij_model_file_close(file);
    return status;
}

/* One of everything, in turn, so that what else the disk does meets all alike. */
static ij_status one_run(ij_workload *w, ij_snapshot *snapshot, const char *path, char *chunk, uint64_t *bytes, int i,
                         times *t)
{
    const ij_checkpoint_meta meta = {.model = w->trained.model, .iteration = 1};
    if (snapshot)
        TRY(copy(w, snapshot, &t->copy[i]));
    forget_pages(
        path); /* the plain write truncates the file of the round before and has its memory at once: so has this */
    double begin = ij_now();
    TRY(ij_checkpoint_write(w->trainer, snapshot, path, &meta));
    t->write[i] = ij_now() - begin;
    int fd = open(path, O_RDONLY);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    ssize_t n = size < 0 ? -1 : pread(fd, chunk, CHUNK, size / 2);
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return failed(path);
    *bytes = (uint64_t)size;
    TRY(read_back(w, path, &t->read[i]));
    TRY(plain_read(path, chunk, &t->plain_read[i]));
    return plain_write(path, chunk, *bytes, &t->plain_write[i]);
}

static void print_rate(const char *what, const double *seconds, const double *plain, int runs, double bytes)
{
    double s = median(seconds, runs), p = median(plain, runs);
    printf("%-6s %7.2f s  %6.2f GB/s; the disk alone %7.2f s  %6.2f GB/s; ratio %.2f\n", what, s, bytes / s * 1e-9, p,
           bytes / p * 1e-9, p / s);
}

static ij_status run(ij_workload *w, const ij_workload_options *options, const char *folder, int runs)
{
    char path[4096];
    uint64_t bytes = 0;
    times t;
    TRY(ij_workload_read(w, options));
    TRY(ij_workload_open(w, options));
    snprintf(path, sizeof path, "%s/bench-%ld.safetensors", folder, (long)getpid());
    char *chunk = calloc(1, CHUNK);
    ij_snapshot *snapshot = NULL;
    if (!chunk)
        return ij_fail(IJ_ENOMEM, "out of memory");
    if (ij_trainer_make_snapshot(w->trainer, &snapshot))
        printf("%s: it is written as it is read from the device\n", ij_error());
    ij_status status = IJ_OK;
    /* A round that does not count goes before: whoever is first to fill the page cache of a virtual machine waits for
     * its host to find the memory. */
    for (int i = -1; i < runs && !status; i++)
        status = one_run(w, snapshot, path, chunk, &bytes, i < 0 ? 0 : i, &t);
    unlink(path);
    if (!status) {
        printf("state  %.2f GB, median of %d runs, in %s\n", (double)bytes * 1e-9, runs, folder);
        print_rate("write", t.write, t.plain_write, runs, (double)bytes);
        print_rate("read", t.read, t.plain_read, runs, (double)bytes);
        if (snapshot)
            printf("copy   %7.2f s, which training waits for; %.3f %% of it at a checkpoint every 15 minutes\n",
                   median(t.copy, runs), median(t.copy, runs) / 9.0);
    }
    ij_snapshot_destroy(snapshot);
    free(chunk);
    return status;
}

int bench_checkpoint(int argc, char **argv)
{
    ij_workload_options options = {0};
    const char *folder = ".";
    int runs = 3;
    for (int i = 0; i < argc; i++) {
        if (ij_workload_option(&options, argc, argv, &i))
            continue;
        if (strcmp(argv[i], "--folder") == 0 && i + 1 < argc) {
            folder = argv[++i];
        } else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc && atoi(argv[i + 1]) >= 1 &&
                   atoi(argv[i + 1]) <= MOST_RUNS) {
            runs = atoi(argv[++i]);
        } else {
            fprintf(stderr, "ijepa-bench: checkpoint takes CONFIG.ini, --folder F and --runs 1 to %d, not %s\n",
                    MOST_RUNS, argv[i]);
            return 2;
        }
    }
    if (!options.config) {
        fprintf(stderr, "ijepa-bench: which configuration?\n");
        return 2;
    }
    ij_workload *w = calloc(1, sizeof *w);
    ij_status status = w ? run(w, &options, folder, runs) : ij_fail(IJ_ENOMEM, "out of memory");
    if (status)
        fprintf(stderr, "ijepa-bench: %s\n", ij_error());
    if (w)
        ij_workload_close(w);
    free(w);
    return status ? 1 : 0;
}
