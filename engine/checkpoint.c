#include "engine/checkpoint.h"

#include "engine/safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Metadata: ij_checkpoint_meta as text ----------------------------------------------------------------------- */

static const char version_key[] = "ijepa.checkpoint", version[] = "1";

enum { MAX_PAIRS = 20, VALUE_BYTES = 32 };

/* The integers of the model's shape. */
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

typedef struct metadata {
    const char *pair[MAX_PAIRS][2];
    char value[MAX_PAIRS][VALUE_BYTES];
    int count;
} metadata;

/* Appends a pair and returns where its value, VALUE_BYTES long, is to be printed. */
static char *add_pair(metadata *m, const char *key)
{
    m->pair[m->count][0] = key;
    m->pair[m->count][1] = m->value[m->count];
    return m->value[m->count++];
}

static void fill_metadata(metadata *m, const ij_checkpoint_meta *meta)
{
    m->count = 0;
    snprintf(add_pair(m, "format"), VALUE_BYTES, "pt"); /* what PyTorch's loaders expect to find */
    snprintf(add_pair(m, version_key), VALUE_BYTES, "%s", version);
    for (int i = 0; i < N_SHAPE; i++) {
        int n;
        memcpy(&n, (const char *)&meta->model + shape_fields[i].offset, sizeof n);
        snprintf(add_pair(m, shape_fields[i].key), VALUE_BYTES, "%d", n);
    }
    snprintf(add_pair(m, "model.norm_eps"), VALUE_BYTES, "%.9g", (double)meta->model.norm_eps);
    snprintf(add_pair(m, "model.target_eps"), VALUE_BYTES, "%.9g", (double)meta->model.target_eps);
    snprintf(add_pair(m, "epoch"), VALUE_BYTES, "%" PRId64, meta->epoch);
    snprintf(add_pair(m, "iteration"), VALUE_BYTES, "%" PRId64, meta->iteration);
    snprintf(add_pair(m, "seed"), VALUE_BYTES, "%" PRIu64, meta->seed);
    snprintf(add_pair(m, "rescale_residual"), VALUE_BYTES, "%d", meta->rescale_residual);
}

static ij_status missing_value(const char *path, const char *key)
{
    return ij_fail(IJ_EFORMAT, "%s: not a checkpoint of this program: its metadata have no usable %s", path, key);
}

static ij_status read_integer(const ij_safetensors *file, const char *path, const char *key, int64_t limit,
                              int64_t *value)
{
    const char *text = ij_safetensors_metadata(file, key);
    char *end;
    errno = 0;
    *value = text ? strtoll(text, &end, 10) : -1;
    if (!text || end == text || *end || errno || *value < 0 || *value > limit)
        return missing_value(path, key);
    return IJ_OK;
}

static ij_status read_epsilon(const ij_safetensors *file, const char *path, const char *key, float *value)
{
    const char *text = ij_safetensors_metadata(file, key);
    char *end;
    *value = text ? strtof(text, &end) : 0;
    if (!text || end == text || *end || !(*value > 0 && *value < 1))
        return missing_value(path, key);
    return IJ_OK;
}

static ij_status read_metadata(const ij_safetensors *file, const char *path, ij_checkpoint_meta *meta)
{
    const char *found = ij_safetensors_metadata(file, version_key);
    if (!found)
        return missing_value(path, version_key);
    if (strcmp(found, version) != 0)
        return ij_fail(IJ_EFORMAT, "%s: checkpoint of version %s; this program reads version %s", path, found, version);
    ij_status status = IJ_OK;
    for (int i = 0; i < N_SHAPE && !status; i++) {
        int64_t value = 0;
        status = read_integer(file, path, shape_fields[i].key, INT_MAX, &value);
        int n = (int)value;
        memcpy((char *)&meta->model + shape_fields[i].offset, &n, sizeof n);
    }
    if (!status)
        status = read_epsilon(file, path, "model.norm_eps", &meta->model.norm_eps);
    if (!status)
        status = read_epsilon(file, path, "model.target_eps", &meta->model.target_eps);
    if (!status)
        status = read_integer(file, path, "epoch", INT64_MAX, &meta->epoch);
    if (!status)
        status = read_integer(file, path, "iteration", INT64_MAX, &meta->iteration);
    const char *seed = ij_safetensors_metadata(file, "seed");
    if (!status && (!seed || sscanf(seed, "%" SCNu64, &meta->seed) != 1))
        status = missing_value(path, "seed");
    int64_t rescale = 0;
    if (!status)
        status = read_integer(file, path, "rescale_residual", 1, &rescale);
    meta->rescale_residual = rescale == 1;
    if (!status && ij_model_config_check(&meta->model))
        status = ij_fail_in(IJ_EFORMAT, "%s: damaged metadata: ", path);
    return status;
}

