/* `ijepa inspect`: what is in a model file of any kind, for people or, with --json, for programs. */
#include "engine/files/model_file.h"
#include "frontend/command.h"
#include "frontend/message.h"
#include "frontend/model_report.h"

#include <cjson/cJSON.h>

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(void)
{
    puts("Usage: ijepa inspect FILE [--json]\n"
         "\n"
         "Tells what is in a model file: a checkpoint of this program or of the official code (.pth.tar), or a folder\n"
         "or file of Hugging Face's transformers. Kind, shape, configuration, epoch and step; then each tensor with "
         "its\n"
         "shape, stored type, mean, norm (the root of the sum of squares) and the number of its values that are NaN.\n"
         "Last, whether the content is what was written, by the checksum that checkpoints carry.\n"
         "  --json   all of it as one JSON object; what is not known is null; \"integrity\" is checksum (compared),\n"
         "           structure (sound; the file has no checksum) or damaged\n"
         "\n"
         "Exit status: 0; 1 where FILE is no model, or is damaged; 2 wrong usage.");
}

/* ---- Tensors ---------------------------------------------------------------------------------------------------- */

typedef struct summary {
    double mean, norm; /* of the values that are not NaN */
    int64_t nan;
} summary;

static ij_status summarise(ij_model_file *file, const ij_model_tensor *t, summary *s)
{
    double sum = 0, squares = 0;
    float *values = malloc((size_t)t->elements * sizeof *values);
    if (!values)
        return ij_fail(IJ_ENOMEM, "no memory for tensor %s of %" PRId64 " floats", t->name, t->elements);
    ij_status status = ij_model_file_read(file, t, values);
    s->nan = 0;
    for (int64_t i = 0; i < t->elements && !status; i++) {
        double value = values[i];
        if (isnan(value)) {
            s->nan++;
            continue;
        }
        sum += value;
        squares += value * value;
    }
    free(values);
    s->mean = t->elements > s->nan ? sum / (double)(t->elements - s->nan) : NAN;
    s->norm = sqrt(squares);
    return status;
}

/* The part of a name that stands above a group of tensors: the network, and the store of the optimiser before it. */
static size_t group_length(const char *name)
{
    static const char *const groups[] = {"encoder.",
                                         "predictor.",
                                         "target_encoder.",
                                         "optimizer.exp_avg.encoder.",
                                         "optimizer.exp_avg.predictor.",
                                         "optimizer.exp_avg_sq.encoder.",
                                         "optimizer.exp_avg_sq.predictor."};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (strncmp(name, groups[i], strlen(groups[i])) == 0)
            return strlen(groups[i]);
    return 0;
}

static ij_status print_tensors(ij_model_file *file)
{
    const char *group = "";
    size_t length = 0;
    int64_t elements = 0, nan = 0;
    for (int i = 0; i < ij_model_file_count(file); i++) {
        const ij_model_tensor *t = ij_model_file_at(file, i);
        char shape[128] = "";
        summary s;
        ij_status status = summarise(file, t, &s);
        if (status)
            return status;
        if (group_length(t->name) != length || strncmp(t->name, group, length) != 0) {
            group = t->name;
            length = group_length(t->name);
            printf("\n%-37.*s %-12s %-4s %10s %9s\n", (int)length, group, "shape", "type", "mean", "norm");
        }
        for (int d = 0; d < t->dims; d++) {
            size_t used = strlen(shape);
            snprintf(shape + used, sizeof shape - used, "%s%" PRId64, d ? "x" : "", t->shape[d]);
        }
        printf("  %-35s %-12s %-4s %10.3e %9.3e", t->name + length, shape, ij_dtype_name(t->dtype), s.mean, s.norm);
        if (s.nan)
            printf("\n  %-35s %" PRId64 " of %" PRId64 " values are NaN", "", s.nan, t->elements);
        puts("");
        elements += t->elements;
        nan += s.nan;
    }
    printf("\n%d tensors, %" PRId64 " values, %" PRId64 " of them NaN\n", ij_model_file_count(file), elements, nan);
    return IJ_OK;
}

/* ---- For people ------------------------------------------------------------------------------------------------- */

/* The keys of our checkpoints that are no part of the report already. */
static const char *const kept_keys[] = {"seed", "rescale_residual", "init", "xxh64"};
enum { KEPT_KEYS = sizeof kept_keys / sizeof kept_keys[0] };

/* A text of the file, whatever it holds, line by line behind `indent`. */
static void print_text(const char *text, const char *indent)
{
    fputs(indent, stdout);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '\n' && c[1])
            printf("\n%s", indent);
        else if (*c == '\t' || (*c >= 32 && *c != 127))
            putchar(*c);
        else if (*c != '\n')
            printf("\\x%02x", *c);
    }
    puts("");
}

static ij_status print_all(ij_model_file *file)
{
    ij_model_report(file);
    for (size_t i = 0; i < KEPT_KEYS; i++) {
        const char *value = ij_model_file_metadata(file, kept_keys[i]);
        if (!value)
            continue;
        printf("%s:", kept_keys[i]);
        print_text(value, " ");
    }
    const char *config = ij_model_file_metadata(file, "config");
    if (config) {
        puts("configuration:");
        print_text(config, "  ");
    }
    ij_status status = ij_model_file_check_begin(file);
    if (!status)
        status = print_tensors(file);
    if (!status)
        status = ij_model_file_check_end(file);
    if (!status) /* the structure is sound, or the file would not have been opened */
        puts(ij_model_file_has_checksum(file) ? "integrity: the checksum is that of what was written"
                                              : "integrity: the structure is sound; the file has no checksum");
    return status;
}

