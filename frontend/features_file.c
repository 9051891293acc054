/* realpath with a buffer of its own is POSIX 2008, but declared with the X/Open functions. */
#define _XOPEN_SOURCE 700

#include "frontend/features_file.h"

#include "engine/base/try.h"
#include "engine/files/file_read.h"
#include "engine/files/json_text.h"
#include "engine/files/whole_file.h"
#include "frontend/csv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char first_line[] = "path,label\n";

/* ---- Origin ------------------------------------------------------------------------------------------------------ */

static ij_status set_path(char text[PATH_MAX], const char *path)
{
    if (strlen(path) >= PATH_MAX)
        return ij_fail(IJ_EINVAL, "a path is too long: %.60s...", path);
    memcpy(text, path, strlen(path) + 1);
    return IJ_OK;
}

ij_status ij_features_origin_make(ij_features_origin *origin, const char *model, const char *images,
                                  const ij_encoder *encoder, const ij_encoder_options *options, ij_fit fit)
{
    *origin = (ij_features_origin){.encoder = *options, .fit = fit};
    origin->encoder.batch = 0;
    origin->encoder.layers = ij_encoder_layers(encoder);
    origin->encoder.crop = ij_encoder_model(encoder)->crop;
    char *absolute = realpath(model, NULL);
    if (!absolute)
        return ij_fail(IJ_EIO, "%s: %s", model, strerror(errno));
    ij_status status = set_path(origin->model, absolute);
    free(absolute);
    TRY(status);
    if (!getcwd(origin->folder, sizeof origin->folder))
        return ij_fail(IJ_EIO, "the working folder has no name: %s", strerror(errno));
    return set_path(origin->images, images);
}

static char *origin_text(const ij_features_origin *o, const ij_encoder *encoder, int64_t images)
{
    const ij_encoder_options *e = &o->encoder;
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "made_by", "ijepa " IJEPA_VERSION);
    cJSON_AddStringToObject(root, "model", o->model);
    cJSON_AddStringToObject(root, "encoder", e->which == IJ_ENCODER_CONTEXT ? "context" : "target");
    cJSON_AddNumberToObject(root, "layers", e->layers);
    cJSON_AddStringToObject(root, "pool", ij_pooling_name(e->pool));
    cJSON_AddNumberToObject(root, "crop", e->crop);
    cJSON_AddStringToObject(root, "positions", e->positions == IJ_POSITIONS_INTERPOLATED ? "interpolate" : "compute");
    cJSON_AddStringToObject(root, "resize", ij_fit_name(o->fit));
    cJSON_AddStringToObject(root, "images", o->images);
    cJSON_AddStringToObject(root, "folder", o->folder);
    cJSON_AddNumberToObject(root, "rows", (double)images);
    cJSON_AddNumberToObject(root, "rows_an_image", ij_encoder_rows(encoder));
    cJSON_AddNumberToObject(root, "width", ij_encoder_model(encoder)->dim);
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    return text;
}

static ij_status read_string(const cJSON *root, const char *name, char text[PATH_MAX])
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, name);
    if (!cJSON_IsString(item))
        return ij_fail(IJ_EFORMAT, "it has no text \"%s\"", name);
    return set_path(text, item->valuestring);
}

static ij_status read_count(const cJSON *root, const char *name, int *value)
{
    int64_t whole;
    if (!ij_json_whole(cJSON_GetObjectItemCaseSensitive(root, name), &whole) || whole < 1 || whole > 1000000)
        return ij_fail(IJ_EFORMAT, "it has no count \"%s\"", name);
    *value = (int)whole;
    return IJ_OK;
}

