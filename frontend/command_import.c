/* `ijepa import`: a model file of any kind becomes a checkpoint of this program. */
#include "engine/files/model_file_copy.h"
#include "engine/position.h"
#include "frontend/command.h"
#include "frontend/message.h"
#include "frontend/model_report.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(void)
{
    puts(
        "Usage: ijepa import FILE OUT.safetensors\n"
        "\n"
        "Reads a model and writes it as a checkpoint of this program: safetensors, float32, in the official names.\n"
        "FILE is one of\n"
        "  a checkpoint of the official code (.pth.tar, PyTorch 1.6 or later); nothing in it is executed\n"
        "  a folder of Hugging Face's transformers with an IJepaModel, or its model.safetensors, or the\n"
        "  model.safetensors.index.json of several files; config.json must lie beside them\n"
        "  a checkpoint of this program\n"
        "It prints what was found, and on stderr what is missing or was passed over. A tensor at a time is in memory.\n"
        "\n"
        "Exit status: 0; 1 where something failed, and then OUT is as it was; 2 wrong usage.");
}

static int wrong(const char *what, const char *argument)
{
    ij_complain("%s%s%s; see `ijepa import --help`", what, *argument ? " " : "", argument);
    return IJ_EXIT_USAGE;
}

/* The most by which a position table of the file differs from the one that training computes; 0 without a table. */
static ij_status table_difference(ij_model_file *file, const char *name, int dim, double *most)
{
    const ij_model_tensor *t = ij_model_file_find(file, name);
    const ij_model_config *m = &ij_model_file_describe(file)->model;
    *most = 0;
    if (!t || dim % 4)
        return IJ_OK;
    float *values = malloc((size_t)t->elements * sizeof *values), *table = malloc((size_t)t->elements * sizeof *table);
    ij_status status = IJ_OK;
    if (!values || !table)
        status = ij_fail(IJ_ENOMEM, "no memory for the table %s", name);
    else
        status = ij_model_file_read(file, t, values);
    if (!status)
        ij_position_table(table, ij_model_side(m), dim, ij_model_position_scale(m));
    for (int64_t i = 0; i < t->elements && !status; i++) {
        double difference = fabs((double)values[i] - (double)table[i]);
        *most = difference <= *most ? *most : difference; /* NaN counts */
    }
    free(values);
    free(table);
    return status;
}

/* Training computes its tables anew: a model that was trained with others would not be the same here. */
static ij_status check_tables(ij_model_file *file)
{
    const ij_model_config *m = &ij_model_file_describe(file)->model;
    const struct {
        const char *name;
        int dim;
    } tables[] = {{"encoder.pos_embed", m->dim},
                  {"target_encoder.pos_embed", m->dim},
                  {"predictor.predictor_pos_embed", m->pred_dim}};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        double most;
        ij_status status = table_difference(file, tables[i].name, tables[i].dim, &most);
        if (status)
            return status;
        bool same = most <= 1e-2 * (double)ij_model_position_scale(m); /* float16 and bfloat16 round to some thousandths */
        if (!same)
            ij_complain("note: its table %s is not the sine-cosine one that training here computes: it differs by "
                        "up to %.2g",
                        tables[i].name, most);
    }
    return IJ_OK;
}

static int run(const char *from, const char *to)
{
    ij_model_file *file;
    int exit_status = IJ_EXIT_FAILED;
    if (ij_model_file_open(&file, from)) {
        ij_complain("%s", ij_error());
        return exit_status;
    }
    ij_model_report(file);
    if (check_tables(file) || ij_model_file_copy(file, to)) {
        ij_complain("%s", ij_error());
    } else {
        printf("written: %s, %d tensors\n", to, ij_model_file_count(file));
        exit_status = IJ_EXIT_DONE;
    }
    ij_model_file_close(file);
    return exit_status;
}

int ij_command_import(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            print_help();
            return IJ_EXIT_DONE;
        }
    for (int i = 0; i < argc; i++)
        if (argv[i][0] == '-' && argv[i][1])
            return wrong("unknown option", argv[i]);
    if (argc < 2)
        return wrong(argc ? "where to? Name a file to write" : "which model? Name a file to read and one to write", "");
    if (argc > 2)
        return wrong("two files at a time, not also", argv[2]);
    int exit_status = run(argv[0], argv[1]);
    if (fflush(stdout) && !exit_status) {
        ij_complain("cannot write the output");
        exit_status = IJ_EXIT_FAILED;
    }
    return exit_status;
}
