/* transformers' IJepaModel (and IJepaForImageClassification, whose classifier is passed over): config.json beside
 * model.safetensors, or beside model.safetensors.index.json and the files that it names. The names are those that
 * save_pretrained writes. The encoder is a target encoder; its query, key and value become one qkv. */
#include "engine/files/file_read.h"
#include "engine/files/json_text.h"
#include "engine/files/model_file_kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_SHARDS = 256, MAX_CONFIG = 1 << 20, MAX_INDEX = 16 << 20 };
static const char single_name[] = "model.safetensors", index_name[] = "model.safetensors.index.json";
static const char classifier_prefix[] = "ijepa.", layer_prefix[] = "encoder.layer.";

typedef struct shard {
    char *name; /* within the folder; NULL where it is the only one */
    ij_safetensors *file;
} shard;

/* What an offered tensor is made of: one tensor, or query, key and value. */
typedef struct part {
    const ij_safetensors *file;
    const ij_st_tensor *tensor;
} part;
typedef struct source {
    part parts[3];
    int count;
} source;

typedef struct huggingface {
    shard *shards;
    int n_shards;
    source *sources;
    int n_sources;
    int rest; /* tensors that are no part of the model, and one of them */
    const char *example;
} huggingface;

/* ---- Reading ---------------------------------------------------------------------------------------------------- */

static ij_status read_parts(void *state, int number, const ij_model_tensor *tensor, float *values)
{
    const source *s = &((huggingface *)state)->sources[number];
    size_t each = (size_t)tensor->elements / (size_t)s->count;
    ij_status status = IJ_OK;
    for (int i = 0; i < s->count && !status; i++)
        status = ij_safetensors_read_floats(s->parts[i].file, s->parts[i].tensor, values + (size_t)i * each);
    return status;
}

static const char *read_metadata(const void *state, const char *key)
{
    const huggingface *h = state;
    return h->n_shards ? ij_safetensors_metadata(h->shards[0].file, key) : NULL;
}

static void close_all(void *state)
{
    huggingface *h = state;
    if (!h)
        return;
    for (int i = 0; i < h->n_shards; i++) {
        ij_safetensors_close(h->shards[i].file);
        free(h->shards[i].name);
    }
    free(h->shards);
    free(h->sources);
    free(h);
}

/* ---- Paths ------------------------------------------------------------------------------------------------------ */

/* `name` in the folder that `path` is, or that the file `path` lies in; malloc'ed. */
static ij_status path_in(char **out, const char *path, bool folder, const char *name)
{
    const char *slash = strrchr(path, '/');
    int length = folder ? (int)strlen(path) : slash ? (int)(slash - path) : 0;
    size_t room = (size_t)length + strlen(name) + 2;
    if (!(*out = malloc(room)))
        return ij_fail(IJ_ENOMEM, "%s: no memory for the paths of its parts", path);
    if (!folder && !slash)
        snprintf(*out, room, "%s", name);
    else
        snprintf(*out, room, "%.*s/%s", length, path, name);
    return IJ_OK;
}

static bool exists(const char *path, bool folder, const char *name)
{
    char *full;
    struct stat st;
    if (path_in(&full, path, folder, name))
        return false;
    bool found = stat(full, &st) == 0;
    free(full);
    return found;
}

/* Reads and parses a JSON file beside the model; *where is its path, malloc'ed, also on failure. */
static ij_status read_json(cJSON **object, char **where, const char *path, bool folder, const char *name, size_t limit)
{
    char *text = NULL;
    size_t bytes;
    *object = NULL;
    ij_status status = path_in(where, path, folder, name);
    if (!status)
        status = ij_file_read_text(*where, limit, &text, &bytes);
    if (!status)
        status = ij_json_parse(object, *where, text, bytes);
    free(text);
    if (!status)
        status = ij_json_unique(*object, *where);
    return status;
}

/* ---- config.json ------------------------------------------------------------------------------------------------ */

/* A size, given as a number or as [n, n]. *value stays 0 where there is none: the tensors tell then. */
static ij_status config_size(const cJSON *config, const char *where, const char *key, int *value)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(config, key);
    int64_t n = 0, other;
    if (!item)
        return IJ_OK;
    bool good = ij_json_whole(item, &n);
    if (cJSON_IsArray(item) && cJSON_GetArraySize(item) == 2)
        good = ij_json_whole(item->child, &n) && ij_json_whole(item->child->next, &other) && n == other;
    if (!good || n < 1 || n > 1 << 20)
        return ij_fail(IJ_EFORMAT, "%s: %s is no usable size", where, key);
    *value = (int)n;
    return IJ_OK;
}