static ij_status read_origin(ij_features_origin *o, const cJSON *root)
{
    char word[PATH_MAX];
    TRY(read_string(root, "model", o->model));
    TRY(read_string(root, "images", o->images));
    TRY(read_string(root, "folder", o->folder));
    TRY(read_string(root, "encoder", word));
    o->encoder.which = strcmp(word, "context") ? IJ_ENCODER_TARGET : IJ_ENCODER_CONTEXT;
    TRY(read_string(root, "positions", word));
    o->encoder.positions = strcmp(word, "interpolate") ? IJ_POSITIONS_COMPUTED : IJ_POSITIONS_INTERPOLATED;
    TRY(read_count(root, "layers", &o->encoder.layers));
    TRY(read_count(root, "crop", &o->encoder.crop));
    TRY(read_string(root, "pool", word));
    if (!ij_pooling_named(word, &o->encoder.pool))
        return ij_fail(IJ_EFORMAT, "it knows no pool \"%.40s\"", word);
    TRY(read_string(root, "resize", word));
    return ij_fit_named(word, &o->fit) ? IJ_OK : ij_fail(IJ_EFORMAT, "it knows no resize \"%.40s\"", word);
}

ij_status ij_features_origin_read(ij_features_origin *origin, const char *npy)
{
    char path[PATH_MAX], *text;
    size_t bytes;
    cJSON *root;
    *origin = (ij_features_origin){0};
    TRY(ij_features_beside(path, npy, ".json"));
    TRY(ij_file_read_text(path, 1 << 20, &text, &bytes));
    ij_status status = ij_json_parse(&root, path, text, bytes);
    free(text);
    if (status)
        return status;
    status = read_origin(origin, root);
    cJSON_Delete(root);
    return status ? ij_fail_in(status, "%s: ", path) : IJ_OK;
}

ij_status ij_features_beside(char text[PATH_MAX], const char *npy, const char *ending)
{
    size_t length = strlen(npy);
    if (length < 5 || strcmp(npy + length - 4, ".npy"))
        return ij_fail(IJ_EINVAL, "%s: the name of a file of features ends in .npy", npy);
    length -= 4;
    size_t more = strlen(ending) + 1;
    if (length + more > PATH_MAX)
        return ij_fail(IJ_EINVAL, "a path is too long: %.60s...", npy);
    memcpy(text, npy, length);
    memcpy(text + length, ending, more);
    return IJ_OK;
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

struct ij_features_writer {
    const ij_dataset *dataset;
    ij_npy_writer *npy;
    ij_whole_file *csv, *json;
    int64_t images;
};

static ij_status create(ij_features_writer *w, const char *path)
{
    char beside[PATH_MAX];
    TRY(ij_features_beside(beside, path, ".csv"));
    TRY(ij_npy_create(&w->npy, path));
    TRY(ij_whole_file_create(&w->csv, beside));
    TRY(ij_features_beside(beside, path, ".json"));
    TRY(ij_whole_file_create(&w->json, beside));
    return ij_whole_file_write(w->csv, first_line, sizeof first_line - 1);
}

ij_status ij_features_writer_create(ij_features_writer **out, const char *path, const ij_dataset *dataset)
{
    *out = NULL;
    ij_features_writer *w = calloc(1, sizeof *w);
    if (!w)
        return ij_fail(IJ_ENOMEM, "%s: no memory to write it", path);
    w->dataset = dataset;
    ij_status status = create(w, path);
    if (status)
        ij_features_writer_abandon(w);
    else
        *out = w;
    return status;
}

static void write_row(FILE *out, const ij_dataset *dataset, int64_t sample)
{
    char path[PATH_MAX];
    int label = ij_dataset_label(dataset, sample);
    ij_dataset_path(dataset, sample, path, sizeof path);
    ij_csv_write(out, path);
    putc(',', out);
    if (label >= 0)
        ij_csv_write(out, ij_dataset_class_name(dataset, label));
    putc('\n', out);
}

/* The batch's lines at once. */
static ij_status write_rows(ij_features_writer *w, const ij_features_batch *batch)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return ij_fail(IJ_ENOMEM, "no memory for the rows of a batch");
    for (int i = 0; i < batch->images; i++)
        write_row(out, w->dataset, batch->samples[i]);
    bool failed = ferror(out) != 0;
    failed = fclose(out) != 0 || failed;
    ij_status status =
        failed ? ij_fail(IJ_ENOMEM, "no memory for the rows of a batch") : ij_whole_file_write(w->csv, text, bytes);
    free(text);
    return status;
}

