/* The program `ijepa`: finds the subcommand and hands over. */
#include "frontend/command.h"
#include "frontend/message.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"train", ij_command_train, "train a model as a configuration says"},
    {"data", ij_command_data, "look through a folder of images; show crops with their masks"},
    {"config", ij_command_config, "check a configuration and print what would be used"},
    {"import", ij_command_import, "make a checkpoint of an official or a Hugging Face model"},
    {"embed", ij_command_embed, "write what a model makes of images, for NumPy and others"},
    {"export", ij_command_export, "write a model for transformers, the official code or others"},
    {"predict", ij_command_predict, "draw what a model expects in the hidden parts of an image"},
    {"report", ij_command_report, "write what there is to see of a run into one HTML file"},
    {"inspect", ij_command_inspect, "tell what is in a model file of any kind"},
    {"eval", ij_command_eval, "measure what a trained model has learnt"},
    {"search", ij_command_search, "find the images nearest to one among those embedded"},
    {"devices", ij_command_devices, "list the OpenCL devices"},
};
enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *out)
{
    fputs("ijepa " IJEPA_VERSION ": trains I-JEPA models on any OpenCL device.\n\nUsage:\n", out);
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  ijepa %-8s %s\n", commands[i].name, commands[i].help);
    fputs("\n`ijepa COMMAND --help` tells more of each; `ijepa --version` prints the version.\n", out);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return IJ_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
        print_help(stdout);
        return IJ_EXIT_DONE;
    }
    if (!strcmp(name, "--version")) {
        puts("ijepa " IJEPA_VERSION);
        return IJ_EXIT_DONE;
    }
    for (int i = 0; i < N_COMMANDS; i++)
        if (!strcmp(name, commands[i].name))
            return commands[i].run(argc - 2, argv + 2);
    ij_complain("there is no %s %s; see `ijepa --help`", name[0] == '-' ? "option" : "command", name);
    return IJ_EXIT_USAGE;
}
