/* `ijepa search`: the images whose features are nearest to those of one. */
#include "engine/base/try.h"
#include "frontend/command.h"
#include "frontend/features_file.h"
#include "frontend/frozen.h"
#include "frontend/message.h"
#include "frontend/neighbours.h"
#include "frontend/options.h"
#include "frontend/row_pictures.h"
#include "frontend/sheet.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Images looked for unless told otherwise, and on a sheet at most; pixels of an image on it. */
enum { TOP = 10, MOST_TOP = 1000, MOST_SHEET = 400, CELL = 224 };

static void print_help(void)
{
    printf("Usage: ijepa search FEATURES.npy IMAGE [--top N] [--sheet OUT.png] [--model MODEL] [--device D]\n"
           "\n"
           "Prints the images whose features, written by `ijepa embed`, are nearest to those of IMAGE: a line each of\n"
           "cosine, row, path and label, separated by tabs. IMAGE is a path in FEATURES.csv, or the number of a row\n"
           "(from 0), which is left out of the answer; or any other image file, whose features are then computed by\n"
           "the model and in the way that FEATURES.json names. Options:\n"
           "  --top N          how many; %d unless told\n"
           "  --sheet OUT.png  draws IMAGE (outlined) and what was found, in this order\n"
           "  --model MODEL    the model, where it is no longer where FEATURES.json says\n"
           "  --device D       see `ijepa devices`\n"
           "\n"
           "Exit status: 0; 1 where something failed; 2 wrong usage.\n",
           (int)TOP);
}

typedef struct search_options {
    const char *features, *image, *sheet, *model, *device;
    int top;
    bool help;
} search_options;

static bool wrong(const char *what, const char *argument)
{
    ij_complain("%s%s%s; see `ijepa search --help`", what, *argument ? " " : "", argument);
    return false;
}

/* Reads argument *i where it is an option with a value. Returns whether it is one; *ok tells whether it was right. */
static bool read_valued(search_options *o, int argc, char **argv, int *i, bool *ok)
{
    const char *value = NULL;
    if (ij_option_value("--top", argc, argv, i, &value)) {
        char *end = NULL;
        long top = value ? strtol(value, &end, 10) : 0;
        *ok = (end && end != value && !*end && top >= 1 && top <= MOST_TOP) ||
              wrong("a number from 1 to 1000 must follow", "--top");
        o->top = (int)top;
    } else if (ij_option_value("--sheet", argc, argv, i, &value)) {
        o->sheet = value;
        *ok = value || wrong("a file must follow", "--sheet");
    } else if (ij_option_value("--model", argc, argv, i, &value)) {
        o->model = value;
        *ok = value || wrong("a model's file or folder must follow", "--model");
    } else if (ij_option_value("--device", argc, argv, i, &value)) {
        o->device = value;
        *ok = value || wrong("a device must follow", "--device");
    } else {
        return false;
    }
    return true;
}

