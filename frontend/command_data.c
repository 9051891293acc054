/* `ijepa data`: tells what is in a folder of images and what in it cannot be read; draws crops with their masks. */
#include "data/dataset.h"
#include "data/loader.h"
#include "frontend/clock.h"
#include "frontend/command.h"
#include "frontend/example_batch.h"
#include "frontend/message.h"
#include "frontend/options.h"
#include "frontend/sheet.h"
#include "frontend/survey.h"
#include "ini/convert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Images whose headers are read where not all are: enough for a median, and a few seconds. */
enum { SAMPLE = 20000, SHEET_IMAGES = 12, MOST_SHEET_IMAGES = 400 };

static void print_help(void)
{
    printf(
        "Usage: ijepa data PATH [--check] [--config CONFIG.ini [--set section.key=value]...] [--sheet OUT.png]\n"
        "\n"
        "Tells what training would find at PATH (a folder, tar shards, an IDX file or a list of paths): images,\n"
        "classes, sizes, formats, and which images cannot be read and why. It looks at the headers of all images,\n"
        "or of %d evenly spread ones where there are more. Options:\n"
        "  --check              decodes every image to its end, with all processors\n"
        "  --sheet OUT.png      draws the crops of a training batch, with what the encoder gets to see (bright) and\n"
        "                       the blocks that the predictor has to fill in (outlined)\n"
        "  --config CONFIG.ini  the configuration whose crops and masks the sheet shows, and whose data.max_pixels is\n"
        "                       the limit above which an image cannot be read; %lld pixels unless told\n"
        "  --set ...            replaces one value of it; may be repeated. run.seed=N shows other crops\n"
        "  --images N           crops on the sheet; %d unless told\n"
        "\n"
        "Exit status: 0; 1 where an image that was looked at cannot be read, or something failed; 2 wrong usage.\n",
        (int)SAMPLE, (long long)IJ_MAX_PIXELS_DEFAULT, (int)SHEET_IMAGES);
}

typedef struct data_options {
    const char *path, *sheet;
    ij_options config; /* its path NULL: none was named */
    bool check, help;
    int images;
} data_options;

static bool wrong(const char *what, const char *argument)
{
    ij_complain("%s%s%s; see `ijepa data --help`", what, *argument ? " " : "", argument);
    return false;
}

/* Reads argument *i where it is an option with a value. Returns whether it is one; *ok tells whether it was right. */
static bool read_valued(data_options *o, int argc, char **argv, int *i, bool *ok)
{
    const char *value = NULL;
    if (ij_option_value("--sheet", argc, argv, i, &value)) {
        o->sheet = value;
        *ok = value || wrong("a file must follow", "--sheet");
    } else if (ij_option_value("--config", argc, argv, i, &value)) {
        o->config.path = value;
        *ok = value || wrong("an INI file must follow", "--config");
    } else if (ij_option_value("--set", argc, argv, i, &value)) {
        o->config.sets[o->config.n_sets++] = value;
        *ok = value || wrong("a section.key=value must follow", "--set");
    } else if (ij_option_value("--images", argc, argv, i, &value)) {
        char *end = NULL;
        long images = value ? strtol(value, &end, 10) : 0;
        *ok = (end && !*end && images >= 1 && images <= MOST_SHEET_IMAGES) ||
              wrong("a number from 1 to 400 must follow", "--images");
        o->images = (int)images;
    } else {
        return false;
    }
    return true;
}

