/* `ijepa predict`: what a model expects in the parts of an image that it does not see. */
#include "engine/base/try.h"
#include "frontend/command.h"
#include "frontend/message.h"
#include "frontend/options.h"
#include "frontend/prediction_sheet.h"
#include "frontend/sheet.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 256, MOST = 1000000 };

static void print_help(void)
{
    printf(
        "Usage: ijepa predict MODEL IMAGE --out OUT.png [--gallery PATH] [--limit N] [--seed N] [--device D]\n"
        "\n"
        "Hides blocks of an image as training does, lets the predictor guess their features from the rest, and draws\n"
        "how well it did: the image; what the encoder gets of it; at every hidden patch the cosine of prediction and\n"
        "target (scale on the right, from 0 to 1); below, each of several blocks by itself. MODEL is a file with a\n"
        "predictor: a checkpoint of a training here, or the official code's. Options:\n"
        "  --out OUT.png    the picture\n"
        "  --gallery PATH   images, as `ijepa data` takes them: the patch of these whose feature is nearest to each\n"
        "                   prediction is pasted in its place: a picture of what is expected there\n"
        "  --limit N        images of the gallery that are looked through, evenly spread; %d unless told\n"
        "  --seed N         other blocks; 0 unless told\n"
        "  --device D       the device: its number, part of its name, or cpu or gpu\n"
        "\n"
        "Exit status: 0 done; 1 failed; 2 wrong usage.\n",
        (int)LIMIT);
}

typedef struct options {
    const char *model, *image, *out, *gallery, *device;
    int64_t limit, seed;
} options;

static bool wrong(const char *what, const char *argument)
{
    ij_complain("%s%s%s; see `ijepa predict --help`", what, *argument ? " " : "", argument);
    return false;
}

static bool read_number(const char *name, const char *text, int64_t least, int64_t most, int64_t *value)
{
    char *end = NULL;
    errno = 0;
    *value = text ? strtoll(text, &end, 10) : 0;
    if (end && end != text && !*end && !errno && *value >= least && *value <= most)
        return true;
    ij_complain("a number from %lld to %lld must follow %s; see `ijepa predict --help`", (long long)least,
                (long long)most, name);
    return false;
}

/* Reads argument *i where it is an option. *ok tells whether it was right. */
static bool read_option(options *o, int argc, char **argv, int *i, bool *ok)
{
    const char *value = NULL;
    const struct {
        const char *name, **value;
    } texts[] = {{"--out", &o->out}, {"--gallery", &o->gallery}, {"--device", &o->device}};
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        if (ij_option_value(texts[k].name, argc, argv, i, texts[k].value)) {
            *ok = *texts[k].value || wrong("a value must follow", texts[k].name);
            return true;
        }
    if (ij_option_value("--limit", argc, argv, i, &value))
        *ok = read_number("--limit", value, 1, MOST, &o->limit);
    else if (ij_option_value("--seed", argc, argv, i, &value))
        *ok = read_number("--seed", value, 0, INT64_MAX, &o->seed);
    else if (argv[*i][0] == '-' && argv[*i][1])
        *ok = wrong("unknown option", argv[*i]);
    else
        return false;
    return true;
}

static bool read_options(options *o, int argc, char **argv)
{
    *o = (options){.limit = LIMIT};
    for (int i = 0; i < argc; i++) {
        bool ok = true;
        if (read_option(o, argc, argv, &i, &ok)) {
            if (!ok)
                return false;
        } else if (!o->model) {
            o->model = argv[i];
        } else if (!o->image) {
            o->image = argv[i];
        } else {
            return wrong("one image at a time, not also", argv[i]);
        }
    }
    if (!o->model || !o->image)
        return wrong(o->model ? "which image? Name a file behind the model" : "which model? Name a file", "");
    return o->out || wrong("where to? Name a file with --out", "");
}

/* A rectangle's rows and columns; of patches that do not fill one their number, too. */
static void print_place(const int32_t *patch, int length, int side, int number)
{
    int left = side, right = 0, top = patch[0] / side + 1, bottom = patch[length - 1] / side + 1;
    for (int i = 0; i < length; i++) {
        left = patch[i] % side + 1 < left ? patch[i] % side + 1 : left;
        right = patch[i] % side + 1 > right ? patch[i] % side + 1 : right;
    }
    if ((bottom - top + 1) * (right - left + 1) == length)
        printf("block %d: rows %d to %d, columns %d to %d", number, top, bottom, left, right);
    else
        printf("target %d: %d patches in rows %d to %d, columns %d to %d", number, length, top, bottom, left, right);
}

/* A line for each block: where it is, how well it was guessed. */
static void print_blocks(const ij_prediction *p, const ij_stand_ins *found)
{
    int side = ij_model_side(&p->model);
    for (int b = 0; b < p->blocks; b++) {
        const int32_t *patch = p->patch + b * p->length;
        double sum = 0, stands = 0, least = INFINITY, most = -INFINITY;
        for (int i = b * p->length; i < (b + 1) * p->length; i++) {
            sum += p->cosine[i];
            stands += found ? found->cosine[i] : 0;
            least = fmin(least, p->cosine[i]);
            most = fmax(most, p->cosine[i]);
        }
        print_place(patch, p->length, side, b + 1);
        printf(": cosine %.3f (%.3f to %.3f)", sum / p->length, least, most);
        if (found)
            printf(", with the patches of the gallery %.3f", stands / p->length);
        puts("");
    }
    printf("For comparison, with the targets of other places of the image: %.3f\n", p->elsewhere);
}

static ij_status draw(const ij_prediction *p, const ij_stand_ins *found, const char *out)
{
    ij_picture picture;
    TRY(ij_prediction_sheet(&picture, p, found));
    ij_status status = ij_sheet_write(&(ij_sheet){picture.width, picture.height, picture.pixels}, out);
    ij_picture_free(&picture);
    return status;
}

static ij_status run(const options *o, ij_device *device, ij_model_file *file)
{
    ij_prediction p;
    ij_stand_ins found = {0};
    ij_status status = ij_prediction_make(&p, device, file, o->image, (uint64_t)o->seed);
    if (!status && o->gallery)
        status = ij_stand_ins_find(&found, &p, device, file, o->gallery, (int)o->limit);
    if (!status)
        status = draw(&p, o->gallery ? &found : NULL, o->out);
    if (!status) {
        print_blocks(&p, o->gallery ? &found : NULL);
        printf("picture: %s\n", o->out);
    }
    ij_stand_ins_free(&found);
    ij_prediction_free(&p);
    return status;
}

int ij_command_predict(int argc, char **argv)
{
    options o;
    ij_model_file *file = NULL;
    ij_device *device = NULL;
    for (int i = 0; i < argc; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            print_help();
            return IJ_EXIT_DONE;
        }
    if (!read_options(&o, argc, argv))
        return IJ_EXIT_USAGE;
    ij_status status = ij_model_file_open(&file, o.model);
    if (!status)
        status = ij_device_open(&device, o.device);
    if (!status)
        status = run(&o, device, file);
    if (status)
        ij_complain("%s", ij_error());
    ij_device_close(device);
    ij_model_file_close(file);
    return status ? IJ_EXIT_FAILED : IJ_EXIT_DONE;
}
