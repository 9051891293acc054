/* `ijepa train`: opens what a run is made of, trains, and tells how it ended. */
#include "engine/peak.h"
#include "frontend/clock.h"
#include "frontend/command.h"
#include "frontend/interrupt.h"
#include "frontend/message.h"
#include "frontend/options.h"
#include "frontend/run.h"

#include <stdlib.h>

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

/* What the progress on a terminal compares the training with. */
static ij_status measure_peak(ij_run *r)
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

static void print_end(const ij_run *r)
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

static ij_status train(ij_run *r)
{
    ij_training *t = &r->training;
    ij_status status = ij_run_open_inputs(r);
    if (status)
        return status;
    if (t->begin >= t->steps) {
        ij_say("done:   all %lld steps were taken before\n", (long long)t->steps);
        return IJ_OK;
    }
    if (r->team.leads && (status = ij_run_open_outputs(r)))
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
    ij_run *r = calloc(1, sizeof *r);
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
            ij_run_close(r);
        }
    }
    ij_options_free(&options);
    free(r);
    return exit_status;
}
