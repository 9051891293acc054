/* Our own checkpoints: safetensors with the official names and, in the metadata, what the run was. Files with these
 * names and no metadata are models of somebody's own, and as good. */
#include "engine/files/model_file_own.h"

#include "engine/files/model_file_kind.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char version_key[] = "ijepa.checkpoint", version[] = "1";

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

static ij_status read_own(void *state, int source, const ij_model_tensor *tensor, float *values)
{
    (void)tensor;
    return ij_safetensors_read_floats(state, ij_safetensors_at(state, source), values);
}

static const char *metadata_own(const void *state, const char *key)
{
    return ij_safetensors_metadata(state, key);
}

static ij_safetensors *whole_own(void *state)
{
    return state;
}

static void close_own(void *state)
{
    ij_safetensors_close(state);
}

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

static ij_status epsilon(const ij_model_file *file, const char *key, float *value)
{
    const char *text = ij_model_file_metadata(file, key);
    char *end;
    if (!text)
        return IJ_OK;
    *value = strtof(text, &end);
    if (end == text || *end || !(*value > 0 && *value < 1))
        return ij_fail(IJ_EFORMAT, "%s: damaged metadata: %s is \"%.40s\"", file->path, key, text);
    return IJ_OK;
}

static ij_status read_metadata(ij_model_file *file)
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
        status = epsilon(file, "model.norm_eps", &info->model.norm_eps);
    if (!status)
        status = epsilon(file, "model.target_eps", &info->model.target_eps);
    if (!status)
        status = whole(file, "epoch", 0, INT64_MAX, &info->epoch);
    return status ? status : whole(file, "iteration", 0, INT64_MAX, &info->iteration);
}

ij_status ij_model_open_own(ij_model_file *file, ij_safetensors *opened)
{
    static const ij_model_reader reader = {
        .read = read_own, .metadata = metadata_own, .whole = whole_own, .close = close_own};
    file->reader = &reader;
    file->state = opened;
    file->info.kind = IJ_MODEL_FILE_OWN;
    ij_status status = read_metadata(file);
    for (int i = 0; i < ij_safetensors_count(opened) && !status; i++) {
        const ij_st_tensor *t = ij_safetensors_at(opened, i);
        status = ij_model_file_offer(file, t->name, t->dtype, t->dims, t->shape, i);
    }
    return status;
}

/* ---- Writing ---------------------------------------------------------------------------------------------------- */

static char *add_pair(ij_model_metadata *m, const char *key)
{
    m->pair[m->count][0] = key;
    m->pair[m->count][1] = m->value[m->count];
    return m->value[m->count++];
}

void ij_model_metadata_fill(ij_model_metadata *m, const ij_model_file *file)
{
    static const char *const copied[] = {"seed", "rescale_residual", "config"};
    const ij_model_file_info *info = ij_model_file_describe(file);
    const size_t room = sizeof m->value[0];
    m->count = 0;
    snprintf(add_pair(m, "format"), room, "pt"); /* what PyTorch's loaders expect to find */
    snprintf(add_pair(m, version_key), room, "%s", version);
    for (int i = 0; i < N_SHAPE; i++) {
        int n;
        memcpy(&n, (const char *)&info->model + shape_fields[i].offset, sizeof n);
        if (n) /* not the sizes of a predictor that is not there */
            snprintf(add_pair(m, shape_fields[i].key), room, "%d", n);
    }
    snprintf(add_pair(m, "model.norm_eps"), room, "%.9g", (double)info->model.norm_eps);
    snprintf(add_pair(m, "model.target_eps"), room, "%.9g", (double)info->model.target_eps);
    if (info->epoch >= 0)
        snprintf(add_pair(m, "epoch"), room, "%" PRId64, info->epoch);
    if (info->iteration >= 0)
        snprintf(add_pair(m, "iteration"), room, "%" PRId64, info->iteration);
    for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++) {
        const char *text = info->kind == IJ_MODEL_FILE_OWN ? ij_model_file_metadata(file, copied[i]) : NULL;
        if (!text)
            continue;
        m->pair[m->count][0] = copied[i];
        m->pair[m->count++][1] = text;
    }
}
