/* `ijepa train`: opens all that a run is made of, tells what it will do, and trains. */
#include "engine/device.h"
#include "frontend/clock.h"
#include "frontend/command.h"
#include "frontend/interrupt.h"
#include "frontend/message.h"
#include "frontend/options.h"
#include "frontend/training.h"
#include "ini/convert.h"

#include <stdlib.h>
#include <string.h>

static void print_help(void)
{
    puts("Usage: ijepa train CONFIG.ini [--set section.key=value]... [--device D] [--tuning FILE]\n"
         "\n"
         "Trains as the configuration says. Options:\n"
         "  --set section.key=value  replaces one value of the configuration; may be repeated\n"
         "  --device D               the device: its number, part of its name, or cpu or gpu (see `ijepa devices`)\n"
         "  --tuning FILE            what autotune measured; default: IJEPA_TUNING, or the XDG data folder's\n"
         "                           ijepa-cl/tuning.txt; off: nothing\n"
         "\n"
         "`ijepa config --help` lists the keys. The images are those under [data] root_path (and image_folder in it).\n"
         "\n"
         "Into [logging] folder it writes, TAG being [logging] write_tag:\n"
         "  TAG_r0.csv               a line for each step\n"
         "  TAG-latest.safetensors   the weights, at the end of every epoch and of the run\n"
         "  TAG-config.ini           the configuration that was used\n"
         "What an earlier run left under these names is renamed, with ~ added.\n"
         "\n"
         "Ctrl-C (or SIGTERM, SIGHUP) ends the run after the current step with a checkpoint, a second one at once.\n"
         "Exit status: 0 done; 1 failed; 2 wrong usage; 130 ended by Ctrl-C (128 + the signal's number).");
}

/* All that a run opens, in this order; closed in the reverse one. */
typedef struct run {
    ij_config config;
    ij_run_folder folder;
    ij_dataset *dataset;
    ij_device *device;
    ij_trainer *trainer;
    ij_loader *loader;
    ij_training training;
} run;

static void close_run(run *r)
{
    ij_loader_close(r->loader); /* before the trainer, whose memory it fills */
    ij_trainer_destroy(r->trainer);
    ij_device_close(r->device);
    ij_dataset_close(r->dataset);
    ij_step_log_close(&r->training.log);
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
        return ij_fail_in(status, "%s: [data] root_path", where);

    int64_t images = ij_dataset_count(r->dataset);
    if (images < c->data.batch_size)
        return ij_fail(IJ_EINVAL, "%s: [data] batch_size = %d is larger than the data set, which has %lld image%s (%s)",
                       ij_config_where(c, "data.batch_size", where, sizeof where), c->data.batch_size,
                       (long long)images, images == 1 ? "" : "s", path);
    printf("data:   %s: %lld images", path, (long long)images);
    if (ij_dataset_classes(r->dataset))
        printf(" in %d classes", ij_dataset_classes(r->dataset));
    if (ij_dataset_ignored(r->dataset))
        printf(", %lld other files passed over", (long long)ij_dataset_ignored(r->dataset));
    puts("");
    for (int i = 0; i < ij_dataset_notes(r->dataset); i++)
        ij_complain("note: %s", ij_dataset_note(r->dataset, i));
    return IJ_OK;
}