/* A text that must be `wanted` where it is given. */
static ij_status config_text(const cJSON *config, const char *where, const char *key, const char *wanted)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(config, key);
    if (!item || (cJSON_IsString(item) && strcmp(item->valuestring, wanted) == 0))
        return IJ_OK;
    return ij_fail(IJ_EFORMAT, "%s: %s is %s%.60s, not %s", where, key, cJSON_IsString(item) ? "" : "not a text",
                   cJSON_IsString(item) ? item->valuestring : "", wanted);
}

static ij_status apply_config(ij_model_file *file, const cJSON *config, const char *where)
{
    ij_model_config *m = &file->info.model;
    int channels = 3;
    const struct {
        const char *key;
        int *value;
    } sizes[] = {{"hidden_size", &m->dim},           {"num_hidden_layers", &m->depth},
                 {"num_attention_heads", &m->heads}, {"intermediate_size", &m->hidden},
                 {"image_size", &m->crop},           {"patch_size", &m->patch},
                 {"num_channels", &channels}};
    ij_status status = IJ_OK;
    if (!cJSON_GetObjectItemCaseSensitive(config, "model_type"))
        return ij_fail(IJ_EFORMAT, "%s: has no model_type: it is not a configuration of transformers", where);
    status = config_text(config, where, "model_type", "ijepa");
    if (!status)
        status = config_text(config, where, "hidden_act", "gelu");
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] && !status; i++)
        status = config_size(config, where, sizes[i].key, sizes[i].value);
    if (status)
        return status;
    if (channels != 3)
        return ij_fail(IJ_EFORMAT, "%s: num_channels is %d; the models here see 3", where, channels);
    if (cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(config, "qkv_bias")))
        return ij_fail(IJ_EFORMAT, "%s: qkv_bias is false; the models here have that bias", where);
    const cJSON *eps = cJSON_GetObjectItemCaseSensitive(config, "layer_norm_eps");
    if (eps && !(cJSON_IsNumber(eps) && eps->valuedouble > 1e-30 && eps->valuedouble < 1))
        return ij_fail(IJ_EFORMAT, "%s: layer_norm_eps is no number between 0 and 1", where);
    m->norm_eps = eps ? (float)eps->valuedouble : 1e-12f; /* transformers' default */
    return IJ_OK;
}

static ij_status read_config(ij_model_file *file, bool folder)
{
    cJSON *config;
    char *where = NULL;
    ij_status status = read_json(&config, &where, file->path, folder, "config.json", MAX_CONFIG);
    if (status)
        status = ij_fail_in(status, "%s: cannot use its configuration: ", file->path);
    else
        status = apply_config(file, config, where);
    cJSON_Delete(config);
    free(where);
    return status;
}

/* ---- The files of tensors --------------------------------------------------------------------------------------- */

/* Adds a file of the folder unless it is there already; its number. */
static ij_status add_shard(ij_model_file *file, bool folder, const char *name, int *number)
{
    huggingface *h = file->state;
    for (*number = 0; *number < h->n_shards; ++*number)
        if (strcmp(h->shards[*number].name, name) == 0)
            return IJ_OK;
    if (strchr(name, '/') || strcmp(name, "..") == 0)
        return ij_fail(IJ_EFORMAT, "%s: its index names %.200s, a file outside its folder", file->path, name);
    if (h->n_shards == MAX_SHARDS)
        return ij_fail(IJ_EFORMAT, "%s: is in more than %d files", file->path, MAX_SHARDS);
    char *path, *copy = malloc(strlen(name) + 1);
    if (!copy)
        return ij_fail(IJ_ENOMEM, "%s: no memory for a list of its files", file->path);
    memcpy(copy, name, strlen(name) + 1);
    shard *s = &h->shards[h->n_shards++];
    *s = (shard){.name = copy};
    ij_status status = path_in(&path, file->path, folder, name);
    if (!status)
        status = ij_safetensors_open(&s->file, path);
    free(path);
    return status;
}

/* Opens what the index names, and sees that each tensor is where it says. */
static ij_status open_index(ij_model_file *file, bool folder, const cJSON *index, const char *where)
{
    huggingface *h = file->state;
    const cJSON *map = cJSON_GetObjectItemCaseSensitive(index, "weight_map"), *entry;
    if (!cJSON_IsObject(map) || !map->child)
        return ij_fail(IJ_EFORMAT, "%s: has no weight_map: it is not an index of safetensors files", where);
    ij_status status = ij_json_unique(map, where);
    cJSON_ArrayForEach(entry, map)
    {
        int number = 0;
        if (status)
            break;
        if (!cJSON_IsString(entry))
            return ij_fail(IJ_EFORMAT, "%s: its weight_map does not name a file for %.100s", where, entry->string);
        status = add_shard(file, folder, entry->valuestring, &number);
        if (!status && !ij_safetensors_find(h->shards[number].file, entry->string))
            status = ij_fail(IJ_EFORMAT, "%s: %.100s is not in %.100s, where the index has it", where, entry->string,
                             entry->valuestring);
    }
    return status;
}