static bool read_options(search_options *o, int argc, char **argv)
{
    *o = (search_options){.top = TOP};
    for (int i = 0; i < argc; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return o->help = true;
    for (int i = 0; i < argc; i++) {
        bool ok = true;
        if (read_valued(o, argc, argv, &i, &ok)) {
            if (!ok)
                return false;
        } else if (argv[i][0] == '-' && argv[i][1]) {
            return wrong("unknown option", argv[i]);
        } else if (!o->features) {
            o->features = argv[i];
        } else if (!o->image) {
            o->image = argv[i];
        } else {
            return wrong("one image at a time, not also", argv[i]);
        }
    }
    if (!o->features || !o->image)
        return wrong(o->features ? "which image? Name a file, or a row" : "where? Name a file of features", "");
    if (o->sheet && o->top >= MOST_SHEET)
        return wrong("a sheet shows fewer than 400 images: make --top smaller", "");
    return true;
}

/* ---- What is looked for ------------------------------------------------------------------------------------------ */

typedef struct hit {
    ij_neighbour neighbour;
    char *path, *label;
} hit;

typedef struct search {
    const search_options *options;
    ij_npy npy;
    ij_features_origin origin; /* where it was needed; model[0] is NUL before */
    int64_t query_row;         /* -1: an image file */
    float *query;              /* [npy.width] */
    hit *hits;                 /* [top + 1], the last for the query's own row */
    int found;
} search;

static char *copy_of(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

static bool match_path(void *context, int64_t number, const char *path, const char *label)
{
    search *s = context;
    (void)label;
    if (s->query_row < 0 && !strcmp(path, s->options->image))
        s->query_row = number;
    return true;
}

/* The row that IMAGE names, by its path or its number; query_row stays -1 where it names none. */
static ij_status find_row(search *s)
{
    int64_t rows;
    const char *image = s->options->image;
    s->query_row = -1;
    TRY(ij_features_rows(s->options->features, match_path, s, &rows));
    if (rows != s->npy.rows)
        return ij_fail(IJ_EFORMAT,
                       "%s has %" PRId64 " rows and the .csv beside it %" PRId64 ": they do not belong together",
                       s->options->features, s->npy.rows, rows);
    if (s->query_row >= 0 || !*image || strspn(image, "0123456789") != strlen(image))
        return IJ_OK;
    errno = 0;
    s->query_row = strtoll(image, NULL, 10);
    if (errno || s->query_row >= rows)
        return ij_fail(IJ_EINVAL, "there is no row %s: the last is %" PRId64, image, rows - 1);
    return IJ_OK;
}

static ij_status take_query(void *context, const ij_features_batch *batch)
{
    search *s = context;
    if (batch->floats != s->npy.width)
        return ij_fail(IJ_EINVAL,
                       "the model makes %" PRId64 " floats of an image, and %s has rows of %" PRId64
                       ": it is not the one that made them",
                       batch->floats, s->options->features, s->npy.width);
    memcpy(s->query, batch->features, (size_t)batch->floats * sizeof *s->query);
    return IJ_OK;
}

static ij_status read_origin(search *s)
{
    if (*s->origin.model)
        return IJ_OK;
    return ij_features_origin_read(&s->origin, s->options->features);
}

/* The features of an image file, made as the others were. */
static ij_status embed_query(search *s)
{
    ij_dataset *dataset = NULL;
    ij_frozen frozen = {0};
    ij_status status = ij_dataset_open_image(&dataset, s->options->image);
    if (status)
        return ij_fail_in(status, "%s is neither a row nor an image: ", s->options->image);
    status = read_origin(s);
    s->origin.encoder.batch = 1;
    if (!status)
        status = ij_frozen_open(&frozen, s->options->model ? s->options->model : s->origin.model, s->options->device,
                                &s->origin.encoder);
    if (!status)
        status = ij_features_run(&(ij_features_job){.dataset = dataset,
                                                    .encoder = frozen.encoder,
                                                    .fit = s->origin.fit,
                                                    .workers = 1,
                                                    .quiet = true,
                                                    .take = take_query,
                                                    .taker = s},
                                 NULL);
    ij_frozen_close(&frozen);
    ij_dataset_close(dataset);
    return status;
}

static bool name_hits(void *context, int64_t number, const char *path, const char *label)
{
    search *s = context;
    for (int i = 0; i <= s->found; i++) {
        hit *h = &s->hits[i];
        if (h->neighbour.row != number)
            continue;
        h->path = copy_of(path);
        h->label = copy_of(label);
    }
    return true;
}

static ij_status find(search *s)
{
    size_t top = (size_t)s->options->top;
    s->query = malloc((size_t)s->npy.width * sizeof *s->query);
    s->hits = calloc(top + 1, sizeof *s->hits);
    ij_neighbour *found = malloc(top * sizeof *found);
    ij_status status = s->query && s->hits && found ? IJ_OK : ij_fail(IJ_ENOMEM, "no memory for %zu neighbours", top);
    if (!status)
        status = find_row(s);
    if (!status)
        status = s->query_row >= 0 ? ij_npy_read(&s->npy, s->query_row, 1, s->query) : embed_query(s);
    if (!status)
        status = ij_neighbours_find(&s->npy, s->query, s->query_row, s->options->top, found, &s->found);
    for (int i = 0; i < s->found && !status; i++)
        s->hits[i].neighbour = found[i];
    free(found);
    if (status)
        return status;
    s->hits[s->found].neighbour.row = s->query_row;
    TRY(ij_features_rows(s->options->features, name_hits, s, NULL));
    for (int i = 0; i < s->found; i++)
        if (!s->hits[i].path || !s->hits[i].label)
            return ij_fail(IJ_ENOMEM, "no memory for the paths of %d neighbours", s->found);
    return IJ_OK;
}

/* ---- The sheet --------------------------------------------------------------------------------------------------- */

/* What was looked for is the first picture, what was found follows. */
static ij_status read_pictures(search *s, const char **paths, uint8_t *pixels)
{
    for (int i = 0; i < s->found; i++)
        paths[i + 1] = s->hits[i].path;
    paths[0] = s->hits[s->found].path; /* NULL where it was no row */
    TRY(read_origin(s));
    TRY(ij_row_pictures(&s->origin, paths, s->found + 1, CELL, pixels));
    return s->query_row < 0 ? ij_file_picture(s->options->image, CELL, pixels) : IJ_OK;
}

static ij_status write_sheet(search *s)
{
    ij_sheet sheet = {0};
    size_t count = (size_t)s->found + 1;
    const char **paths = calloc(count, sizeof *paths);
    uint8_t *pixels = calloc(count, (size_t)CELL * CELL * 3);
    ij_status status = paths && pixels ? IJ_OK : ij_fail(IJ_ENOMEM, "no memory for a sheet of %zu images", count);
    if (!status)
        status = read_pictures(s, paths, pixels);
    if (!status)
        status = ij_sheet_images(&sheet, pixels, (int)count, CELL, 1);
    if (!status)
        status = ij_sheet_write(&sheet, s->options->sheet);
    ij_sheet_free(&sheet);
    free(paths);
    free(pixels);
    return status;
}

/* ---- All --------------------------------------------------------------------------------------------------------- */

/* One line whatever the text holds. */
static void print_text(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 32 || *c == 127)
            printf("\\x%02x", *c);
        else
            putchar(*c);
}

static void print_hits(const search *s)
{
    for (int i = 0; i < s->found; i++) {
        const hit *h = &s->hits[i];
        printf("%.6f\t%" PRId64 "\t", h->neighbour.cosine, h->neighbour.row);
        print_text(h->path);
        putchar('\t');
        print_text(h->label);
        putchar('\n');
    }
}

static int run(const search_options *o)
{
    search s = {.options = o};
    ij_status status = ij_npy_open(&s.npy, o->features);
    if (!status)
        status = find(&s);
    if (!status)
        print_hits(&s);
    if (!status && o->sheet)
        status = write_sheet(&s);
    if (status)
        ij_complain("%s", ij_error());
    for (int i = 0; s.hits && i <= o->top; i++) {
        free(s.hits[i].path);
        free(s.hits[i].label);
    }
    free(s.hits);
    free(s.query);
    ij_npy_close(&s.npy);
    return status ? IJ_EXIT_FAILED : IJ_EXIT_DONE;
}

int ij_command_search(int argc, char **argv)
{
    search_options options;
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