static ij_status open_trainer(run *r)
{
    char where[IJ_CONFIG_TEXT + 32];
    ij_status status = ij_device_open(&r->device, r->config.run.device);
    if (status == IJ_EINVAL && *r->config.run.device)
        return ij_fail_in(status, "%s: [run] device", ij_config_where(&r->config, "run.device", where, sizeof where));
    if (status)
        return status;
    const ij_device_info *info = ij_device_describe(r->device);
    printf("device: %d: %s (%s)\n", info->index, info->name, info->platform);
    if (*ij_device_notes(r->device))
        ij_complain("note: %s", ij_device_notes(r->device));

    ij_trainer_config config = ij_config_trainer(&r->config);
    const ij_model_config *m = &config.model;
    printf("model:  encoder %d x %d, %d heads, %d x %d patches of %d pixels; predictor %d x %d\n", m->dim, m->depth,
           m->heads, ij_model_side(m), ij_model_side(m), m->patch, m->pred_dim, m->pred_depth);
    fflush(stdout); /* compiling the kernels may take a while */
    if ((status = ij_trainer_create(&r->trainer, r->device, &config)))
        return status;
    ij_trainer_print_plan(r->trainer, stdout);
    return IJ_OK;
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
    printf(
        "host:   %d loading thread%s of %.1f MiB for 500 x 375 pixels (%.0f MiB for a progressive JPEG of max_pixels), "
        "order %.1f MiB, paths up to %.1f MiB\n",
        threads, threads == 1 ? "" : "s", (double)m.thread / mib, (double)m.thread_most / mib, (double)m.order / mib,
        paths_bytes(r->dataset) / mib);
}

static ij_status open_loader(run *r)
{
    ij_loader_config config = ij_config_loader(&r->config, r->dataset);
    ij_status status = ij_loader_open(&r->loader, &config);
    if (status)
        return status;
    print_host_memory(r);
    ij_training *t = &r->training;
    const ij_config_optimization *o = &r->config.optimization;
    int64_t ipe = ij_loader_batches_per_epoch(r->loader);
    t->schedule = ij_config_schedule(&r->config, ipe);
    t->steps = o->epochs * ipe;
    if (o->max_steps && o->max_steps < t->steps)
        t->steps = o->max_steps;
    printf("run:    %lld steps, %lld an epoch, of %d images, prepared by %d thread%s; results in %s\n",
           (long long)t->steps, (long long)ipe, config.batch, ij_loader_workers(r->loader),
           ij_loader_workers(r->loader) == 1 ? "" : "s", r->config.logging.folder);
    return IJ_OK;
}

static ij_status open_log(run *r)
{
    bool kept;
    ij_status status = ij_run_folder_keep_previous(&r->folder, &kept);
    if (!status && kept)
        printf("        (what an earlier run left there was renamed, with ~ added)\n");
    if (!status)
        status = ij_run_folder_write_config(&r->folder, &r->config);
    if (!status)
        status = ij_step_log_open(&r->training.log, r->folder.log);
    fflush(stdout);
    return status;
}

static void print_end(const run *r)
{
    const ij_training *t = &r->training;
    char took[32];
    ij_clock_format(ij_clock() - t->progress.started, took, sizeof took);
    printf("%s %lld of %lld steps in %s, last loss %.5f",
           ij_interrupt_signal() ? "ended after" : "done:", (long long)t->taken, (long long)t->steps, took, t->loss);
    if (t->bad_named)
        printf("; %lld unreadable image%s skipped", (long long)t->bad_named, t->bad_named == 1 ? "" : "s");
    printf("\ncheckpoint: %s\n", r->folder.checkpoint);
    fflush(stdout);
}

static ij_status train(run *r)
{
    ij_status status;
    if ((status = open_dataset(r)) || (status = ij_run_folder_open(&r->folder, &r->config)) ||
        (status = open_trainer(r)) || (status = open_loader(r)) || (status = open_log(r)))
        return status;
    ij_training *t = &r->training;
    t->config = &r->config;
    t->folder = &r->folder;
    t->dataset = r->dataset;
    t->loader = r->loader;
    t->trainer = r->trainer;
    ij_interrupt_catch();
    if ((status = ij_training_run(t)))
        return status;
    if (t->taken)
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
    if (ij_options_read(&options, "train", argc, argv)) {
        exit_status = IJ_EXIT_FAILED;
        if (options.help) {
            print_help();
            exit_status = IJ_EXIT_DONE;
        } else if (ij_options_config(&options, &r->config)) {
            if (train(r))
                ij_complain("%s", ij_error());
            else
                exit_status = ij_interrupt_signal() ? 128 + ij_interrupt_signal() : IJ_EXIT_DONE;
            close_run(r);
        }
    }
    ij_options_free(&options);
    free(r);
    return exit_status;
}
