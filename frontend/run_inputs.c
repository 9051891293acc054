/* What a run computes with, opened one after another. */
#include "engine/device.h"
#include "frontend/message.h"
#include "frontend/run.h"
#include "ini/convert.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

static ij_status open_dataset(ij_run *r)
{
    const ij_config *c = &r->config;
    char where[IJ_CONFIG_TEXT + 32], path[2 * IJ_CONFIG_TEXT];
    ij_config_where(c, "data.root_path", where, sizeof where);
    if (!*c->data.root_path)
        return ij_fail(IJ_EINVAL,
                       "%s: [data] root_path is not set: give the folder of images with --set "
                       "data.root_path=FOLDER",
                       where);
    snprintf(path, sizeof path, "%s%s%s", c->data.root_path, *c->data.image_folder ? "/" : "", c->data.image_folder);
    ij_status status = ij_dataset_open(&r->dataset, path);
    if (status)
        return ij_fail_in(status, "%s: [data] root_path: ", where);

    int64_t images = ij_dataset_count(r->dataset);
    if (images < c->data.batch_size)
        return ij_fail(IJ_EINVAL, "%s: [data] batch_size = %d is larger than the data set, which has %lld image%s (%s)",
                       ij_config_where(c, "data.batch_size", where, sizeof where), c->data.batch_size,
                       (long long)images, images == 1 ? "" : "s", path);
    ij_say("data:   %s: %lld images", path, (long long)images);
    if (ij_dataset_classes(r->dataset))
        ij_say(" in %d classes", ij_dataset_classes(r->dataset));
    if (ij_dataset_ignored(r->dataset))
        ij_say(", %lld other files passed over", (long long)ij_dataset_ignored(r->dataset));
    ij_say("\n");
    for (int i = 0; i < ij_dataset_notes(r->dataset); i++)
        ij_tell(IJ_LOG_INFO, "note: %s", ij_dataset_note(r->dataset, i));
    return IJ_OK;
}

/* Where rank 0 writes to; the others know its name. */
static ij_status open_folder(ij_run *r)
{
    if (r->team.leads)
        return ij_run_folder_open(&r->folder, &r->config);
    ij_run_folder_name(&r->folder, r->config.logging.folder, r->config.logging.write_tag);
    return IJ_OK;
}

static ij_status open_device(ij_run *r)
{
    char where[IJ_CONFIG_TEXT + 32], choice[IJ_CONFIG_TEXT];
    ij_status status = ij_team_device(&r->team, r->config.run.device, choice, sizeof choice);
    if (!status)
        status = ij_device_open(&r->device, choice);
    if (status == IJ_EINVAL && *r->config.run.device)
        return ij_fail_in(status, "%s: [run] device: ", ij_config_where(&r->config, "run.device", where, sizeof where));
    if (status)
        return status;
    const ij_device_info *info = ij_device_describe(r->device);
    ij_say("device: %d: %s (%s)\n", info->index, info->name, info->platform);
    if (*ij_device_notes(r->device))
        ij_tell(IJ_LOG_INFO, "note: %s", ij_device_notes(r->device));
    return IJ_OK;
}

/* [meta] read_checkpoint: a file in the run's folder, as the official code takes it, or a path of its own. */
static void use_official_keys(ij_run *r)
{
    const ij_config_meta *m = &r->config.meta;
    if (!m->load_checkpoint)
        return;
    if (!*m->read_checkpoint) {
        r->resume = true;
        return;
    }
    if (r->init)
        return;
    snprintf(r->official, sizeof r->official, "%s/%s", r->config.logging.folder, m->read_checkpoint);
    r->init = *m->read_checkpoint != '/' && access(r->official, F_OK) == 0 ? r->official : m->read_checkpoint;
}

