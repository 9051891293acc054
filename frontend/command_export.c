/* `ijepa export`: writes a model for other programs. */
#include "engine/files/export.h"
#include "frontend/command.h"
#include "frontend/message.h"
#include "frontend/model_report.h"
#include "frontend/options.h"
#include "ini/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(void)
{
    puts(
        "Usage: ijepa export FILE OUT --format F [--from E] [--dtype T]\n"
        "\n"
        "Writes the model in FILE for other programs. FILE is a checkpoint of this program, a folder or file of\n"
        "Hugging Face's transformers, or a .pth.tar of the official code. Formats:\n"
        "  --format huggingface   the folder OUT, which transformers loads with AutoModel.from_pretrained: one\n"
        "                         encoder, its configuration, the images' preparation and a model card, README.md\n"
        "  --format official      the file OUT (.pth.tar), from which the official code goes on training or which\n"
        "                         torch.load reads: three networks and, where FILE has it, the optimiser's state\n"
        "  --format safetensors   the file OUT: the weights alone, under their official names\n"
        "Options:\n"
        "  --from target|context  which encoder: the moving average, from which features are taken (huggingface takes\n"
        "                         it unless told otherwise), or the one that was trained. safetensors gets that\n"
        "                         encoder alone, and without --from all that FILE has; official always gets both\n"
        "  --dtype f32|f16|bf16   what the weights are stored as, rounded to nearest; f32 unless told. The official\n"
        "                         code's checkpoints are float32\n"
        "\n"
        "OUT appears when it is complete. A file of that name is replaced; a folder has to be new or empty.\n"
        "Exit status: 0; 1 where it failed, and nothing is left behind; 2 wrong usage.");
}

typedef enum export_format { HUGGINGFACE, OFFICIAL, SAFETENSORS } export_format;

/* Words of the command line and what they stand for. */
typedef struct choice {
    const char *word;
    int value;
} choice;
static const choice formats[] = {
    {"huggingface", HUGGINGFACE}, {"official", OFFICIAL}, {"safetensors", SAFETENSORS}, {NULL, 0}};
static const choice encoders[] = {{"target", IJ_NETWORK_TARGET}, {"context", IJ_NETWORK_ENCODER}, {NULL, 0}};
static const choice dtypes[] = {{"f32", IJ_F32}, {"f16", IJ_F16}, {"bf16", IJ_BF16}, {NULL, 0}};

typedef struct export_options {
    const char *file, *out;
    int format, from, dtype; /* -1: not given */
    bool help;
} export_options;

static bool wrong(const char *what, const char *argument)
{
    ij_complain("%s%s%s; see `ijepa export --help`", what, *argument ? " " : "", argument);
    return false;
}

static bool choose(const choice *choices, const char *word, int *value)
{
    for (; word && choices->word; choices++)
        if (!strcmp(choices->word, word)) {
            *value = choices->value;
            return true;
        }
    return false;
}

/* Reads argument *i where it is an option with a value. Returns whether it is one; *ok tells whether it was right. */
static bool read_valued(export_options *o, int argc, char **argv, int *i, bool *ok)
{
    const char *value = NULL;
    if (ij_option_value("--format", argc, argv, i, &value))
        *ok = choose(formats, value, &o->format) ||
              wrong("huggingface, official or safetensors must follow --format, not", value ? value : "nothing");
    else if (ij_option_value("--from", argc, argv, i, &value))
        *ok = choose(encoders, value, &o->from) ||
              wrong("target or context must follow --from, not", value ? value : "nothing");
    else if (ij_option_value("--dtype", argc, argv, i, &value))
        *ok = choose(dtypes, value, &o->dtype) ||
              wrong("f32, f16 or bf16 must follow --dtype, not", value ? value : "nothing");
    else
        return false;
    return true;
}

