#include "frontend/step_log.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

static ij_status flush(ij_step_log *log)
{
    errno = 0;
    if (!fflush(log->file) && !ferror(log->file))
        return IJ_OK;
    return ij_fail(IJ_EIO, "cannot write the log %s: %s", log->path, errno ? strerror(errno) : "unknown reason");
}

static const char header[] = "epoch,itr,loss,mask-A,mask-B,time (ms),lr,wd,ema,images_per_second,target_std,"
                             "effective_rank,knn,ridge\n";

static ij_status cannot_write(const char *path)
{
    return ij_fail(IJ_EIO, "cannot write the log %s: %s", path, strerror(errno));
}

ij_status ij_step_log_open(ij_step_log *log, const char *path)
{
    log->path = path;
    log->file = fopen(path, "w");
    if (!log->file)
        return cannot_write(path);
    fputs(header, log->file);
    return flush(log);
}

/* Whole lines from where the file is, up to `most`; leaves it behind the last of them. */
static int64_t skip_lines(FILE *file, int64_t most)
{
    int64_t lines = 0;
    off_t end = ftello(file);
    for (int c; lines < most && (c = getc(file)) != EOF;)
        if (c == '\n') {
            lines++;
            end = ftello(file);
        }
    fseeko(file, end, SEEK_SET);
    return lines;
}

ij_status ij_step_log_resume(ij_step_log *log, const char *path, int64_t steps, char *lacking, size_t size)
{
    char first[sizeof header] = "";
    *lacking = '\0';
    log->path = path;
    log->file = fopen(path, "r+");
    if (!log->file && errno != ENOENT)
        return cannot_write(path);
    if (!log->file || !fgets(first, sizeof first, log->file) || strcmp(first, header) != 0) {
        snprintf(lacking, size, "%s",
                 log->file ? "is not the log of this run, and is begun anew" : "is missing, and is begun anew");
        ij_step_log_close(log);
        return ij_step_log_open(log, path);
    }
    int64_t lines = skip_lines(log->file, steps);
    if (lines < steps)
        snprintf(lacking, size, "holds %lld of the %lld steps before", (long long)lines, (long long)steps);
    if (ftruncate(fileno(log->file), ftello(log->file)))
        return cannot_write(path);
    return IJ_OK;
}

static void write_if_known(FILE *file, double value)
{
    putc(',', file);
    if (!isnan(value))
        fprintf(file, "%.6g", value);
}

ij_status ij_step_log_write(ij_step_log *log, const ij_step_record *r)
{
    fprintf(log->file, "%lld,%lld,%.9g,%.9g,%d,%.3f,%.9g,%.9g,%.9g,%.1f,%.9g", (long long)r->epoch,
            (long long)r->iteration, r->result.loss, r->context_length, r->target_length, 1e3 * r->seconds, r->hyper.lr,
            r->hyper.wd, r->hyper.ema, r->images_per_second, r->result.target_std);
    write_if_known(log->file, r->rank);
    write_if_known(log->file, r->knn);
    write_if_known(log->file, r->ridge);
    putc('\n', log->file);
    return flush(log);
}

void ij_step_log_close(ij_step_log *log)
{
    if (log->file)
        fclose(log->file);
    log->file = NULL;
}
