/* `ijepa eval`: how much a frozen encoder knows. */
#include "engine/files/whole_file.h"
#include "engine/probe/split.h"
#include "frontend/command.h"
#include "frontend/evaluation.h"
#include "frontend/interrupt.h"
#include "frontend/message.h"
#include "frontend/options.h"
#include "frontend/team.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(void)
{
    puts("Usage: ijepa eval MODEL --train PATH (--test PATH | --validation SHARE) [OPTION...]\n"
         "\n"
         "Measures what the frozen (target) encoder in MODEL has learnt: classifiers learn from its features of the\n"
         "training images and are tested on the test images. MODEL is a checkpoint of this program, a folder or file\n"
         "of Hugging Face's transformers, or a .pth.tar of the official code. PATH is a folder with a folder a class,\n"
         "or labelled shards, lists or IDX files. Measured are:\n"
         "  linear    softmax regression on standardised features, its weight decay chosen on a fifth of the training\n"
         "            images that is held out: top-1, top-5, each class, confusion\n"
         "  k-NN      votes of the 10, 20, 100 and 200 nearest training images by cosine, temperature 0.07\n"
         "  few       the linear probe with 1 % and 10 % of the labels, five draws\n"
         "  ridge     a ridge classifier in closed form; quick\n"
         "each for the last layer and the last four, for the mean over the patches and the means of the quadrants\n"
         "(2x2), and beside the same for the random start of the training and for raw pixels. docs/evaluation.md says\n"
         "how to read it. Options:\n"
         "  --heads LIST     which of linear, knn, few and ridge, with commas between; linear,knn,few\n"
         "  --rows LIST      which of trained, random and pixels; all three\n"
         "  --validation SHARE  test on this share of each class of the training images (by --seed), which then are\n"
         "                   not learnt from: to choose settings without a look at the test images\n"
         "  --json           all results as JSON\n"
         "  --save FILE      the same into a file, beside what is printed: RUN_FOLDER/TAG-eval.json is where `ijepa\n"
         "                   report` looks for it\n"
         "  --shots N        few labels are N images of each class\n"
         "  --target COLUMN  learn a number: PATHs are tables \"path,COLUMN,...\" (CSV); ridge regression, R2 and the\n"
         "                   mean absolute error; counts (whole numbers, at most 64 different ones) also as classes\n"
         "  --limit N        at most N images of each class from each data set\n"
         "  --seed N         of what is held out and drawn, and of the random start where MODEL does not say; 0\n"
         "  --device D       see `ijepa devices`; a list, 0,1, for the ranks that mpirun or srun start, which compute\n"
        "                   features together\n"
         "\n"
         "Features are kept in the cache folder (IJEPA_CACHE; off: nowhere), so that the same model and images are\n"
         "measured again without computing them. Exit status: 0; 1 where something failed; 2 wrong usage; 128 + N\n"
         "where signal N ended it.");
}

typedef struct eval_options {
    const char *model, *train, *test, *target, *device, *save;
    int64_t shots, limit, seed;
    double validation; /* 0: there is a test set */
    bool heads[IJ_EVAL_HEADS], rows[IJ_EVAL_SOURCES];
    bool json, help;
} eval_options;

static bool wrong(const char *what, const char *argument)
{
    ij_complain("%s%s%s; see `ijepa eval --help`", what, *argument ? " " : "", argument);
    return false;
}

static bool read_text(const char *name, const char *value, const char **text)
{
    *text = value;
    return (value && *value) || wrong("a value must follow", name);
}

static bool read_number(const char *name, const char *value, int64_t least, int64_t *number)
{
    char what[80], *end = NULL;
    *number = value ? strtoll(value, &end, 10) : 0;
    snprintf(what, sizeof what, "a number from %lld to 1000000000 must follow %s, not", (long long)least, name);
    return (end && end != value && !*end && *number >= least && *number <= 1000000000) ||
           wrong(what, value ? value : "nothing");
}

static const char *const head_names[IJ_EVAL_HEADS + 1] = {
    [IJ_EVAL_LINEAR] = "linear", [IJ_EVAL_KNN] = "knn", [IJ_EVAL_FEW_LABELS] = "few", [IJ_EVAL_RIDGE] = "ridge"};
static const char *const row_names[IJ_EVAL_SOURCES + 1] = {
    [IJ_EVAL_TRAINED] = "trained", [IJ_EVAL_RANDOM] = "random", [IJ_EVAL_PIXELS] = "pixels"};

/* Those of `names` that `value` lists, with commas between; the others are not wanted. */
static bool read_list(const char *option, const char *value, const char *const *names, bool *wanted)
{
    for (int i = 0; names[i]; i++)
        wanted[i] = false;
    for (const char *at = value; at && *at;) {
        size_t length = strcspn(at, ",");
        int i = 0;
        while (names[i] && (strlen(names[i]) != length || strncmp(names[i], at, length)))
            i++;
        if (!names[i]) {
            ij_complain("%s takes %s, %s, %s%s%s, not \"%.*s\"; see `ijepa eval --help`", option, names[0], names[1],
                        names[2], names[3] ? ", " : "", names[3] ? names[3] : "", (int)length, at);
            return false;
        }
        wanted[i] = true;
        at += length + (at[length] == ',');
    }
    return (value && *value) || wrong("a value must follow", option);
}

