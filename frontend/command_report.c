/* `ijepa report`: a run as one page that can be looked at anywhere. */
#include "engine/base/try.h"
#include "engine/files/whole_file.h"
#include "frontend/command.h"
#include "frontend/message.h"
#include "frontend/options.h"
#include "frontend/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 512, LEAST = 2, MOST = 65536 };

static void print_help(void)
{
    printf(
        "Usage: ijepa report RUN_FOLDER --out OUT.html [--images PATH] [--eval RESULT.json] [--profile TRACE.json]\n"
        "                    [--tag TAG] [--device D] [--limit N] [--patch ROW,COLUMN]\n"
        "\n"
        "Writes what there is to see of a run into one HTML file that needs nothing else: curves of all that was\n"
        "logged; of the newest whole checkpoint the principal components of patches as colours, the attention of a\n"
        "patch, neighbours; crops with their masks; an evaluation; where a step's time goes; the configuration. The\n"
        "run may be going on; nothing in its folder is changed. What is not there is said in its place. Options:\n"
        "  --out OUT.html          the file; replaced where it exists\n"
        "  --images PATH           images to look at, as `ijepa data` takes them; default: those of the run\n"
        "  --eval RESULT.json      from `ijepa eval --save`; default: RUN_FOLDER/TAG-eval.json if there is one\n"
        "  --profile TRACE.json    from `bench step --profile`; default: RUN_FOLDER/TAG-profile.json if there is one\n"
        "  --tag TAG               which run, where the folder holds several\n"
        "  --device D              where the features are computed; default: the run's\n"
        "  --limit N               images that are shown to the model, evenly spread; %d unless told\n"
        "  --patch ROW,COLUMN      whose attention is drawn, from 1; default: one that stands out in each image\n"
        "\n"
        "Exit status: 0 done; 1 failed; 2 wrong usage.\n",
        (int)LIMIT);
}

static bool wrong(const char *what, const char *argument)
{
    ij_complain("%s%s%s; see `ijepa report --help`", what, *argument ? " " : "", argument);
    return false;
}

static bool read_limit(const char *text, int *limit)
{
    char *end = NULL;
    long value = text ? strtol(text, &end, 10) : 0;
    if (!end || *end || value < LEAST || value > MOST)
        return wrong("a number from 2 to 65536 must follow", "--limit");
    *limit = (int)value;
    return true;
}

/* The place is turned into a patch's number once the model is known. */
static bool read_place(const char *text, int place[2])
{
    char more;
    if (text && sscanf(text, "%d,%d%c", &place[0], &place[1], &more) == 2 && place[0] >= 1 && place[1] >= 1)
        return true;
    return wrong("ROW,COLUMN, numbers from 1, must follow", "--patch");
}

/* Reads argument *i where it is one of the options whose value is taken as it is. */
static bool read_text(ij_report_options *o, int argc, char **argv, int *i, bool *ok)
{
    const struct {
        const char *name, **value;
    } texts[] = {{"--out", &o->out},         {"--images", &o->images}, {"--eval", &o->eval},
                 {"--profile", &o->profile}, {"--tag", &o->tag},       {"--device", &o->device}};
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        if (ij_option_value(texts[k].name, argc, argv, i, texts[k].value)) {
            *ok = *texts[k].value || wrong("a value must follow", texts[k].name);
            return true;
        }
    return false;
}

static bool read_options(ij_report_options *o, int argc, char **argv)
{
    *o = (ij_report_options){.limit = LIMIT};
    for (int i = 0; i < argc; i++) {
        const char *value = NULL;
        bool ok = true;
        if (read_text(o, argc, argv, &i, &ok))
            ;
        else if (ij_option_value("--limit", argc, argv, &i, &value))
            ok = read_limit(value, &o->limit);
        else if (ij_option_value("--patch", argc, argv, &i, &value))
            ok = read_place(value, o->place);
        else if (argv[i][0] == '-' && argv[i][1])
            ok = wrong("unknown option", argv[i]);
        else if (o->folder)
            ok = wrong("one run at a time, not also", argv[i]);
        else
            o->folder = argv[i];
        if (!ok)
            return false;
    }
    if (!o->folder)
        return wrong("which run? Name its folder", "");
    if (!o->out)
        return wrong("where to? Name a file with --out", "");
    return true;
}

/* An earlier page is replaced when all of this one is there. */
static ij_status write_page(const ij_report *r, const char *path)
{
    ij_whole_file *file;
    char *text = NULL;
    size_t size = 0;
    TRY(ij_whole_file_create(&file, path)); /* before anything is computed: it may not be possible */
    FILE *out = open_memstream(&text, &size);
    ij_status status = out ? ij_report_write(r, out) : IJ_ENOMEM;
    if (!out || fclose(out))
        status = ij_fail(IJ_ENOMEM, "no memory for the page");
    if (!status)
        status = ij_whole_file_write(file, text, size);
    free(text);
    if (!status)
        return ij_whole_file_finish(file);
    ij_whole_file_abandon(file);
    return status;
}

static ij_status report(const ij_report_options *options)
{
    ij_report r;
    ij_status status = ij_report_open(&r, options);
    if (!status)
        status = write_page(&r, options->out);
    if (!status)
        printf("report: %s\n", options->out);
    ij_report_close(&r);
    return status;
}

int ij_command_report(int argc, char **argv)
{
    ij_report_options options;
    for (int i = 0; i < argc; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            print_help();
            return IJ_EXIT_DONE;
        }
    if (!read_options(&options, argc, argv))
        return IJ_EXIT_USAGE;
    if (!report(&options))
        return IJ_EXIT_DONE;
    ij_complain("%s", ij_error());
    return IJ_EXIT_FAILED;
}
