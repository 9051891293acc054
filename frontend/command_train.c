/* `ijepa train`: opens all that a run is made of, tells what it will do, and trains. */
#include "engine/device.h"
#include "engine/peak.h"
#include "frontend/clock.h"
#include "frontend/command.h"
#include "frontend/interrupt.h"
#include "frontend/message.h"
#include "frontend/options.h"
#include "frontend/png_bytes.h"
#include "frontend/resume.h"
#include "frontend/saver.h"
#include "frontend/team.h"
#include "frontend/training.h"
#include "ini/convert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_help(void)
{
    puts("Usage: ijepa train CONFIG.ini [--resume] [--init FILE] [--set section.key=value]...\n"
         "                   [--device D] [--tuning FILE] [--quiet] [--log-level L]\n"
         "\n"
         "Trains as the configuration says; where there is no such file, CONFIG.ini is the name of a preset. Options:\n"
         "  --resume                 goes on from the newest checkpoint in the run's folder, as if the run had never\n"
         "                           been interrupted; where there is none the run starts afresh\n"
         "  --init FILE              starts from the weights in a file: a checkpoint, a Hugging Face folder or file,\n"
         "                           the official code's .pth.tar; with --resume only where there is no checkpoint\n"
         "  --set section.key=value  replaces one value of the configuration; may be repeated\n"
         "  --device D               the device: its number, part of its name, or cpu or gpu (see `ijepa devices`)\n"
         "  --tuning FILE            what autotune measured; default: IJEPA_TUNING, or the XDG data folder's\n"
         "                           ijepa-cl/tuning.txt; off: nothing\n"
         "  --quiet                  warnings and failures only, as --log-level warning\n"
         "  --log-level L            error, warning or info (all): how much is told\n"
         "\n"
         "`ijepa config --help` lists the keys. The images are those under [data] root_path (and image_folder in it).\n"
         "\n"
         "Into [logging] folder it writes, TAG being [logging] write_tag:\n"
         "  TAG_r0.csv               a line for each step; at an epoch's end with the effective rank of the features\n"
         "                           and, where [eval] root_path names labelled images, how well they are told apart\n"
         "  TAG-stepN.safetensors    checkpoints: at the end of every epoch and of the run, and every 15 minutes\n"
         "                           (see [logging]); the newest two are kept\n"
         "  TAG-latest.safetensors   a link to the newest\n"
         "  TAG-config.ini           the configuration that was used\n"
         "  events.out.tfevents.*    for TensorBoard, where [logging] tensorboard = true\n"
         "Without --resume, what an earlier run left under these names is renamed, with ~ added.\n"
         "\n"
         "Started as several processes (mpirun -n 4 ijepa train ..., srun), each computes a share of every batch\n"
         "([run] share) on a device of its own: --device takes a list, 0,1,2, for the ranks of a computer.\n"
         "\n"
         "Ctrl-C (or SIGTERM, SIGHUP) ends the run after the current step with a checkpoint; another one,\n"
         "two seconds later or more, at once.\n"
         "Exit status: 0 done; 1 failed; 2 wrong usage; 130 ended by Ctrl-C (128 + the signal's number).");
}

/* All that a run opens, in this order; closed in the reverse one. */
typedef struct run {
    bool resume;      /* asked for; later: a checkpoint is gone on from */
    const char *init; /* NULL: none */
    ij_config config;
    ij_team team;
    ij_dataset *dataset;
    ij_run_identity identity;
    ij_run_folder folder;
    ij_resume checkpoint; /* that the run goes on from; without a file it starts */
    ij_device *device;
    ij_trainer *trainer;
    ij_loader *loader;
    ij_training training;
} run;

static void close_run(run *r)
{
    ij_loader_close(r->loader);        /* before the trainer, whose memory it fills */
    ij_saver_close(r->training.saver); /* likewise: it reads it */
    ij_step_log_close(&r->training.log);
    ij_run_events_close(&r->training.events); /* before the trainer, whose weights its pictures show */
    ij_learning_curve_close(r->training.curve);
    ij_trainer_destroy(r->trainer);
    ij_device_close(r->device);
    ij_resume_free(&r->checkpoint);
    ij_run_identity_free(&r->identity);
    ij_dataset_close(r->dataset);
    ij_team_close(&r->team);
}

static ij_status open_dataset(run *r)
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

/* [meta] read_checkpoint: a file in the run's folder, as the official code takes it, or a path of its own. */
static void use_official_keys(run *r, char path[IJ_PATH_MAX])
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
    snprintf(path, IJ_PATH_MAX, "%s/%s", r->config.logging.folder, m->read_checkpoint);
    r->init = *m->read_checkpoint != '/' && access(path, F_OK) == 0 ? path : m->read_checkpoint;
}

/* The weights to begin with: a checkpoint's, somebody else's, or those that were drawn. */
static ij_status load_weights(run *r)
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

static ij_status open_device(run *r)
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

static ij_status open_checkpoint(run *r)
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

/* All ranks begin where rank 0 does, with its weights: each has drawn the same, but for a last bit perhaps. */
static ij_status take_over(run *r)
{
    int64_t begin = r->checkpoint.file ? r->checkpoint.step : 0;
    ij_ranks_from_first(r->team.ranks, &begin, sizeof begin);
    r->training.begin = begin;
    if (!r->team.ranks)
        return IJ_OK;
    ij_status status = ij_trainer_set_step(r->trainer, begin);
    return status ? status : ij_trainer_share_state(r->trainer);
}

static ij_status open_trainer(run *r)
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

static void print_host_memory(const run *r)
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

static ij_status open_loader(run *r)
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

