#include "engine/files/model_metadata.h"

#include "engine/files/model_file_kind.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char version_key[] = "ijepa.checkpoint", version[] = "1", position_key[] = "model.position_scale";

static const struct {
    const char *key;
    size_t offset;
} shape_fields[] = {
    {"model.crop", offsetof(ij_model_config, crop)},
    {"model.patch", offsetof(ij_model_config, patch)},
    {"model.dim", offsetof(ij_model_config, dim)},
    {"model.depth", offsetof(ij_model_config, depth)},
    {"model.heads", offsetof(ij_model_config, heads)},
    {"model.hidden", offsetof(ij_model_config, hidden)},
    {"model.pred_dim", offsetof(ij_model_config, pred_dim)},
    {"model.pred_depth", offsetof(ij_model_config, pred_depth)},
};
enum { N_SHAPE = sizeof shape_fields / sizeof shape_fields[0] };

/* ---- Reading ---------------------------------------------------------------------------------------------------- */

/* A whole number from `least` up; *value stays as it is where the file has no such key. */
static ij_status whole(const ij_model_file *file, const char *key, int64_t least, int64_t most, int64_t *value)
{
    const char *text = ij_model_file_metadata(file, key);
    char *end;
    if (!text)
        return IJ_OK;
    errno = 0;
    *value = strtoll(text, &end, 10);
    if (end == text || *end || errno || *value < least || *value > most)
        return ij_fail(IJ_EFORMAT, "%s: damaged metadata: %s is \"%.40s\"", file->path, key, text);
    return IJ_OK;
}

/* A number above 0 and below `most`; *value stays as it is where the file has no such key. */
static ij_status real(const ij_model_file *file, const char *key, float most, float *value)
{
    const char *text = ij_model_file_metadata(file, key);
    char *end;
    if (!text)
        return IJ_OK;
    *value = strtof(text, &end);
    if (end == text || *end || !(*value > 0 && *value < most))
        return ij_fail(IJ_EFORMAT, "%s: damaged metadata: %s is \"%.40s\"", file->path, key, text);
    return IJ_OK;
}

ij_status ij_model_metadata_read(ij_model_file *file)
{
    ij_model_file_info *info = &file->info;
    const char *found = ij_model_file_metadata(file, version_key);
    if (found && strcmp(found, version) != 0)
        return ij_fail(IJ_EFORMAT, "%s: checkpoint of version %.40s; this program reads version %s", file->path, found,
                       version);
    ij_status status = IJ_OK;
    for (int i = 0; i < N_SHAPE && !status; i++) {
        int64_t value = 0;
        status = whole(file, shape_fields[i].key, 0, INT_MAX, &value);
        int n = (int)value;
        memcpy((char *)&info->model + shape_fields[i].offset, &n, sizeof n);
    }
    if (!status)
        status = real(file, "model.norm_eps", 1, &info->model.norm_eps);
    if (!status)
        status = real(file, "model.target_eps", 1, &info->model.target_eps);
    if (!status)
        status = real(file, position_key, FLT_MAX, &info->model.position_scale);
    if (!status)
        status = whole(file, "epoch", 0, INT64_MAX, &info->epoch);
    return status ? status : whole(file, "iteration", 0, INT64_MAX, &info->iteration);
}

/* ---- Writing ---------------------------------------------------------------------------------------------------- */

void ij_model_metadata_add(ij_model_metadata *m, const char *key, const char *text)
{
    m->pair[m->count][0] = key;
    m->pair[m->count++][1] = text;
}

void ij_model_metadata_number(ij_model_metadata *m, const char *key, int64_t number)
{
    snprintf(m->value[m->count], sizeof m->value[0], "%" PRId64, number);
    ij_model_metadata_add(m, key, m->value[m->count]);
}

static void add_real(ij_model_metadata *m, const char *key, double real)
{
    snprintf(m->value[m->count], sizeof m->value[0], "%.9g", real);
    ij_model_metadata_add(m, key, m->value[m->count]);
}

void ij_model_metadata_start(ij_model_metadata *m, const ij_model_config *model, int64_t epoch, int64_t iteration)
{
    m->count = 0;
    ij_model_metadata_add(m, IJ_ST_CHECKSUM, NULL);
    ij_model_metadata_add(m, "format", "pt"); /* what PyTorch's loaders expect to find */
    ij_model_metadata_add(m, version_key, version);
    for (int i = 0; i < N_SHAPE; i++) {
        int n;
        memcpy(&n, (const char *)model + shape_fields[i].offset, sizeof n);
        if (n) /* not the sizes of a predictor that is not there */
            ij_model_metadata_number(m, shape_fields[i].key, n);
    }
    add_real(m, "model.norm_eps", (double)model->norm_eps);
    add_real(m, "model.target_eps", (double)model->target_eps);
    if (ij_model_position_scale(model) != 1)
        add_real(m, position_key, (double)model->position_scale);
    if (epoch >= 0)
        ij_model_metadata_number(m, "epoch", epoch);
    if (iteration >= 0)
        ij_model_metadata_number(m, "iteration", iteration);
}

void ij_model_metadata_of(ij_model_metadata *m, const ij_model_file *file)
{
    static const char *const copied[] = {"seed",       "rescale_residual", "init",    "config",       "data.images",
                                         "data.names", "epoch.iterations", "numbers", "ijepa.version"};
    const ij_model_file_info *info = ij_model_file_describe(file);
    ij_model_metadata_start(m, &info->model, info->epoch, info->iteration);
    for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++) {
        const char *text = info->kind == IJ_MODEL_FILE_OWN ? ij_model_file_metadata(file, copied[i]) : NULL;
        if (text)
            ij_model_metadata_add(m, copied[i], text);
    }
}