ij_status ij_features_writer_take(void *writer, const ij_features_batch *batch)
{
    ij_features_writer *w = writer;
    TRY(write_rows(w, batch));
    w->images += batch->images;
    return ij_npy_write(w->npy, batch->features, (size_t)batch->images * (size_t)batch->floats);
}

int64_t ij_features_writer_images(const ij_features_writer *w)
{
    return w->images;
}

/* Each member is given away before it is finished, so that what is left can be abandoned. */
static ij_status finish_text(ij_whole_file **member)
{
    ij_whole_file *file = *member;
    *member = NULL;
    return ij_whole_file_finish(file);
}

static ij_status finish(ij_features_writer *w, const ij_encoder *encoder, const ij_features_origin *origin)
{
    char *text = origin_text(origin, encoder, w->images);
    if (!text)
        return ij_fail(IJ_ENOMEM, "no memory for the JSON text");
    ij_status status = ij_whole_file_write(w->json, text, strlen(text));
    cJSON_free(text);
    TRY(status);
    TRY(ij_whole_file_write(w->json, "\n", 1));
    int64_t width = (int64_t)ij_encoder_layers(encoder) * ij_encoder_model(encoder)->dim,
            rows = ij_encoder_rows(encoder);
    bool tokens = origin->encoder.pool == IJ_POOL_NONE;
    const int64_t flat[2] = {w->images, rows * width}, deep[3] = {w->images, rows, width};
    ij_npy_writer *npy = w->npy;
    w->npy = NULL;
    TRY(ij_npy_finish(npy, tokens ? 3 : 2, tokens ? deep : flat));
    TRY(finish_text(&w->csv));
    return finish_text(&w->json);
}

ij_status ij_features_writer_finish(ij_features_writer *w, const ij_encoder *encoder, const ij_features_origin *origin)
{
    ij_status status = finish(w, encoder, origin);
    ij_features_writer_abandon(w);
    return status;
}

void ij_features_writer_abandon(ij_features_writer *w)
{
    if (!w)
        return;
    ij_npy_abandon(w->npy);
    ij_whole_file_abandon(w->csv);
    ij_whole_file_abandon(w->json);
    free(w);
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

static ij_status read_rows(FILE *in, ij_csv *record,
                           bool (*row)(void *context, int64_t number, const char *path, const char *label),
                           void *context, int64_t *rows)
{
    TRY(ij_csv_read(record, in));
    if (record->fields < 1 || strcmp(ij_csv_field(record, 0), "path"))
        return ij_fail(IJ_EFORMAT, "its first line is not path,label");
    for (*rows = 0;; ++*rows) {
        TRY(ij_csv_read(record, in));
        if (!record->fields || !row(context, *rows, ij_csv_field(record, 0), ij_csv_field(record, 1)))
            return IJ_OK;
    }
}

ij_status ij_features_rows(const char *npy,
                           bool (*row)(void *context, int64_t number, const char *path, const char *label),
                           void *context, int64_t *rows)
{
    char path[PATH_MAX];
    int64_t count;
    ij_csv record = {0};
    TRY(ij_features_beside(path, npy, ".csv"));
    FILE *in = fopen(path, "rb");
    if (!in)
        return ij_fail(IJ_EIO, "%s: cannot open: %s", path, strerror(errno));
    ij_status status = read_rows(in, &record, row, context, rows ? rows : &count);
    ij_csv_free(&record);
    fclose(in);
    return status ? ij_fail_in(status, "%s: ", path) : IJ_OK;
}
