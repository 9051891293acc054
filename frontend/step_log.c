#include "frontend/step_log.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
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
                             "effective_rank,knn,ridge,loss_feature,loss_pixel,loss_variance,"
                             "loss_covariance,loss_sigreg,clipped\n";

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

/* Passes over the whole lines of steps before `steps`; leaves the file behind the last of them. Returns how many steps
 * there were without a gap from the first. */
static int64_t skip_lines(FILE *file, int64_t steps, int64_t steps_an_epoch)
{
    char line[1024];
    int64_t whole = 0;
    off_t end = ftello(file);
    while (fgets(line, sizeof line, file) && strchr(line, '\n')) {
        long long epoch, iteration;
        if (sscanf(line, "%lld,%lld,", &epoch, &iteration) != 2)
            break;
        int64_t step = (epoch - 1) * steps_an_epoch + iteration;
        if (step >= steps)
            break;
        whole += step == whole;
        end = ftello(file);
    }
    fseeko(file, end, SEEK_SET);
    return whole;
}

/* A log with other columns is somebody's: it is kept, "~" added. */
static ij_status begin_anew(ij_step_log *log, const char *path, char *lacking, size_t size)
{
    char aside[4096];
    bool there = log->file != NULL;
    ij_step_log_close(log);
    snprintf(aside, sizeof aside, "%s~", path);
    if (there && rename(path, aside))
        return cannot_write(path);
    snprintf(lacking, size, "%s",
             there ? "has other columns: it is renamed, with ~ added, and begun anew"
                   : "is missing, and is begun anew");
    return ij_step_log_open(log, path);
}

ij_status ij_step_log_resume(ij_step_log *log, const char *path, int64_t steps, int64_t steps_an_epoch, char *lacking,
                             size_t size)
{
    char first[sizeof header] = "";
    *lacking = '\0';
    log->path = path;
    log->file = fopen(path, "r+");
    if (!log->file && errno != ENOENT)
        return cannot_write(path);
    if (!log->file || !fgets(first, sizeof first, log->file) || strcmp(first, header) != 0)
        return begin_anew(log, path, lacking, size);
    int64_t whole = skip_lines(log->file, steps, steps_an_epoch);
    if (whole < steps)
        snprintf(lacking, size, "holds %lld of the %lld steps before without a gap", (long long)whole,
                 (long long)steps);
    if (ftruncate(fileno(log->file), ftello(log->file)))
        return cannot_write(path);
    return IJ_OK;
}

static void write_if_known(FILE *file, double value, int digits)
{
    putc(',', file);
    if (!isnan(value))
        fprintf(file, "%.*g", digits, value);
}

ij_status ij_step_log_write(ij_step_log *log, const ij_step_record *r)
{
    fprintf(log->file, "%lld,%lld,%.9g,%.9g,%d,%.3f,%.9g,%.9g,%.9g,%.1f", (long long)r->epoch, (long long)r->iteration,
            r->result.loss, r->context_length, r->target_length, 1e3 * r->seconds, r->hyper.lr, r->hyper.wd,
            r->hyper.ema, r->images_per_second);
    write_if_known(log->file, r->result.target_std, 9);
    write_if_known(log->file, r->rank, 6);
    write_if_known(log->file, r->knn, 6);
    write_if_known(log->file, r->ridge, 6);
    for (int i = 0; i < IJ_TERMS; i++)
        write_if_known(log->file, r->result.term[i], 9);
    write_if_known(log->file, r->result.clipped, 6);
    putc('\n', log->file);
    return flush(log);
}

void ij_step_log_close(ij_step_log *log)
{
    if (log->file)
        fclose(log->file);
    log->file = NULL;
}
