/* autotune: measures which kernel parameters are the fastest on a device, for the shapes that a configuration uses, and
 * keeps them in the tuning database. */
#include "engine/base/try.h"
#include "engine/peak.h"
#include "engine/tuning_db.h"
#include "engine/tuning_file.h"
#include "tools/autotune/blast.h"
#include "tools/autotune/candidate.h"
#include "tools/autotune/show.h"
#include "tools/autotune/turns.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: ijepa-autotune CONFIG.ini [--minutes M] [--resume] [--kernels NAME,...] [--device D] [--tuning FILE]\n"
    "                      [--set section.key=value]...\n"
    "       ijepa-autotune --show [--device D] [--tuning FILE]\n"
    "\n"
    "Profiles a training step of the configuration, then searches the parameters of its kernels, those with the\n"
    "largest share of the step first. Each candidate is checked against plain C before it is timed, in a process\n"
    "of its own. What is found is kept as it comes; Ctrl-C loses nothing. The engine finds the database by itself.\n"
    "\n"
    "  --minutes M       how long in all (10)\n"
    "  --resume          leaves out what an earlier run has tried\n"
    "  --kernels NAMES   some only: gemm, gradient, attention, attention_backward, rows. Only by name: `device`, what\n"
    "                    kernels have in common and the layout of weights, after which the others have to be tuned\n"
    "                    again; `clblast`, the parameters of CLBlast's product kernel\n"
    "  --candidates N    at most N for each kernel and shape\n"
    "  --no-clblast      does not try CLBlast's products\n"
    "  --watchdog S      seconds that one candidate may take (60)\n"
    "  --tuning FILE     the database; default: IJEPA_TUNING, or ijepa-cl/tuning.txt in the XDG data folder\n"
    "  --show            prints the database, and which of its lines hold\n";

typedef struct options {
    ij_workload_options workload;
    const char *kernels;
    double minutes, watchdog;
    int candidates;
    bool resume, show, help, no_clblast;
} options;

static volatile sig_atomic_t signalled;
static volatile int interrupted;

static void on_signal(int number)
{
    signalled = number;
    interrupted = 1;
}

static void catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
}

static bool positive(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && *end == 0 && *value > 0;
}

static bool read_options(options *o, int argc, char **argv)
{
    double candidates = 0;
    *o = (options){.minutes = 10, .watchdog = 60};
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc, good = true;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            o->help = true;
        else if (strcmp(argv[i], "--show") == 0)
            o->show = true;
        else if (strcmp(argv[i], "--resume") == 0)
            o->resume = true;
        else if (strcmp(argv[i], "--no-clblast") == 0)
            o->no_clblast = true;
        else if (strcmp(argv[i], "--kernels") == 0 && more)
            o->kernels = argv[++i];
        else if (strcmp(argv[i], "--minutes") == 0 && more)
            good = positive(argv[++i], &o->minutes);
        else if (strcmp(argv[i], "--watchdog") == 0 && more)
            good = positive(argv[++i], &o->watchdog) && o->watchdog >= 1;
        else if (strcmp(argv[i], "--candidates") == 0 && more)
            good = positive(argv[++i], &candidates);
        else
            good = ij_workload_option(&o->workload, argc, argv, &i);
        if (!good)
            return false;
    }
    o->candidates = (int)candidates;
    return o->help || o->show || o->workload.config;
}

/* Finds what a step consists of. The trainer's memory is given back: candidates need it. */
static ij_status find_jobs(ij_workload *w, const options *o, tuner *t)
{
    ij_kernel_time *times;
    int count;
    double seconds, flops;
    w->trained.gemm = IJ_GEMM_OWN; /* the kernels that are to be tuned */
    TRY(ij_workload_open(w, &o->workload));
    TRY(ij_workload_step(w, 0, &seconds, &flops));
    TRY(ij_shapes_of_step(w, 1, &times, &count, &seconds));
    t->job_count = jobs_of_step(w, times, count, o->kernels, t->jobs);
    if (jobs_named(o->kernels, "clblast"))
        blast_add_job(t, w, times, count);
    free(times);
    ij_trainer_destroy(w->trainer);
    w->trainer = NULL;
    double peak, bandwidth;
    TRY(ij_measure_fma_peak(w->device, &peak));
    TRY(ij_measure_copy_bandwidth(w->device, (size_t)256 << 20, &bandwidth));
    t->device = w->device;
    t->table.peak = 1e9 * peak;
    t->table.bandwidth = 1e9 * bandwidth;
    printf(
        "%s (driver %s): a step takes %.1f ms; fp32 peak %.1f GFLOP/s, copy %.1f GB/s; %d kernels and shapes to tune\n",
        w->device->info.name, w->device->info.driver, 1e3 * seconds, peak, bandwidth, t->job_count);
    fflush(stdout);
    return t->job_count ? IJ_OK : ij_fail(IJ_EINVAL, "no kernel of this step has parameters that --kernels names");
}

static void print_end(const tuner *t)
{
    const int *n = t->outcomes;
    printf("%d candidates: %d timed, %d wrong, %d failed, %d crashed, %d hung%s\n", t->number - n[OUTCOME_STOPPED],
           n[OUTCOME_FAST], n[OUTCOME_WRONG], n[OUTCOME_FAILED], n[OUTCOME_CRASHED], n[OUTCOME_HUNG],
           interrupted ? "; interrupted: --resume goes on" : "");
    if (*t->last_failure)
        printf("the last that failed: %s\n", t->last_failure);
    printf("kept in %s\n", t->database);
}

/* Whether results can be kept is found out before hours of measuring. Makes the folder, too. */
static ij_status check_database(const char *path)
{
    ij_tuning_file file;
    ij_status status = ij_tuning_file_read(&file, path);
    if (!status)
        status = ij_tuning_file_write(&file, path);
    ij_tuning_file_free(&file);
    return status;
}

static ij_status run(ij_workload *w, const options *o, tuner *t)
{
    static char path[4096];
    TRY(ij_workload_read(w, &o->workload));
    if (!ij_tuning_db_path(path, sizeof path))
        return ij_fail(IJ_EINVAL, "there is no place for the tuning database: name one with --tuning FILE");
    double start = ij_now();
    TRY(check_database(path));
    TRY(find_jobs(w, o, t));
    t->database = path;
    t->deadline = start + 60.0 * o->minutes;
    t->watchdog = o->watchdog;
    t->clblast = !o->no_clblast;
    t->most = o->candidates;
    t->interrupted = &interrupted;
    setenv("IJEPA_CACHE", "off", 1); /* candidates are built once; the cache is for what is used */
    catch_signals();
    TRY(state_open(&t->state, path, o->resume));
    ij_status status = tune_all(t);
    print_end(t);
    return status;
}

int main(int argc, char **argv)
{
    static options o;
    static tuner t;
    static ij_workload w;
    if (argc > 1 && strcmp(argv[1], CANDIDATE_OPTION) == 0)
        return candidate_main(argc - 2, argv + 2);
    if (!read_options(&o, argc, argv) || o.help) {
        fputs(usage, o.help ? stdout : stderr);
        return o.help ? 0 : 2;
    }
    if (o.show)
        return show_database(o.workload.device);
    ij_status status = run(&w, &o, &t);
    if (status)
        fprintf(stderr, "ijepa-autotune: %s\n", ij_error());
    state_close(&t.state);
    ij_workload_close(&w);
    return status ? 1 : signalled ? 128 + (int)signalled : 0;
}