static bool read_share(const char *option, const char *value, double *share)
{
    char *end = NULL, what[80];
    *share = value ? strtod(value, &end) : 0;
    snprintf(what, sizeof what, "a share between 0 and 1 must follow %s, not", option);
    return (end && end != value && !*end && *share > 0 && *share < 1) || wrong(what, value ? value : "nothing");
}

/* Reads argument *i where it is an option with a value. Returns whether it is one; *ok tells whether it was right. */
static bool read_valued(eval_options *o, int argc, char **argv, int *i, bool *ok)
{
    const char *value = NULL;
    const struct {
        const char *name;
        const char **text;
    } texts[] = {{"--train", &o->train},
                 {"--test", &o->test},
                 {"--target", &o->target},
                 {"--device", &o->device},
                 {"--save", &o->save}};
    const struct {
        const char *name;
        int64_t least, *number;
    } numbers[] = {{"--shots", 1, &o->shots}, {"--limit", 1, &o->limit}, {"--seed", 0, &o->seed}};
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        if (ij_option_value(texts[k].name, argc, argv, i, &value)) {
            *ok = read_text(texts[k].name, value, texts[k].text);
            return true;
        }
    if (ij_option_value("--heads", argc, argv, i, &value)) {
        *ok = read_list("--heads", value, head_names, o->heads);
        return true;
    }
    if (ij_option_value("--rows", argc, argv, i, &value)) {
        *ok = read_list("--rows", value, row_names, o->rows);
        return true;
    }
    if (ij_option_value("--validation", argc, argv, i, &value)) {
        *ok = read_share("--validation", value, &o->validation);
        return true;
    }
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        if (ij_option_value(numbers[k].name, argc, argv, i, &value)) {
            *ok = read_number(numbers[k].name, value, numbers[k].least, numbers[k].number);
            return true;
        }
    return false;
}