static bool read_options(export_options *o, int argc, char **argv)
{
    *o = (export_options){.format = -1, .from = -1, .dtype = -1};
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
        } else if (!o->file) {
            o->file = argv[i];
        } else if (!o->out) {
            o->out = argv[i];
        } else {
            return wrong("one model at a time, not also", argv[i]);
        }
    }
    if (!o->file || !o->out)
        return wrong(o->file ? "where to? Name what is to be written" : "which model? Name a file", "");
    if (o->format < 0)
        return wrong("in which form? Add --format huggingface, official or safetensors", "");
    if (o->format == OFFICIAL && o->from >= 0)
        return wrong("--from has no meaning for --format official, which holds both encoders", "");
    if (o->format == OFFICIAL && o->dtype > IJ_F32)
        return wrong("--format official is always f32: the official code trains on from float32 weights, and half of "
                     "them would be lost",
                     "");
    return true;
}

/* ---- Writing --------------------------------------------------------------------------------------------------------
 */

/* What the run's configuration, where the file has it, says of the optimiser; PyTorch's and the official code's values
 * otherwise. */
static ij_export_run run_of(const ij_model_file *file)
{
    ij_export_run run = {.lr = 1e-3, .weight_decay = 0.04, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
    const char *text = ij_model_file_metadata(file, "config");
    ij_config *config = text ? malloc(sizeof *config) : NULL;
    if (config && !ij_config_parse(config, "the file's configuration", text, strlen(text), NULL, 0)) {
        const ij_config_optimization *o = &config->optimization;
        run = (ij_export_run){.batch_size = config->data.batch_size,
                              .lr = o->lr,
                              .weight_decay = o->weight_decay,
                              .beta1 = o->betas[0],
                              .beta2 = o->betas[1],
                              .eps = o->eps};
    } else if (config) {
        ij_complain("note: %s", ij_error());
    }
    if (!run.batch_size)
        ij_complain("note: the run's configuration is not known: learning rate %g, weight decay %g, betas and eps are "
                    "the usual ones, the batch size is left open",
                    run.lr, run.weight_decay);
    free(config);
    return run;
}

static ij_status export_official(ij_model_file *file, const char *path)
{
    ij_export_run run = run_of(file);
    ij_export_official_notes notes;
    ij_status status = ij_export_official(file, path, &run, &notes);
    if (status)
        return status;
    if (notes.encoder_is_target)
        ij_complain("note: no context encoder in the file: it is a copy of the target encoder");
    if (notes.target_is_encoder)
        ij_complain("note: no target encoder in the file: it is a copy of the context encoder");
    if (notes.no_moments)
        ij_complain(
            "note: the optimiser's state is empty, so that it starts anew: the file does not hold it, or not the "
            "number of steps or the encoder that belong to it");
    if (notes.no_epoch)
        ij_complain("note: the file does not say how many epochs are complete: 0 is written");
    return IJ_OK;
}

static ij_status write_model(ij_model_file *file, const export_options *o)
{
    ij_dtype dtype = o->dtype < 0 ? IJ_F32 : (ij_dtype)o->dtype;
    ij_network encoder = o->from < 0 ? IJ_NETWORK_TARGET : (ij_network)o->from;
    if (o->format == OFFICIAL)
        return export_official(file, o->out);
    if (o->format == SAFETENSORS)
        return ij_export_safetensors(file, o->out, o->from < 0 ? (1u << IJ_NETWORKS) - 1 : 1u << encoder, dtype);
    ij_status status = ij_export_huggingface(file, o->out, encoder, dtype);
    if (!status && ij_model_file_metadata(file, "config"))
        ij_complain(
            "note: the README.md in %s shows the run's configuration, paths included: read it before you publish",
            o->out);
    return status;
}

static int run(const export_options *o)
{
    ij_model_file *file = NULL;
    int exit_status = IJ_EXIT_FAILED;
    if (ij_model_file_open(&file, o->file)) {
        ij_complain("%s", ij_error());
    } else {
        ij_model_report(file);
        if (write_model(file, o)) {
            ij_complain("%s", ij_error());
        } else {
            printf("written: %s\n", o->out);
            exit_status = IJ_EXIT_DONE;
        }
    }
    ij_model_file_close(file);
    return exit_status;
}

int ij_command_export(int argc, char **argv)
{
    export_options options;
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