static ij_status open_parts(ij_model_file *file, bool folder)
{
    huggingface *h = file->state;
    int number;
    if (h->n_shards) /* opened already */
        return IJ_OK;
    if (folder && exists(file->path, true, single_name))
        return add_shard(file, true, single_name, &number);
    if (folder && !exists(file->path, true, index_name))
        return ij_fail(IJ_EFORMAT, "%s: a folder with neither %s nor %s in it%s", file->path, single_name, index_name,
                       exists(file->path, true, "pytorch_model.bin")
                           ? "; transformers' save_pretrained writes the former from its pytorch_model.bin"
                           : "");
    const char *slash = strrchr(file->path, '/');
    const char *name = folder ? index_name : slash ? slash + 1 : file->path;
    cJSON *index;
    char *where = NULL;
    ij_status status = read_json(&index, &where, file->path, folder, name, MAX_INDEX);
    if (!status)
        status = open_index(file, folder, index, where);
    cJSON_Delete(index);
    free(where);
    return status;
}

/* ---- Names ------------------------------------------------------------------------------------------------------ */

/* Whether `text` is FROM.weight or FROM.bias; then *ending is what follows FROM. */
static bool is_part(const char *text, const char *from, const char **ending)
{
    size_t length = strlen(from);
    if (strncmp(text, from, length) != 0)
        return false;
    *ending = text + length;
    return strcmp(*ending, ".weight") == 0 || strcmp(*ending, ".bias") == 0;
}

/* The official name of transformers' `name`, which is without "ijepa."; false where it is no part of the model. *qkv:
 * 0, 1, 2 where it is query, key, value; else -1. */
static bool translate(const char *name, char *official, size_t room, int *qkv)
{
    static const char *const around[][2] = {{"embeddings.patch_embeddings.projection", "patch_embed.proj"},
                                            {"layernorm", "norm"}};
    static const char *const within[][2] = {{"attention.attention.query", "attn.qkv"},
                                            {"attention.attention.key", "attn.qkv"},
                                            {"attention.attention.value", "attn.qkv"},
                                            {"attention.output.dense", "attn.proj"},
                                            {"layernorm_before", "norm1"},
                                            {"layernorm_after", "norm2"},
                                            {"intermediate.dense", "mlp.fc1"},
                                            {"output.dense", "mlp.fc2"}};
    const char *ending;
    *qkv = -1;
    if (strcmp(name, "embeddings.position_embeddings") == 0)
        return snprintf(official, room, "target_encoder.pos_embed") > 0;
    for (size_t i = 0; i < sizeof around / sizeof around[0]; i++)
        if (is_part(name, around[i][0], &ending))
            return snprintf(official, room, "target_encoder.%s%s", around[i][1], ending) > 0;
    if (strncmp(name, layer_prefix, strlen(layer_prefix)) != 0)
        return false;
    const char *number = name + strlen(layer_prefix);
    size_t digits = strspn(number, "0123456789");
    if (digits < 1 || digits > 6 || number[digits] != '.')
        return false;
    for (int i = 0; i < (int)(sizeof within / sizeof within[0]); i++)
        if (is_part(number + digits + 1, within[i][0], &ending)) {
            *qkv = i < 3 ? i : -1;
            return snprintf(official, room, "target_encoder.blocks.%.*s.%s%s", (int)digits, number, within[i][1],
                            ending) > 0;
        }
    return false;
}

static part find_part(const huggingface *h, const char *name)
{
    part found = {0};
    for (int i = 0; i < h->n_shards && !found.tensor; i++)
        found = (part){h->shards[i].file, ij_safetensors_find(h->shards[i].file, name)};
    return found;
}