static ij_status open_checkpoint(ij_run *r)
{
    ij_status status = ij_run_identity_make(&r->identity, &r->config, r->dataset, r->device);
    if (!status)
        status = ij_team_check(&r->team, &r->config, &r->identity);
    if (!status)
        status = ij_team_start(&r->team, &r->config, r->device);
    if (status || !r->resume || !r->team.leads)
        return status;
    if ((status = ij_resume_find(&r->checkpoint, &r->folder)))
        return status;
    if (r->checkpoint.file)
        return ij_resume_check(&r->checkpoint, &r->config, &r->identity);
    ij_say("resume: there is no checkpoint in %s: the run starts afresh\n", r->folder.base);
    return IJ_OK;
}

/* The weights to begin with: a checkpoint's, somebody else's, or those that were drawn. */
static ij_status load_weights(ij_run *r)
{
    ij_status status;
    if (!r->team.leads)
        return IJ_OK;
    if (r->checkpoint.file) {
        status = ij_resume_load(&r->checkpoint, &r->folder, &r->config, &r->identity, r->trainer);
        if (!status)
            ij_say("resume: from %s, after %lld steps\n", ij_model_file_path(r->checkpoint.file),
                   (long long)r->checkpoint.step);
        return status;
    }
    if (!r->init)
        return IJ_OK;
    ij_model_file *file;
    if ((status = ij_model_file_open(&file, r->init)))
        return status;
    status = ij_checkpoint_start_from(r->trainer, file);
    const ij_model_file_info *info = ij_model_file_describe(file);
    if (!status)
        ij_say("start:  from the weights in %s (%s)\n", r->init,
               info->predictor ? "both encoders and the predictor" : "the encoders; the predictor is drawn afresh");
    for (int i = 0; i < ij_model_file_notes(file) && !status; i++)
        ij_tell(IJ_LOG_INFO, "note: %s: %s", r->init, ij_model_file_note(file, i));
    ij_model_file_close(file);
    return status;
}

/* All ranks begin where rank 0 does, with its weights: each has drawn the same, but for a last bit perhaps. */
static ij_status take_over(ij_run *r)
{
    int64_t begin = r->checkpoint.file ? r->checkpoint.step : 0;
    ij_ranks_from_first(r->team.ranks, &begin, sizeof begin);
    r->training.begin = begin;
    if (!r->team.ranks)
        return IJ_OK;
    ij_status status = ij_trainer_set_step(r->trainer, begin);
    return status ? status : ij_trainer_share_state(r->trainer);
}

static ij_status open_trainer(ij_run *r)
{
    ij_trainer_config config = ij_config_trainer(&r->config);
    config.ranks = r->team.ranks;
    config.share = ij_team_most(&r->team);
    if (config.micro_batch > ij_most_share(&config))
        config.micro_batch = ij_most_share(&config);
    const ij_model_config *m = &config.model;
    ij_say("model:  encoder %d x %d, %d heads, %d x %d patches of %d pixels; predictor %d x %d\n", m->dim, m->depth,
           m->heads, ij_model_side(m), ij_model_side(m), m->patch, m->pred_dim, m->pred_depth);
    fflush(stdout); /* compiling the kernels may take a while */
    ij_status status = ij_trainer_create(&r->trainer, r->device, &config);
    if (status)
        return status;
    if (ij_log_shows(IJ_LOG_INFO))
        ij_trainer_print_plan(r->trainer, stdout);
    int images = ij_trainer_micro_batch(r->trainer);
    if (images < ij_most_share(&config))
        ij_say("memory: batches of %d images are computed %d at a time%s\n", ij_most_share(&config), images,
               r->config.data.micro_batch ? "" : ", as many as fit");
    if (ij_trainer_recomputes(r->trainer))
        ij_say("memory: blocks are computed again on the way back%s\n",
               r->config.run.recompute == IJ_CONFIG_RECOMPUTE_AUTO ? ": nothing else fits" : "");
    if (ij_trainer_offloads(r->trainer))
        ij_say("memory: AdamW's moments are in the host's memory%s\n",
               r->config.run.offload == IJ_CONFIG_OFFLOAD_AUTO ? ": nothing else fits" : "");
    if ((status = ij_team_take(&r->team, r->trainer)) || (status = load_weights(r)))
        return status;
    return take_over(r);
}