/* A run that goes on takes up its log where the checkpoint left it; one that starts keeps an earlier one's results. */
static ij_status open_log(run *r)
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
static ij_status open_watch(run *r)
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

static ij_status open_events(run *r)
{
    ij_training *t = &r->training;
    if (!r->config.logging.tensorboard)
        return IJ_OK;
    ij_status status = ij_event_file_open(&t->events.file, r->folder.base, r->folder.tag, t->begin);
    return status ? status : open_watch(r);
}

static ij_status open_saver(run *r)
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

/* What the progress on a terminal compares the training with. */
static ij_status measure_peak(run *r)
{
    double gflops;
    if (!ij_progress_on_terminal() || r->team.ranks) /* one device's peak is not theirs */
        return IJ_OK;
    ij_status status = ij_measure_fma_peak(r->device, &gflops);
    if (!status) {
        r->training.peak = 1e9 * gflops;
        ij_say("        multiply-adds alone reach %.0f GFLOP/s on this device: its peak in the lines below\n", gflops);
    }
    return status;
}

static void print_end(const run *r)
{
    const ij_training *t = &r->training;
    char took[32], path[IJ_PATH_MAX];
    double seconds = ij_clock() - t->progress.started;
    ij_clock_format(seconds, took, sizeof took);
    ij_say("%s %lld of %lld steps", t->taken < t->steps ? "ended after" : "done:", (long long)t->taken,
           (long long)t->steps);
    if (t->begin)
        ij_say(", %lld of them now,", (long long)(t->taken - t->begin));
    ij_say(" in %s, last loss %.5f", took, t->loss);
    if (t->bad_named)
        ij_say("; %lld unreadable image%s skipped", (long long)t->bad_named, t->bad_named == 1 ? "" : "s");
    if (r->team.measured) {
        ij_say("\nranks: by their speed the last batches were shared");
        for (int i = 0; i < r->team.count; i++)
            ij_say("%s %d", i ? "," : "", r->team.shares[i]);
    }
    if (r->team.ranks) {
        ij_exchange_times times = ij_trainer_exchange(r->trainer);
        double steps = times.exposed + times.busy;
        ij_say(
            "\nranks: each sent %.1f MiB of gradients a step; %.1f %% of the time of a step a device had nothing to do "
            "until they were added up",
            (double)times.bytes / 0x1p20, steps > 0 ? 100 * times.exposed / steps : 0);
    }
    ij_saver_times spent = ij_saver_spent(t->saver);
    double held = spent.copying + t->waited;
    ij_say("\ncheckpoint: %s (%d written in %.1f s, holding up the training for %.2f s, %.2f %% of it)\n",
           ij_run_folder_checkpoint(&r->folder, t->taken, path), spent.written, spent.writing, held,
           seconds > 0 ? 100 * held / seconds : 0);
    fflush(stdout);
}

/* Where rank 0 writes to; the others know its name. */
static ij_status open_folder(run *r)
{
    if (r->team.leads)
        return ij_run_folder_open(&r->folder, &r->config);
    ij_run_folder_name(&r->folder, r->config.logging.folder, r->config.logging.write_tag);
    return IJ_OK;
}

static ij_status train(run *r)
{
    char official[IJ_PATH_MAX];
    use_official_keys(r, official);
    ij_status status;
    if ((status = ij_team_open(&r->team)) || (status = open_dataset(r)) || (status = open_folder(r)) ||
        (status = open_device(r)) || (status = open_checkpoint(r)) || (status = open_trainer(r)) ||
        (status = open_loader(r)))
        return status;
    ij_training *t = &r->training;
    if (r->team.leads && (status = ij_learning_curve_open(&t->curve, &r->config, r->trainer, r->device)))
        return status;
    if (t->begin >= t->steps) {
        ij_say("done:   all %lld steps were taken before\n", (long long)t->steps);
        return IJ_OK;
    }
    if (r->team.leads && ((status = open_log(r)) || (status = open_events(r)) || (status = open_saver(r))))
        return status;
    t->config = &r->config;
    t->folder = &r->folder;
    t->dataset = r->dataset;
    t->loader = r->loader;
    t->trainer = r->trainer;
    t->team = &r->team;
    if ((status = measure_peak(r)))
        return status;
    ij_interrupt_catch("ending after this step with a checkpoint");
    if ((status = ij_training_run(t)))
        return status;
    if (t->taken > t->begin && r->team.leads)
        print_end(r);
    return IJ_OK;
}

int ij_command_train(int argc, char **argv)
{
    ij_options options;
    run *r = calloc(1, sizeof *r);
    int exit_status = IJ_EXIT_USAGE;
    if (!r) {
        ij_complain("out of memory");
        return IJ_EXIT_FAILED;
    }
    if (ij_options_read_run(&options, "train", argc, argv)) {
        exit_status = IJ_EXIT_FAILED;
        if (options.help) {
            print_help();
            exit_status = IJ_EXIT_DONE;
        } else if (ij_options_config(&options, &r->config)) {
            r->resume = options.resume;
            r->init = options.init;
            if (train(r)) {
                ij_complain("%s", ij_error());
                if (r->training.saver) /* what is being written is worth more than a quick end */
                    ij_saver_finish(r->training.saver);
                ij_team_fail(&r->team, IJ_EXIT_FAILED);
            } else {
                int signal = r->team.ranks ? r->training.ended_by : ij_interrupt_signal();
                exit_status = signal ? 128 + signal : IJ_EXIT_DONE;
            }
            close_run(r);
        }
    }
    ij_options_free(&options);
    free(r);
    return exit_status;
}