ij_status ij_checkpoint_describe(const char *path, ij_checkpoint_meta *meta)
{
    ij_safetensors *file;
    *meta = (ij_checkpoint_meta){0};
    ij_status status = ij_safetensors_open(&file, path);
    if (!status)
        status = read_metadata(file, path, meta);
    ij_safetensors_close(file);
    return status;
}

/* ---- Writing ---------------------------------------------------------------------------------------------------- */

/* The position tables: not trained, so no tensors of the trainer, but part of the official files. */
typedef struct fixed_table {
    const char *name;
    const float *values;
    int width;
} fixed_table;
enum { N_FIXED = 3 };

static void fixed_tables(const ij_trainer *t, const ij_model_config *model, fixed_table tables[N_FIXED])
{
    tables[0] = (fixed_table){"encoder.pos_embed", ij_trainer_pos_embed(t), model->dim};
    tables[1] = (fixed_table){"predictor.predictor_pos_embed", ij_trainer_predictor_pos_embed(t), model->pred_dim};
    tables[2] = (fixed_table){"target_encoder.pos_embed", ij_trainer_pos_embed(t), model->dim};
}

static ij_st_entry entry_of(const ij_tensor_info *info)
{
    ij_st_entry entry = {.name = info->name, .dtype = IJ_F32, .dims = info->dims};
    for (int i = 0; i < info->dims; i++)
        entry.shape[i] = info->shape[i];
    return entry;
}

/* Announces every tensor: the trainer's in its order, then the tables. */
static ij_status start(ij_trainer *t, const char *path, const ij_checkpoint_meta *meta,
                       const fixed_table tables[N_FIXED], ij_st_writer **writer)
{
    int trained = ij_trainer_tensor_count(t);
    ij_st_entry *entries = malloc((size_t)(trained + N_FIXED) * sizeof *entries);
    if (!entries)
        return ij_fail(IJ_ENOMEM, "%s: no host memory to list %d tensors", path, trained + N_FIXED);
    for (int i = 0; i < trained; i++)
        entries[i] = entry_of(ij_trainer_tensor(t, i));
    for (int i = 0; i < N_FIXED; i++)
        entries[trained + i] =
            (ij_st_entry){tables[i].name, IJ_F32, 3, {1, ij_model_patches(&meta->model), tables[i].width}};
    metadata m;
    fill_metadata(&m, meta);
    ij_status status =
        ij_safetensors_create(writer, path, entries, trained + N_FIXED, (const char *const(*)[2])m.pair, m.count);
    free(entries);
    return status;
}

/* Room for the trainer's largest tensor; malloc'ed. */
static ij_status largest_tensor(ij_trainer *t, float **values)
{
    int64_t largest = 0;
    for (int i = 0; i < ij_trainer_tensor_count(t); i++)
        if (ij_trainer_tensor(t, i)->elements > largest)
            largest = ij_trainer_tensor(t, i)->elements;
    *values = malloc((size_t)largest * sizeof **values);
    return *values ? IJ_OK : ij_fail(IJ_ENOMEM, "no host memory for a tensor of %" PRId64 " floats", largest);
}

