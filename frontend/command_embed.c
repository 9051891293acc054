/* `ijepa embed`: the features of a data set's images, into a file. */
#include "frontend/command.h"
#include "frontend/features_file.h"
#include "frontend/frozen.h"
#include "frontend/interrupt.h"
#include "frontend/message.h"
#include "frontend/options.h"
#include "frontend/team.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(void)
{
    puts(
        "Usage: ijepa embed MODEL IMAGES --out FEATURES.npy [OPTION...]\n"
        "\n"
        "Writes what a trained encoder makes of each image. MODEL is a checkpoint of this program, a folder or file\n"
        "of Hugging Face's transformers, or a .pth.tar of the official code. IMAGES is a folder, a list of paths, tar\n"
        "shards or an IDX file. FEATURES.npy is NumPy's, float32, a row an image; FEATURES.csv beside it says which\n"
        "(path,label), FEATURES.json how it was made. Options:\n"
        "  --encoder target|context    the moving average, unless told otherwise, or the one that was trained\n"
        "  --layers N                  the last N blocks' results, the oldest first, each through the final\n"
        "                              LayerNorm, side by side; 1 unless told\n"
        "  --pool mean|2x2|none        the mean over the patches, unless told otherwise; the means of the four\n"
        "                              quadrants, side by side; all patches: an array [images, patches, floats]\n"
        "  --resize shorter|squash|none  shorter side to S 256/224 and the middle S x S, as the paper's evaluation\n"
        "                              (unless told otherwise); both sides to S, as Hugging Face's processor;\n"
        "                              as they are, which must be S x S\n"
        "  --crop S                    pixels a side; those of training unless told. A multiple of the patch size\n"
        "  --positions compute|interpolate  for another grid than training's: sine-cosine positions for it, or the\n"
        "                              model's table, bicubically, as PyTorch's interpolate\n"
        "  --batch N                   images at a time; chosen from the device's memory unless told\n"
        "  --device D                  see `ijepa devices`; a list, 0,1, for ranks\n"
        "Started by mpirun or srun, ranks compute batches in turn and rank 0 writes.\n"
        "\n"
        "Images that cannot be read are named and left out. Nothing appears under FEATURES before all is done.\n"
        "Exit status: 0; 1 where something failed; 2 wrong usage; 128 + N where signal N ended it.");
}

typedef struct embed_options {
    const char *model, *images, *out, *device;
    ij_encoder_options encoder;
    ij_fit fit;
    bool help;
} embed_options;

static bool wrong(const char *what, const char *argument)
{
    ij_complain("%s%s%s; see `ijepa embed --help`", what, *argument ? " " : "", argument);
    return false;
}

static bool read_number(const char *name, const char *value, int *number)
{
    char what[80], *end = NULL;
    long n = value ? strtol(value, &end, 10) : 0;
    *number = (int)n;
    snprintf(what, sizeof what, "a number from 1 to 1000000 must follow %s, not", name);
    return (end && end != value && !*end && n >= 1 && n <= 1000000) || wrong(what, value ? value : "nothing");
}

/* Reads one of two words: *second tells which. */
static bool read_either(const char *name, const char *value, const char *a, const char *b, bool *second)
{
    char what[80];
    *second = value && !strcmp(value, b);
    snprintf(what, sizeof what, "%s or %s must follow %s, not", a, b, name);
    return *second || (value && !strcmp(value, a)) || wrong(what, value ? value : "nothing");
}

/* Reads argument *i where it is an option with a value. Returns whether it is one; *ok tells whether it was right. */
static bool read_valued(embed_options *o, int argc, char **argv, int *i, bool *ok)
{
    const char *value = NULL;
    bool second = false;
    if (ij_option_value("--out", argc, argv, i, &value)) {
        o->out = value;
        *ok = value || wrong("a file must follow", "--out");
    } else if (ij_option_value("--device", argc, argv, i, &value)) {
        o->device = value;
        *ok = value || wrong("a device must follow", "--device");
    } else if (ij_option_value("--encoder", argc, argv, i, &value)) {
        *ok = read_either("--encoder", value, "target", "context", &second);
        o->encoder.which = second ? IJ_ENCODER_CONTEXT : IJ_ENCODER_TARGET;
    } else if (ij_option_value("--positions", argc, argv, i, &value)) {
        *ok = read_either("--positions", value, "compute", "interpolate", &second);
        o->encoder.positions = second ? IJ_POSITIONS_INTERPOLATED : IJ_POSITIONS_COMPUTED;
    } else if (ij_option_value("--layers", argc, argv, i, &value)) {
        *ok = read_number("--layers", value, &o->encoder.layers);
    } else if (ij_option_value("--crop", argc, argv, i, &value)) {
        *ok = read_number("--crop", value, &o->encoder.crop);
    } else if (ij_option_value("--batch", argc, argv, i, &value)) {
        *ok = read_number("--batch", value, &o->encoder.batch);
    } else if (ij_option_value("--pool", argc, argv, i, &value)) {
        *ok = (value && ij_pooling_named(value, &o->encoder.pool)) ||
              wrong("mean, 2x2 or none must follow --pool, not", value ? value : "nothing");
    } else if (ij_option_value("--resize", argc, argv, i, &value)) {
        *ok = (value && ij_fit_named(value, &o->fit)) ||
              wrong("shorter, squash or none must follow --resize, not", value ? value : "nothing");
    } else {
        return false;
    }
    return true;
}

