/* What rank 0 of a run writes: the log, events for TensorBoard, checkpoints. */
#include "frontend/message.h"
#include "frontend/png_bytes.h"
#include "frontend/run.h"
#include "ini/convert.h"

#include <stdio.h>

/* A run that goes on takes up its log where the checkpoint left it; one that starts keeps an earlier one's results. */
static ij_status open_log(ij_run *r)
{
    ij_training *t = &r->training;
    ij_step_log *log = &t->log;
    bool kept = false;
    char lacking[128] = "";
    ij_status status = IJ_OK;
    if (!r->checkpoint.file)
        status = ij_run_folder_keep_previous(&r->folder, &kept);
    if (!status && kept)
        ij_say("        (what an earlier run left there was renamed, with ~ added)\n");
    if (!status)
        status = ij_run_folder_write_config(&r->folder, &r->config);
    if (!status)
        status = r->checkpoint.file
                     ? ij_step_log_resume(log, r->folder.log, t->begin, t->schedule.ipe, lacking, sizeof lacking)
                     : ij_step_log_open(log, r->folder.log);
    if (!status && *lacking)
        ij_tell(IJ_LOG_WARNING, "warning: the log %s %s", r->folder.log, lacking);
    return status;
}

/* Pictures of features are no reason not to train, but where it is the device that fails. */
static ij_status open_watch(ij_run *r)
{
    ij_training *t = &r->training;
    if (!ij_png_available())
        return IJ_OK;
    const ij_dataset *dataset = t->curve ? ij_learning_curve_dataset(t->curve) : r->dataset;
    ij_status status = ij_feature_watch_open(&t->events.watch, &r->config, dataset, r->trainer);
    if (status == IJ_EDEVICE)
        return status;
    if (status)
        ij_tell(IJ_LOG_WARNING, "warning: %s; TensorBoard gets no pictures of features", ij_error());
    else
        ij_say("        TensorBoard gets pictures of the features of %d images, in %.1f MiB of the device\n",
               ij_feature_watch_images(t->events.watch),
               (double)ij_feature_watch_device_bytes(t->events.watch) / 0x1p20);
    return IJ_OK;
}

static ij_status open_events(ij_run *r)
{
    ij_training *t = &r->training;
    if (!r->config.logging.tensorboard)
        return IJ_OK;
    ij_status status = ij_event_file_open(&t->events.file, r->folder.base, r->folder.tag, t->begin);
    return status ? status : open_watch(r);
}

static ij_status open_saver(ij_run *r)
{
    ij_training *t = &r->training;
    const ij_config_logging *l = &r->config.logging;
    ij_drawing drawing = ij_config_drawing(&r->config);
    ij_saver_config config = {.trainer = r->trainer,
                              .folder = &r->folder,
                              .log = fileno(t->log.file),
                              .keep_last = l->keep_last,
                              .keep_every = l->keep_every * t->schedule.ipe,
                              .steps_an_epoch = t->schedule.ipe,
                              .meta = {.model = ij_config_model_shape(&r->config),
                                       .seed = drawing.seed,
                                       .rescale_residual = drawing.rescale_residual,
                                       .init = drawing.init,
                                       .more = (const char *const(*)[2])r->identity.pair,
                                       .more_count = r->identity.count}};
    ij_status status = ij_saver_open(&t->saver, &config);
    if (status)
        return status;
    if (ij_saver_bytes(t->saver))
        ij_say("        checkpoints are written beside the training, from a copy of %.1f MiB of host memory\n",
               (double)ij_saver_bytes(t->saver) / 0x1p20);
    else
        ij_tell(IJ_LOG_INFO, "note: %s: training will wait while checkpoints are written", ij_error());
    fflush(stdout);
    return IJ_OK;
}

ij_status ij_run_open_outputs(ij_run *r)
{
    ij_status status;
    if ((status = open_log(r)) || (status = open_events(r)))
        return status;
    return open_saver(r);
}