static bool read_options(eval_options *o, int argc, char **argv)
{
    *o = (eval_options){.heads = {[IJ_EVAL_LINEAR] = true, [IJ_EVAL_KNN] = true, [IJ_EVAL_FEW_LABELS] = true},
                        .rows = {true, true, true}};
    for (int i = 0; i < argc; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return o->help = true;
    for (int i = 0; i < argc; i++) {
        bool ok = true;
        if (read_valued(o, argc, argv, &i, &ok)) {
            if (!ok)
                return false;
        } else if (!strcmp(argv[i], "--json")) {
            o->json = true;
        } else if (argv[i][0] == '-' && argv[i][1]) {
            return wrong("unknown option", argv[i]);
        } else if (!o->model) {
            o->model = argv[i];
        } else {
            return wrong("one model at a time, not also", argv[i]);
        }
    }
    if (!o->model)
        return wrong("which model? Name a file", "");
    if (o->test && o->validation > 0)
        return wrong("either --test or --validation, not both", "");
    return (o->train && (o->test || o->validation > 0)) ||
           wrong(o->train ? "tested on what? Add --test PATH or --validation SHARE" : "add --train PATH", "");
}

/* ---- Data -------------------------------------------------------------------------------------------------------- */

static ij_status open_set(ij_labelled_set *set, const char *path, const eval_options *o)
{
    ij_status status = ij_labelled_set_open(set, path, o->limit, o->target);
    for (int i = 0; !status && i < ij_dataset_notes(set->dataset); i++)
        ij_complain("note: %s", ij_dataset_note(set->dataset, i));
    return status;
}

/* Classes that have images to learn from. */
static int classes_present(const ij_labelled_set *set)
{
    int first = -1, present = 0;
    for (int64_t i = 0; i < set->n && present < 2; i++)
        if (set->labels[i] != first) {
            first = set->labels[i];
            present++;
        }
    return present;
}

/* What is wrong with the images is said before anything is computed. */
static ij_status check_sets(ij_labelled_set *train, ij_labelled_set *test, const eval_options *o)
{
    if (o->target) {
        if (!ij_labelled_set_count(train, test, IJ_EVAL_COUNTS))
            train->classes = test->classes = 0;
        if (o->shots && !train->classes)
            return ij_fail(IJ_EINVAL, "--shots takes images of each class, and the numbers in column %s are no counts",
                           o->target);
    } else {
        ij_status status = ij_labelled_set_match(test, train);
        if (status)
            return status;
        if (classes_present(train) < 2)
            return ij_fail(IJ_EINVAL, "the training images in %s are all of one class: there is nothing to tell apart",
                           train->path);
    }
    if (train->n < 10)
        return ij_fail(IJ_EINVAL, "%s has %lld images to learn from: ten are needed", train->path, (long long)train->n);
    if (!strcmp(train->path, test->path) && !(o->validation > 0))
        ij_complain("note: training and test images are the same: what follows says nothing about new ones");
    if (!o->shots)
        return IJ_OK;
    const ij_labelled labels = {.labels = train->labels, .n = train->n, .classes = train->classes};
    int64_t *chosen = malloc((size_t)train->n * sizeof *chosen), count;
    ij_status status = chosen ? ij_split_few(&labels, o->shots, 0, 0, 0, chosen, &count)
                              : ij_fail(IJ_ENOMEM, "no host memory to draw images");
    free(chosen);
    return status ? ij_fail_in(status, "--shots: ") : IJ_OK;
}

/* ---- All --------------------------------------------------------------------------------------------------------- */

static ij_status measure(ij_evaluation *e, const eval_options *o, const ij_team *team)
{
    char device[256];
    ij_status status = ij_model_file_open(&e->file, o->model);
    const ij_model_file_info *info = status ? NULL : ij_model_file_describe(e->file);
    if (!status && !info->target_encoder && !info->encoder)
        status = ij_fail(IJ_EFORMAT, "%s: holds no encoder to evaluate", o->model);
    if (!status)
        status = open_set(e->train, o->train, o);
    if (!status)
        status = open_set(e->test, o->validation > 0 ? o->train : o->test, o);
    if (!status && o->validation > 0)
        status = ij_labelled_set_part(e->train, e->test, o->validation, (uint64_t)o->seed);
    if (!status)
        status = check_sets(e->train, e->test, o);
    if (!status)
        status = ij_team_device(team, o->device ? o->device : "", device, sizeof device);
    if (!status)
        status = ij_device_open(&e->device, device);
    if (status)
        return status;
    e->ranks = team->ranks;
    if (*ij_device_notes(e->device))
        ij_complain("note: %s", ij_device_notes(e->device));
    memcpy(e->heads, o->heads, sizeof e->heads);
    memcpy(e->sources, o->rows, sizeof e->sources);
    e->shots = o->shots;
    e->seed = (uint64_t)o->seed;
    if (!o->json) {
        const ij_model_config *m = &info->model;
        printf("model:  %s\n        %s encoder, width %d, blocks %d", o->model,
               info->target_encoder ? "target" : "context", m->dim, m->depth);
        printf(info->iteration >= 0 ? ", after %lld steps\n" : "\n", (long long)info->iteration);
        printf("device: %d: %s\n", ij_device_describe(e->device)->index, ij_device_describe(e->device)->name);
        fflush(stdout);
    }
    return ij_evaluation_run(e);
}

/* `saved` is NULL where nothing is to be kept. */
static ij_status tell(const ij_evaluation *e, const eval_options *o, ij_whole_file *saved)
{
    char *json = NULL;
    ij_status status = IJ_OK;
    if (o->json || saved)
        status = ij_evaluation_json(e, o->model, o->target, &json);
    if (!status && saved)
        status = ij_whole_file_write(saved, json, strlen(json));
    if (!status && o->json)
        puts(json);
    else if (!status)
        ij_evaluation_print(e);
    free(json);
    return status;
}

/* The file is begun first: where that cannot be, nothing is computed for it. */
static ij_status evaluate(ij_evaluation *e, const eval_options *o, const ij_team *team)
{
    ij_whole_file *saved = NULL;
    ij_status status = o->save && team->leads ? ij_whole_file_create(&saved, o->save) : IJ_OK;
    if (status)
        return status;
    status = measure(e, o, team);
    if (!status && team->leads)
        status = tell(e, o, saved);
    if (status || !saved) {
        ij_whole_file_abandon(saved);
        return status;
    }
    return ij_whole_file_finish(saved);
}

static int run(const eval_options *o)
{
    ij_team team;
    ij_labelled_set train = {0}, test = {0};
    ij_evaluation *e = calloc(1, sizeof *e);
    int exit_status = IJ_EXIT_DONE;
    if (!e) {
        ij_complain("out of memory");
        return IJ_EXIT_FAILED;
    }
    e->train = &train;
    e->test = &test;
    ij_interrupt_catch("ending soon, without results");
    if (ij_team_open(&team) || evaluate(e, o, &team)) {
        ij_complain("%s", ij_error());
        exit_status = ij_interrupt_signal() ? 128 + ij_interrupt_signal() : IJ_EXIT_FAILED;
        ij_team_fail(&team, exit_status);
    }
    ij_evaluation_free(e);
    if (e->device)
        ij_device_close(e->device);
    ij_model_file_close(e->file);
    ij_labelled_set_close(&train);
    ij_labelled_set_close(&test);
    ij_team_close(&team);
    free(e);
    return exit_status;
}

int ij_command_eval(int argc, char **argv)
{
    eval_options options;
    if (!read_options(&options, argc, argv))
        return IJ_EXIT_USAGE;
    int exit_status = IJ_EXIT_DONE;
    if (options.help)
        print_help();
    else
        exit_status = run(&options);
    if (fflush(stdout) && !exit_status) {
        ij_complain("cannot write the output");
        exit_status = IJ_EXIT_FAILED;
    }
    return exit_status;
}