ij_status ij_checkpoint_write(ij_trainer *t, const char *path, const ij_checkpoint_meta *meta)
{
    fixed_table tables[N_FIXED];
    fixed_tables(t, &meta->model, tables);
    ij_st_writer *writer = NULL;
    float *values;
    ij_status status = largest_tensor(t, &values);
    if (!status)
        status = start(t, path, meta, tables, &writer);
    for (int i = 0; i < ij_trainer_tensor_count(t) && !status; i++) {
        status = ij_trainer_read(t, i, IJ_STORE_WEIGHT, values);
        if (!status)
            status = ij_safetensors_write(writer, values, (size_t)ij_trainer_tensor(t, i)->elements * sizeof *values);
    }
    size_t patches = (size_t)ij_model_patches(&meta->model);
    for (int i = 0; i < N_FIXED && !status; i++)
        status = ij_safetensors_write(writer, tables[i].values, patches * (size_t)tables[i].width * sizeof(float));
    free(values);
    if (status) {
        ij_safetensors_abandon(writer);
        return status;
    }
    return ij_safetensors_finish(writer);
}

/* ---- Reading ---------------------------------------------------------------------------------------------------- */

static void print_shape(char *text, size_t room, int dims, const int64_t *shape)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < dims && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, "%s%" PRId64, i ? ", " : "", shape[i]);
}

/* The file has every tensor of the trainer, in its shape, as float32. */
static ij_status check_tensors(const ij_trainer *t, const ij_safetensors *file, const char *path)
{
    for (int i = 0; i < ij_trainer_tensor_count(t); i++) {
        const ij_tensor_info *want = ij_trainer_tensor(t, i);
        const ij_st_tensor *have = ij_safetensors_find(file, want->name);
        if (!have)
            return ij_fail(IJ_EFORMAT, "%s: has no tensor %s: it holds another model, or only a part of one", path,
                           want->name);
        bool same = have->dims == want->dims;
        for (int d = 0; d < want->dims && same; d++)
            same = have->shape[d] == want->shape[d];
        if (!same) {
            char had[192], wanted[192];
            print_shape(had, sizeof had, have->dims, have->shape);
            print_shape(wanted, sizeof wanted, want->dims, want->shape);
            return ij_fail(IJ_EFORMAT, "%s: tensor %s has shape [%s], the model's is [%s]", path, want->name, had,
                           wanted);
        }
        if (have->dtype != IJ_F32)
            return ij_fail(IJ_EFORMAT, "%s: tensor %s is not stored as float32", path, want->name);
    }
    return IJ_OK;
}

static bool trainer_has(const ij_trainer *t, const char *name)
{
    for (int i = 0; i < ij_trainer_tensor_count(t); i++)
        if (strcmp(ij_trainer_tensor(t, i)->name, name) == 0)
            return true;
    return false;
}

/* The file has no weights that the trainer lacks: those of a deeper model would load without a word otherwise. */
static ij_status check_nothing_more(const ij_trainer *t, const ij_safetensors *file, const char *path)
{
    static const char *const networks[] = {"encoder.", "predictor.", "target_encoder."};
    for (int i = 0; i < ij_safetensors_count(file); i++) {
        const char *name = ij_safetensors_at(file, i)->name;
        for (size_t n = 0; n < sizeof networks / sizeof networks[0]; n++) {
            if (strncmp(name, networks[n], strlen(networks[n])) != 0)
                continue;
            const char *table = name + strlen(networks[n]);
            bool fixed = strcmp(table, "pos_embed") == 0 || strcmp(table, "predictor_pos_embed") == 0;
            if (!fixed && !trainer_has(t, name))
                return ij_fail(IJ_EFORMAT, "%s: tensor %s is not part of the model: the file's is deeper", path, name);
        }
    }
    return IJ_OK;
}

ij_status ij_checkpoint_read(ij_trainer *t, const char *path)
{
    ij_safetensors *file;
    float *values = NULL;
    ij_status status = ij_safetensors_open(&file, path);
    if (!status)
        status = check_tensors(t, file, path);
    if (!status)
        status = check_nothing_more(t, file, path);
    if (!status)
        status = largest_tensor(t, &values);
    for (int i = 0; i < ij_trainer_tensor_count(t) && !status; i++) {
        const ij_st_tensor *tensor = ij_safetensors_find(file, ij_trainer_tensor(t, i)->name);
        status = ij_safetensors_read(file, tensor, values);
        if (!status)
            status = ij_trainer_write(t, i, IJ_STORE_WEIGHT, values);
    }
    free(values);
    ij_safetensors_close(file);
    return status;
}