static bool read_options(embed_options *o, int argc, char **argv)
{
    char beside[PATH_MAX];
    *o = (embed_options){0};
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
        } else if (!o->model) {
            o->model = argv[i];
        } else if (!o->images) {
            o->images = argv[i];
        } else {
            return wrong("one model and one data set at a time, not also", argv[i]);
        }
    }
    if (!o->model || !o->images)
        return wrong(o->model ? "which images? Name a folder" : "which model? Name a file", "");
    if (!o->out)
        return wrong("where to? Add --out FEATURES.npy", "");
    return !ij_features_beside(beside, o->out, ".csv") || wrong(ij_error(), "");
}

/* Only rank 0 has a writer. */
static ij_status take(void *writer, const ij_features_batch *batch)
{
    if (ij_interrupt_signal())
        return ij_fail(IJ_EIO, "ended by signal %d: nothing is written", ij_interrupt_signal());
    return writer ? ij_features_writer_take(writer, batch) : IJ_OK;
}

static ij_status embed(const embed_options *o, const ij_team *team, const ij_dataset *dataset, ij_frozen *frozen,
                       ij_features_writer **writer)
{
    ij_features_origin origin;
    char device[256];
    int64_t unreadable = 0;
    ij_status status = team->leads ? ij_features_writer_create(writer, o->out, dataset) : IJ_OK;
    if (!status)
        status = ij_team_device(team, o->device ? o->device : "", device, sizeof device);
    if (!status)
        status = ij_frozen_open(frozen, o->model, device, &o->encoder);
    if (status)
        return status;
    ij_frozen_report(frozen, o->model);
    status = ij_features_origin_make(&origin, o->model, o->images, frozen->encoder, &o->encoder, o->fit);
    origin.encoder.which = frozen->context ? IJ_ENCODER_CONTEXT : IJ_ENCODER_TARGET; /* as it turned out */
    if (!status)
        status = ij_features_run(&(ij_features_job){.dataset = dataset,
                                                    .encoder = frozen->encoder,
                                                    .fit = o->fit,
                                                    .take = take,
                                                    .taker = *writer,
                                                    .ranks = team->ranks},
                                 &unreadable);
    if (status || !team->leads)
        return status;
    int64_t images = ij_features_writer_images(*writer), floats = ij_encoder_floats(frozen->encoder);
    ij_features_writer *finished = *writer;
    *writer = NULL;
    status = ij_features_writer_finish(finished, frozen->encoder, &origin);
    if (!status)
        printf("written: %s, %" PRId64 " image%s of %" PRId64 " floats; %" PRId64 " left out\n", o->out, images,
               images == 1 ? "" : "s", floats, unreadable);
    return status;
}

static int run(const embed_options *o)
{
    ij_team team;
    ij_dataset *dataset = NULL;
    ij_frozen frozen = {0};
    ij_features_writer *writer = NULL;
    int exit_status = IJ_EXIT_DONE;
    ij_interrupt_catch("ending after this batch, nothing will be written");
    ij_status status = ij_team_open(&team);
    if (!status)
        status = ij_dataset_open(&dataset, o->images);
    for (int i = 0; !status && i < ij_dataset_notes(dataset); i++)
        ij_complain("note: %s", ij_dataset_note(dataset, i));
    if (!status)
        status = embed(o, &team, dataset, &frozen, &writer);
    if (status) {
        ij_complain("%s", ij_error());
        exit_status = ij_interrupt_signal() ? 128 + ij_interrupt_signal() : IJ_EXIT_FAILED;
    }
    ij_features_writer_abandon(writer);
    if (status)
        ij_team_fail(&team, exit_status);
    ij_frozen_close(&frozen);
    ij_dataset_close(dataset);
    ij_team_close(&team);
    return exit_status;
}

int ij_command_embed(int argc, char **argv)
{
    embed_options options;
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
