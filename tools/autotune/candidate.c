#include "tools/autotune/candidate.h"

#include "engine/base/try.h"
#include "engine/tuning_db.h"
#include "tools/autotune/trial.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the parent asks for, with what is opened for it. */
typedef struct candidate {
    tune_job job;
    const char *choice;
    ij_tuned tuned; /* the same; of nothing for a library's */
    trial trial;
} candidate;

/* One line to the parent. A pipe takes it at once or the parent is gone: nothing to do about that. */
IJ_PRINTF(1, 2) static void report(const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    size_t length = n < (int)sizeof line - 2 ? (size_t)n : sizeof line - 2;
    for (size_t i = 0; i < length; i++)
        if (line[i] == '\n')
            line[i] = ' ';
    line[length] = '\n';
    ssize_t ignored = write(CANDIDATE_REPORT, line, length + 1);
    (void)ignored;
}

/* ---- Faults on purpose ------------------------------------------------------------------------------------------- */

static bool suffers(int number, const char *fault)
{
    const char *word = getenv("IJEPA_AUTOTUNE_FAULTS");
    for (; word && number > 0; number--) {
        word += strcspn(word, " ");
        word += strspn(word, " ");
    }
    size_t length = strlen(fault);
    return word && strncmp(word, fault, length) == 0 && (word[length] == 0 || word[length] == ' ');
}

/* ---- The trial --------------------------------------------------------------------------------------------------- */

static bool group_named(const char *name, ij_group *group)
{
    for (int g = 0; g < IJ_GROUPS; g++)
        if (strcmp(ij_group_name((ij_group)g), name) == 0) {
            *group = (ij_group)g;
            return true;
        }
    return false;
}

static ij_status put_choice(candidate *c)
{
    ij_device *d = c->trial.device;
    ij_tuned tuned = {.shape = {c->job.shape[0], c->job.shape[1]}};
    c->trial.clblast = strncmp(c->choice, "clblast", 7) == 0;
    if (c->trial.clblast)
        return c->choice[7] ? ij_tuning_db_override_clblast(d, "Xgemm", c->choice + 7) : IJ_OK;
    const char *why = ij_tuned_parse(c->job.group, c->choice, &tuned);
    if (!why)
        why = ij_choice_illegal(&d->tuning, tuned.of, &tuned.choice);
    if (why)
        return ij_fail(IJ_EINVAL, "%s: %s", c->choice, why);
    if (c->job.group == IJ_GROUP_DEVICE)
        ij_tuning_db_set_common(d, tuned.of, &tuned.choice);
    else if (!ij_tuning_put(&d->tuning, tuned))
        return ij_fail(IJ_ENOMEM, "out of memory");
    c->tuned = tuned;
    return IJ_OK;
}

/* Where the driver allowed smaller parameters only, something else was tried. */
static ij_status check_choice(const candidate *c)
{
    const ij_tuned *t = &c->tuned;
    if (!t->of)
        return IJ_OK;
    const ij_choice *now = ij_choice_for(&c->trial.device->tuning, t->of, t->shape[0], t->shape[1]);
    bool same = memcmp(now->value, t->choice.value, (size_t)t->of->count * sizeof *now->value) == 0;
    return same ? IJ_OK : ij_fail(IJ_EBUILD, "the driver does not allow these parameters");
}

/* How an operation is tried. */
typedef struct trials {
    ij_status (*check)(trial *t, const tune_use *use);
    ij_status (*time)(trial *t, const tune_use *use, double *seconds);
} trials;

static const trials all_trials[IJ_OPERATIONS] = {
    [IJ_OPERATION_PRODUCT] = {trial_check_product, trial_time_product},
    [IJ_OPERATION_ATTENTION] = {trial_check_attention, trial_time_attention},
    [IJ_OPERATION_LAYERNORM] = {trial_check_rows, trial_time_rows},
    [IJ_OPERATION_ADAMW] = {trial_check_rows, trial_time_rows}};

static ij_status find_trials(const tune_use *use, const trials **found)
{
    *found = &all_trials[use->what.kind];
    return (*found)->check ? IJ_OK : ij_fail(IJ_EINVAL, "there is no trial of operation %d", (int)use->what.kind);
}

static ij_status check(candidate *c)
{
    for (int i = 0; i < c->job.use_count; i++) {
        const trials *of;
        TRY(find_trials(&c->job.uses[i], &of));
        TRY(of->check(&c->trial, &c->job.uses[i]));
    }
    return IJ_OK;
}

static ij_status measure(candidate *c, double *seconds)
{
    *seconds = 0.0;
    for (int i = 0; i < c->job.use_count; i++) {
        const trials *of;
        double once;
        TRY(find_trials(&c->job.uses[i], &of));
        TRY(of->time(&c->trial, &c->job.uses[i], &once));
        *seconds += once * c->job.uses[i].calls;
    }
    return IJ_OK;
}

static ij_status run(candidate *c, int number)
{
    report("stage its build");
    if (suffers(number, "build"))
        return ij_fail(IJ_EBUILD, "a test wants this candidate not to build");
    if (suffers(number, "crash"))
        abort();
    while (suffers(number, "hang"))
        pause();
    c->trial.spoil = suffers(number, "wrong");
    c->trial.stray = suffers(number, "stray");
    TRY(put_choice(c));
    report("stage its check");
    TRY(check(c));
    TRY(check_choice(c));
    if (!(c->trial.error <= TRIAL_TOLERANCE)) {
        report("wrong relative error %.2g", c->trial.error);
        return IJ_OK;
    }
    report("stage its timing");
    double seconds;
    TRY(measure(c, &seconds));
    report("fast %.9g", seconds);
    return IJ_OK;
}

int candidate_main(int argc, char **argv)
{
    static candidate c;
    if (argc < 7 || argc > 6 + MOST_USES)
        return 2;
    c.choice = argv[3];
    c.trial.heads = c.job.heads = atoi(argv[4]);
    ij_random_start(&c.trial.random, 1, IJ_STREAM_TEST, 0, 0);
    for (int i = 6; i < argc; i++)
        if (!use_parse(&c.job.uses[c.job.use_count++], argv[i]))
            return 2;
    ij_status status = ij_device_open(&c.trial.device, argv[0]);
    if (!status &&
        (!group_named(argv[1], &c.job.group) || sscanf(argv[2], "%d,%d", &c.job.shape[0], &c.job.shape[1]) != 2))
        return 2;
    if (!status)
        status = run(&c, atoi(argv[5]));
    if (status)
        report("failed %s", ij_error());
    ij_device_close(c.trial.device);
    return 0;
}