/* Gathers key and value to the query named `name`: three of one shape [D, ...] make one [3D, ...]. */
static ij_status gather_qkv(const ij_model_file *file, const char *name, source *s, int64_t *shape)
{
    static const char *const others[3] = {"query", "key", "value"};
    const char *at = strstr(name, ".query.");
    const ij_st_tensor *query = s->parts[0].tensor;
    for (int i = 1; i < 3; i++) {
        char full[160];
        snprintf(full, sizeof full, "%.*s.%s.%s", (int)(at - name), name, others[i], at + strlen(".query."));
        s->parts[i] = find_part(file->state, full);
        const ij_st_tensor *t = s->parts[i].tensor;
        if (!t)
            return ij_fail(IJ_EFORMAT, "%s: has no tensor %s", file->path, full);
        bool same = t->dims == query->dims && ij_dtype_is_float(t->dtype);
        for (int d = 0; d < t->dims && same; d++)
            same = t->shape[d] == query->shape[d];
        if (!same)
            return ij_fail(IJ_EFORMAT, "%s: tensor %s has not the shape of the query beside it, or no weights",
                           file->path, full);
    }
    if (query->dims < 1 || query->shape[0] > 1 << 20)
        return ij_fail(IJ_EFORMAT, "%s: tensor %s has an impossible shape", file->path, name);
    shape[0] = 3 * query->shape[0];
    s->count = 3;
    return IJ_OK;
}

static ij_status offer(ij_model_file *file, const ij_safetensors *opened, const ij_st_tensor *t)
{
    huggingface *h = file->state;
    char official[128], query[160];
    int64_t shape[8];
    int qkv;
    size_t length = strlen(classifier_prefix);
    const char *name = strncmp(t->name, classifier_prefix, length) == 0 ? t->name + length : t->name;
    if (!translate(name, official, sizeof official, &qkv)) {
        h->rest++;
        h->example = t->name;
        return IJ_OK;
    }
    source *s = &h->sources[h->n_sources];
    *s = (source){.parts = {{opened, t}}, .count = 1};
    memcpy(shape, t->shape, sizeof shape);
    if (qkv > 0) { /* comes with its query, which must be there */
        const char *at = strstr(t->name, qkv == 1 ? ".key." : ".value.");
        snprintf(query, sizeof query, "%.*s.query.%s", (int)(at - t->name), t->name, strchr(at + 1, '.') + 1);
        return find_part(h, query).tensor ? IJ_OK : ij_fail(IJ_EFORMAT, "%s: has no tensor %s", file->path, query);
    }
    ij_status status = qkv == 0 ? gather_qkv(file, t->name, s, shape) : IJ_OK;
    return status ? status : ij_model_file_offer(file, official, t->dtype, t->dims, shape, h->n_sources++);
}

static ij_status offer_all(ij_model_file *file)
{
    huggingface *h = file->state;
    size_t tensors = 0;
    for (int i = 0; i < h->n_shards; i++)
        tensors += (size_t)ij_safetensors_count(h->shards[i].file);
    h->sources = calloc(tensors + 1, sizeof *h->sources);
    if (!h->sources)
        return ij_fail(IJ_ENOMEM, "%s: no memory for a list of %zu tensors", file->path, tensors);
    ij_status status = IJ_OK;
    for (int i = 0; i < h->n_shards; i++)
        for (int t = 0; t < ij_safetensors_count(h->shards[i].file) && !status; t++)
            status = offer(file, h->shards[i].file, ij_safetensors_at(h->shards[i].file, t));
    if (!status && h->rest)
        status = ij_model_file_add_note(file, "%d tensor%s such as %.100s %s not part of the model: passed over",
                                        h->rest, h->rest == 1 ? "" : "s", h->example, h->rest == 1 ? "is" : "are");
    return status;
}

bool ij_model_is_huggingface(const ij_safetensors *opened)
{
    for (int i = 0; i < ij_safetensors_count(opened); i++) {
        const char *name = ij_safetensors_at(opened, i)->name;
        if (strncmp(name, classifier_prefix, strlen(classifier_prefix)) == 0)
            name += strlen(classifier_prefix);
        if (strncmp(name, "embeddings.", strlen("embeddings.")) == 0 ||
            strncmp(name, layer_prefix, strlen(layer_prefix)) == 0)
            return true;
    }
    return false;
}

ij_status ij_model_open_huggingface(ij_model_file *file, ij_safetensors *opened)
{
    static const ij_model_reader reader = {.read = read_parts, .metadata = read_metadata, .close = close_all};
    struct stat st;
    bool folder = !opened && stat(file->path, &st) == 0 && S_ISDIR(st.st_mode);
    huggingface *h = calloc(1, sizeof *h);
    if (!h || !(h->shards = calloc(MAX_SHARDS, sizeof *h->shards))) {
        free(h);
        ij_safetensors_close(opened);
        return ij_fail(IJ_ENOMEM, "%s: no memory to open it", file->path);
    }
    file->reader = &reader;
    file->state = h;
    file->info.kind = IJ_MODEL_FILE_HUGGINGFACE;
    if (opened)
        h->shards[h->n_shards++].file = opened;
    ij_status status = open_parts(file, folder);
    if (!status)
        status = read_config(file, folder);
    return status ? status : offer_all(file);
}