/* ---- For programs ----------------------------------------------------------------------------------------------- */

static void add_count(cJSON *object, const char *key, int64_t count)
{
    cJSON_AddItemToObject(object, key, count >= 0 ? cJSON_CreateNumber((double)count) : cJSON_CreateNull());
}

static void add_model(cJSON *root, const ij_model_file_info *info)
{
    const ij_model_config *m = &info->model;
    const struct {
        const char *key;
        double value;
    } sizes[] = {{"crop", m->crop},   {"patch", m->patch},   {"dim", m->dim},           {"depth", m->depth},
                 {"heads", m->heads}, {"hidden", m->hidden}, {"pred_dim", m->pred_dim}, {"pred_depth", m->pred_depth}};
    cJSON *model = cJSON_AddObjectToObject(root, "model");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        cJSON_AddItemToObject(model, sizes[i].key,
                              sizes[i].value > 0 ? cJSON_CreateNumber(sizes[i].value) : cJSON_CreateNull());
    cJSON_AddBoolToObject(root, "encoder", info->encoder);
    cJSON_AddBoolToObject(root, "predictor", info->predictor);
    cJSON_AddBoolToObject(root, "target_encoder", info->target_encoder);
    cJSON_AddBoolToObject(root, "moments", info->moments);
    add_count(root, "epoch", info->epoch);
    add_count(root, "step", info->iteration);
}

static void add_metadata(cJSON *root, const ij_model_file *file)
{
    const char *config = ij_model_file_metadata(file, "config");
    for (size_t i = 0; i < KEPT_KEYS; i++) {
        const char *value = ij_model_file_metadata(file, kept_keys[i]);
        cJSON_AddItemToObject(root, kept_keys[i], value ? cJSON_CreateString(value) : cJSON_CreateNull());
    }
    cJSON_AddItemToObject(root, "config", config ? cJSON_CreateString(config) : cJSON_CreateNull());
    cJSON *notes = cJSON_AddArrayToObject(root, "notes");
    for (int i = 0; i < ij_model_file_notes(file); i++)
        cJSON_AddItemToArray(notes, cJSON_CreateString(ij_model_file_note(file, i)));
}

static ij_status add_tensors(cJSON *root, ij_model_file *file)
{
    cJSON *tensors = cJSON_AddArrayToObject(root, "tensors");
    for (int i = 0; i < ij_model_file_count(file); i++) {
        const ij_model_tensor *t = ij_model_file_at(file, i);
        double shape[8];
        summary s;
        ij_status status = summarise(file, t, &s);
        if (status)
            return status;
        for (int d = 0; d < t->dims; d++)
            shape[d] = (double)t->shape[d];
        cJSON *item = cJSON_CreateObject();
        cJSON_AddItemToArray(tensors, item);
        cJSON_AddStringToObject(item, "name", t->name);
        cJSON_AddItemToObject(item, "shape", cJSON_CreateDoubleArray(shape, t->dims));
        cJSON_AddStringToObject(item, "dtype", ij_dtype_name(t->dtype));
        cJSON_AddNumberToObject(item, "mean", s.mean);
        cJSON_AddNumberToObject(item, "norm", s.norm);
        cJSON_AddNumberToObject(item, "nan", (double)s.nan);
    }
    return IJ_OK;
}

static ij_status print_json(ij_model_file *file)
{
    cJSON *root = cJSON_CreateObject();
    const ij_model_file_info *info = ij_model_file_describe(file);
    cJSON_AddStringToObject(root, "kind", ij_model_report_kind(info->kind));
    add_model(root, info);
    add_metadata(root, file);
    ij_status status = ij_model_file_check_begin(file);
    if (!status)
        status = add_tensors(root, file);
    if (!status)
        status = ij_model_file_check_end(file);
    cJSON_AddStringToObject(root, "integrity",
                            status                             ? "damaged"
                            : ij_model_file_has_checksum(file) ? "checksum"
                                                               : "structure");
    char *text = cJSON_Print(root);
    if (!status && !text)
        status = ij_fail(IJ_ENOMEM, "no memory for the JSON text");
    if (text)
        puts(text);
    cJSON_free(text);
    cJSON_Delete(root);
    return status;
}

/* ---- All -------------------------------------------------------------------------------------------------------- */

static int wrong(const char *what, const char *argument)
{
    ij_complain("%s%s%s; see `ijepa inspect --help`", what, *argument ? " " : "", argument);
    return IJ_EXIT_USAGE;
}

static int run(const char *path, bool json)
{
    ij_model_file *file;
    ij_status status = ij_model_file_open(&file, path);
    if (!status)
        status = json ? print_json(file) : print_all(file);
    if (status)
        ij_complain("%s", ij_error());
    ij_model_file_close(file);
    if (fflush(stdout) && !status) {
        ij_complain("cannot write the output");
        return IJ_EXIT_FAILED;
    }
    return status ? IJ_EXIT_FAILED : IJ_EXIT_DONE;
}

int ij_command_inspect(int argc, char **argv)
{
    const char *path = NULL;
    bool json = false;
    for (int i = 0; i < argc; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            print_help();
            return IJ_EXIT_DONE;
        }
    for (int i = 0; i < argc; i++) {
        if (!strcmp(argv[i], "--json"))
            json = true;
        else if (argv[i][0] == '-' && argv[i][1])
            return wrong("unknown option", argv[i]);
        else if (path)
            return wrong("one file at a time, not also", argv[i]);
        else
            path = argv[i];
    }
    if (!path)
        return wrong("which model? Name a file", "");
    return run(path, json);
}
