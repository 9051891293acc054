/* What there is of a run: its log, its newest checkpoint, its configuration and its images. Nothing in the folder is
 * changed: the run may be going on. */
#include "engine/base/try.h"
#include "frontend/report.h"
#include "frontend/run_lock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A checkpoint may vanish between listing and opening, when a newer one takes its place: then the list is made again.
 */
static ij_status open_newest(ij_report *r)
{
    enum { TRIES = 3 };
    for (int attempt = 0; attempt < TRIES && !r->checkpoint; attempt++) {
        int64_t *steps;
        int count;
        char path[IJ_PATH_MAX];
        TRY(ij_run_folder_checkpoints(&r->folder, &steps, &count));
        for (int i = 0; i < count && !r->checkpoint; i++) {
            if (ij_model_file_open(&r->checkpoint, ij_run_folder_checkpoint(&r->folder, steps[i], path)))
                r->checkpoint = NULL; /* damaged, or gone: the one before will do */
            else if (ij_model_file_describe(r->checkpoint)->iteration != steps[i]) {
                ij_model_file_close(r->checkpoint);
                r->checkpoint = NULL;
            }
        }
        free(steps);
        if (!count)
            break;
    }
    return IJ_OK;
}

static ij_status read_config(ij_report *r)
{
    const char *text = r->checkpoint ? ij_model_file_metadata(r->checkpoint, "config") : NULL;
    r->config = calloc(1, sizeof *r->config);
    if (!r->config)
        return ij_fail(IJ_ENOMEM, "out of memory");
    ij_status status = access(r->folder.config, R_OK) == 0 ? ij_config_read(r->config, r->folder.config, NULL, 0)
                       : text ? ij_config_parse(r->config, "the checkpoint", text, strlen(text), NULL, 0)
                              : IJ_EIO;
    if (status) {
        free(r->config);
        r->config = NULL;
    }
    return IJ_OK;
}

/* Images that the user names must be there; those of the run may be gone. */
static ij_status open_images(ij_report *r)
{
    char path[2 * IJ_CONFIG_TEXT + 8];
    if (r->options.images)
        return ij_dataset_open(&r->dataset, r->options.images);
    if (!r->config || !*r->config->data.root_path) {
        snprintf(r->no_images, sizeof r->no_images, "It is not known which images the run was trained on.");
        return IJ_OK;
    }
    const ij_config_data *d = &r->config->data;
    snprintf(path, sizeof path, "%s%s%s", d->root_path, *d->image_folder ? "/" : "", d->image_folder);
    if (ij_dataset_open(&r->dataset, path)) {
        r->dataset = NULL;
        snprintf(r->no_images, sizeof r->no_images, "The run's images are not there: %s.", ij_error());
    }
    return IJ_OK;
}

/* ---- The log by step -----------------------------------------------------------------------------------------------
 */

/* Iterations an epoch, by the checkpoint, or else as many as the log shows. */
static int64_t steps_an_epoch(const ij_report *r, const double *iteration)
{
    const char *told = r->checkpoint ? ij_model_file_metadata(r->checkpoint, "epoch.iterations") : NULL;
    int64_t most = 0;
    for (int64_t i = 0; i < r->log.rows; i++)
        most = iteration[i] > (double)most ? (int64_t)iteration[i] : most;
    int64_t steps = told ? strtoll(told, NULL, 10) : 0;
    return steps > most ? steps : most + 1;
}

/* A log that lacks lines (a run may go on behind a gap) gets rows without values in their place, so that row k is step
 * k. One whose steps cannot be made out stays as it is. */
static ij_status place_by_step(ij_report *r)
{
    enum { SPARSEST = 1000 }; /* steps a line: more is no log of this program */
    ij_csv_table *log = &r->log;
    int epoch = ij_csv_table_find(log, "epoch"), iteration = ij_csv_table_find(log, "itr");
    if (epoch < 0 || iteration < 0 || !log->rows)
        return IJ_OK;
    int64_t per_epoch = steps_an_epoch(r, log->column[iteration]), before = -1;
    int64_t *step = malloc((size_t)log->rows * sizeof *step);
    if (!step)
        return ij_fail(IJ_ENOMEM, "out of memory for the log's steps");
    bool good = true;
    for (int64_t i = 0; i < log->rows && good; i++) {
        double at = (log->column[epoch][i] - 1) * (double)per_epoch + log->column[iteration][i];
        good = at > (double)before && at < (double)log->rows * SPARSEST; /* false for NaN */
        before = step[i] = good ? (int64_t)at : 0;
    }
    ij_status status = good && before >= log->rows ? ij_csv_table_spread(log, step, before + 1) : IJ_OK;
    free(step);
    return status;
}

ij_status ij_report_open(ij_report *r, const ij_report_options *options)
{
    *r = (ij_report){.options = *options};
    char tag[IJ_CONFIG_TEXT];
    if (options->tag)
        snprintf(tag, sizeof tag, "%s", options->tag);
    else
        TRY(ij_run_folder_find_tag(options->folder, tag, sizeof tag));
    ij_run_folder_name(&r->folder, options->folder, tag);
    r->going_on = ij_run_lock_held(options->folder);
    TRY(open_newest(r));
    bool logged = access(r->folder.log, F_OK) == 0;
    if (logged)
        TRY(ij_csv_table_read(&r->log, r->folder.log));
    TRY(place_by_step(r));
    if (!logged && !r->checkpoint)
        return ij_fail(IJ_EINVAL, "%s holds no run \"%s\": neither %s_r0.csv nor a checkpoint", options->folder, tag,
                       tag);
    TRY(read_config(r));
    return open_images(r);
}

void ij_report_close(ij_report *r)
{
    ij_csv_table_free(&r->log);
    ij_model_file_close(r->checkpoint);
    ij_dataset_close(r->dataset);
    free(r->config);
}