static bool read_options(data_options *o, int argc, char **argv)
{
    *o = (data_options){.images = SHEET_IMAGES};
    for (int i = 0; i < argc; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return o->help = true;
    o->config.sets = calloc((size_t)argc + 1, sizeof *o->config.sets);
    if (!o->config.sets)
        return wrong("out of memory", "");
    for (int i = 0; i < argc; i++) {
        bool ok = true;
        if (read_valued(o, argc, argv, &i, &ok)) {
            if (!ok)
                return false;
        } else if (!strcmp(argv[i], "--check")) {
            o->check = true;
        } else if (argv[i][0] == '-' && argv[i][1]) {
            return wrong("unknown option", argv[i]);
        } else if (o->path) {
            return wrong("one data set at a time, not also", argv[i]);
        } else {
            o->path = argv[i];
        }
    }
    if (!o->path)
        return wrong("which images? Name a folder", "");
    if (o->sheet && !o->config.path)
        return wrong("--sheet needs --config CONFIG.ini, whose crops and masks it shows", "");
    if (o->config.n_sets && !o->config.path)
        return wrong("--set needs --config CONFIG.ini, one value of which it replaces", "");
    return true;
}

/* ---- The report ------------------------------------------------------------------------------------------------- */

typedef struct report {
    const ij_dataset *dataset;
    bool terminal, shown; /* a progress line is on the terminal */
    double started, last; /* ij_clock */
} report;

static void clear_line(report *r)
{
    if (r->shown)
        fputs("\r\x1b[K", stdout);
    r->shown = false;
}

/* One line whatever the name holds. */
static void print_name(const char *name)
{
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        if (*c < 32 || *c == 127)
            printf("\\x%02x", *c);
        else
            putchar(*c);
}

static void print_unreadable(void *context, int64_t sample, const char *reason)
{
    report *r = context;
    char path[4096];
    ij_dataset_path(r->dataset, sample, path, sizeof path);
    clear_line(r);
    fputs("unreadable: ", stdout);
    print_name(path);
    printf(": %s\n", reason);
}

static void print_progress(void *context, int64_t done, int64_t of)
{
    report *r = context;
    double now = ij_clock(), seconds = now - r->started;
    if (now - r->last < (r->terminal ? 0.2 : 10) || done == of)
        return;
    r->last = now;
    char left[32];
    ij_clock_format((double)(of - done) * seconds / (double)done, left, sizeof left);
    printf("%s%lld of %lld images  %.0f images/s  %s left%s", r->terminal ? "\r" : "", (long long)done, (long long)of,
           (double)done / seconds, left, r->terminal ? "\x1b[K" : "\n");
    r->shown = r->terminal;
    fflush(stdout);
}

/* The classes with the fewest and the most images. */
static ij_status print_classes(const ij_dataset *dataset)
{
    int classes = ij_dataset_classes(dataset), fewest = 0, most = 0;
    if (!classes) {
        puts("classes: none, the images have no labels");
        return IJ_OK;
    }
    int64_t *images = calloc((size_t)classes, sizeof *images);
    if (!images)
        return ij_fail(IJ_ENOMEM, "no memory to count %d classes", classes);
    for (int64_t i = 0; i < ij_dataset_count(dataset); i++) {
        int label = ij_dataset_label(dataset, i);
        if (label >= 0 && label < classes)
            images[label]++;
    }
    for (int c = 1; c < classes; c++) {
        fewest = images[c] < images[fewest] ? c : fewest;
        most = images[c] > images[most] ? c : most;
    }
    if (images[fewest] == images[most]) {
        printf("classes: %d, %lld image%s each\n", classes, (long long)images[most], images[most] == 1 ? "" : "s");
    } else {
        printf("classes: %d, of %lld images (", classes, (long long)images[fewest]);
        print_name(ij_dataset_class_name(dataset, fewest));
        printf(") to %lld (", (long long)images[most]);
        print_name(ij_dataset_class_name(dataset, most));
        puts(")");
    }
    free(images);
    return IJ_OK;
}

static void print_survey(const ij_survey *s, int64_t count, bool decoded, double seconds)
{
    if (decoded)
        printf("checked: all %lld images decoded, %.0f a second\n", (long long)s->looked,
               (double)s->looked / (seconds > 1e-6 ? seconds : 1e-6));
    else if (s->looked < count)
        printf("looked:  at the headers of %lld images, evenly spread over the %lld\n", (long long)s->looked,
               (long long)count);
    else
        printf("looked:  at the headers of all images\n");
    if (s->looked > s->unreadable) {
        printf("sizes:   width %d to %d, median %d; height %d to %d, median %d pixels\n", s->width.least, s->width.most,
               s->width.median, s->height.least, s->height.most, s->height.median);
        printf("formats:");
        const char *comma = "";
        for (int f = 0; f < IJ_FORMATS; f++)
            if (s->formats[f]) {
                printf("%s %lld %s", comma, (long long)s->formats[f], ij_format_name((ij_format)f));
                comma = ";";
            }
        puts("");
    }
    if (s->unreadable)
        printf("unreadable: %lld of %lld\n", (long long)s->unreadable, (long long)s->looked);
    else
        puts("unreadable: none");
}

/* max_pixels: larger images are unreadable; 0 for the default. *unreadable: how many of the images looked at. */
static ij_status print_report(const ij_dataset *dataset, const char *path, bool decode, int64_t max_pixels,
                              int64_t *unreadable)
{
    int64_t count = ij_dataset_count(dataset), ignored = ij_dataset_ignored(dataset);
    report r = {.dataset = dataset, .terminal = isatty(STDOUT_FILENO), .started = ij_clock()};
    r.last = r.started;
    printf("images:  %lld in ", (long long)count);
    print_name(path);
    if (ignored)
        printf(" (%lld other file%s passed over)", (long long)ignored, ignored == 1 ? "" : "s");
    puts("");
    for (int i = 0; i < ij_dataset_notes(dataset); i++)
        ij_complain("note: %s", ij_dataset_note(dataset, i));
    ij_status status = print_classes(dataset);
    if (status)
        return status;
    fflush(stdout);
    ij_survey survey;
    status = ij_survey_run(&survey, &(ij_survey_config){.dataset = dataset,
                                                        .most = decode ? 0 : SAMPLE,
                                                        .decode = decode,
                                                        .max_pixels = max_pixels,
                                                        .unreadable = print_unreadable,
                                                        .progress = print_progress,
                                                        .context = &r});
    clear_line(&r);
    if (status)
        return status;
    print_survey(&survey, count, decode, ij_clock() - r.started);
    *unreadable = survey.unreadable;
    return IJ_OK;
}

/* ---- The sheet -------------------------------------------------------------------------------------------------- */

static ij_status write_sheet(const ij_dataset *dataset, const data_options *o, const ij_config *config)
{
    ij_batch batch;
    ij_sheet sheet = {0};
    int side;
    ij_status status = ij_example_batch_load(&batch, config, dataset, o->images, &side);
    if (status)
        return status;
    bool rectangles = !config->mask.joint && config->mask.sampler == IJ_CONFIG_SAMPLER_MULTIBLOCK;
    status = ij_sheet_draw(&sheet, &batch, batch.images, side);
    if (!status)
        status = ij_sheet_write(&sheet, o->sheet);
    if (!status)
        printf("sheet:   %s: %d crops of %d pixels, contexts of %.0f patches on average and %d %s of %d, of %d x %d\n",
               o->sheet, batch.images, batch.crop,
               (double)batch.context_offset[batch.contexts * batch.images] / (batch.contexts * batch.images),
               batch.targets,
               rectangles           ? "target blocks"
               : batch.targets == 1 ? "target set"
                                    : "target sets",
               batch.target_length, side, side);
    ij_sheet_free(&sheet);
    ij_example_batch_free(&batch);
    return status;
}

/* ---- All -------------------------------------------------------------------------------------------------------- */

static int run(const data_options *o)
{
    ij_config *config = calloc(1, sizeof *config);
    ij_dataset *dataset = NULL;
    int64_t unreadable = 0;
    int exit_status = IJ_EXIT_FAILED;
    if (!config)
        ij_complain("out of memory");
    else if (o->config.path && !ij_options_config(&o->config, config))
        exit_status = IJ_EXIT_FAILED; /* it has complained */
    else if (ij_dataset_open(&dataset, o->path) ||
             print_report(dataset, o->path, o->check, config->data.max_pixels, &unreadable) ||
             (o->sheet && write_sheet(dataset, o, config)))
        ij_complain("%s", ij_error());
    else if (unreadable)
        ij_complain("%lld image%s cannot be read", (long long)unreadable, unreadable == 1 ? "" : "s");
    else
        exit_status = IJ_EXIT_DONE;
    ij_dataset_close(dataset);
    free(config);
    return exit_status;
}

int ij_command_data(int argc, char **argv)
{
    data_options options;
    int exit_status = IJ_EXIT_USAGE;
    if (read_options(&options, argc, argv)) {
        exit_status = IJ_EXIT_DONE;
        if (options.help)
            print_help();
        else
            exit_status = run(&options);
    }
    ij_options_free(&options.config);
    if (fflush(stdout) && !exit_status) {
        ij_complain("cannot write the output");
        exit_status = IJ_EXIT_FAILED;
    }
    return exit_status;
}