/* Bytes of the data set's table, by the mean length of some paths: what a sample's row takes beside its name. */
static double paths_bytes(const ij_dataset *dataset)
{
    enum { SOME = 1000, ROW = 32 };
    int64_t images = ij_dataset_count(dataset), looked = images < SOME ? images : SOME;
    double length = 0;
    for (int64_t i = 0; i < looked; i++)
        length += (double)ij_dataset_path(dataset, i * (images / looked), NULL, 0);
    return (double)images * (length / (double)looked + ROW);
}

static void print_host_memory(const ij_run *r)
{
    const double mib = 1 << 20;
    ij_loader_memory m = ij_loader_memory_plan(r->loader);
    int threads = ij_loader_workers(r->loader);
    ij_say(
        "host:   %d loading thread%s of %.1f MiB for 500 x 375 pixels (%.0f MiB for a progressive JPEG of max_pixels), "
        "order %.1f MiB, paths up to %.1f MiB\n",
        threads, threads == 1 ? "" : "s", (double)m.thread / mib, (double)m.thread_most / mib, (double)m.order / mib,
        paths_bytes(r->dataset) / mib);
}

/* A target encoder that still holds much of its random start when the run ends teaches little. */
static void warn_of_momentum(const ij_schedule *schedule)
{
    int64_t length = ij_schedule_length(schedule);
    ij_hyper hyper = ij_schedule_at(schedule, 0);
    if (hyper.features_from < length)
        hyper = ij_schedule_at(schedule, hyper.features_from);
    double remembered = 1 / (1 - hyper.ema);
    if (remembered <= fmax(1, 0.25 * (double)length))
        return;
    char many[32] = "all";
    if (remembered < (double)length)
        snprintf(many, sizeof many, "%.0f", remembered);
    ij_tell(IJ_LOG_WARNING,
            "warning: with a momentum of %.6g the target encoder remembers %s of the run's %lld steps, and so follows "
            "late; [optimization] ema_horizon = 0.1 makes it %.0f",
            hyper.ema, many, (long long)length, fmax(1, 0.1 * (double)length));
}

static ij_status open_loader(ij_run *r)
{
    ij_loader_config config = ij_config_loader(&r->config, r->dataset);
    ij_team_loader(&r->team, &config);
    ij_status status = ij_loader_open(&r->loader, &config);
    if (status)
        return status;
    print_host_memory(r);
    ij_training *t = &r->training;
    int64_t ipe = ij_loader_batches_per_epoch(r->loader);
    t->schedule = ij_config_schedule(&r->config, ipe);
    t->steps = ij_schedule_length(&t->schedule);
    if (t->schedule.warmup * (double)ipe > t->schedule.ipe_scale * (double)t->steps)
        return ij_fail(IJ_EINVAL, "[optimization] warmup = %g epochs of %lld steps does not fit into %lld steps",
                       t->schedule.warmup, (long long)ipe, (long long)t->steps);
    int64_t most = r->config.optimization.max_steps;
    if (most && most < t->steps)
        t->steps = most;
    ij_ranks_from_first(r->team.ranks, &t->steps, sizeof t->steps);
    ij_run_identity_epoch(&r->identity, ipe);
    ij_say("run:    %lld steps, %lld an epoch, of %d images, prepared by %d thread%s; results in %s\n",
           (long long)t->steps, (long long)ipe, config.batch, ij_loader_workers(r->loader),
           ij_loader_workers(r->loader) == 1 ? "" : "s", r->config.logging.folder);
    if (r->team.leads)
        warn_of_momentum(&t->schedule);
    return IJ_OK;
}

ij_status ij_run_open_inputs(ij_run *r)
{
    use_official_keys(r);
    ij_status status;
    if ((status = ij_team_open(&r->team)) || (status = open_dataset(r)) || (status = open_folder(r)) ||
        (status = open_device(r)) || (status = open_checkpoint(r)) || (status = open_trainer(r)) ||
        (status = open_loader(r)))
        return status;
    return r->team.leads ? ij_learning_curve_open(&r->training.curve, &r->config, r->trainer, r->device) : IJ_OK;
}
