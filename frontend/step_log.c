#include "frontend/step_log.h"

#include <errno.h>
#include <string.h>

static ij_status flush(ij_step_log *log)
{
    errno = 0;
    if (!fflush(log->file) && !ferror(log->file))
        return IJ_OK;
    return ij_fail(IJ_EIO, "cannot write the log %s: %s", log->path, errno ? strerror(errno) : "unknown reason");
}

ij_status ij_step_log_open(ij_step_log *log, const char *path)
{
    log->path = path;
    log->file = fopen(path, "w");
    if (!log->file)
        return ij_fail(IJ_EIO, "cannot write the log %s: %s", path, strerror(errno));
    fputs("epoch,itr,loss,mask-A,mask-B,time (ms),lr,wd,ema,images_per_second,target_std\n", log->file);
    return flush(log);
}

ij_status ij_step_log_write(ij_step_log *log, const ij_step_record *r)
{
    fprintf(log->file, "%lld,%lld,%.9g,%.9g,%d,%.3f,%.9g,%.9g,%.9g,%.1f,%.9g\n", (long long)r->epoch,
            (long long)r->iteration, r->result.loss, r->context_length, r->target_length, 1e3 * r->seconds, r->hyper.lr,
            r->hyper.wd, r->hyper.ema, r->images_per_second, r->result.target_std);
    return flush(log);
}

void ij_step_log_close(ij_step_log *log)
{
    if (log->file)
        fclose(log->file);
    log->file = NULL;
}
