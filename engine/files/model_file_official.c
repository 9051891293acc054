/* The official code's checkpoints (.pth.tar): torch.save's zip archive of a dictionary with the state dictionaries
 * encoder, predictor and target_encoder, the optimiser's (opt) and the epoch. Source: facebookresearch/ijepa,
 * src/train.py save_checkpoint and src/helper.py init_opt. */
#include "engine/files/file_read.h"
#include "engine/files/model_file_kind.h"
#include "engine/files/torch_pickle.h"
#include "engine/files/torch_zip.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PICKLE = 16 << 20 };
static const char module_prefix[] = "module."; /* DistributedDataParallel's */

typedef struct source {
    const ij_pickle_tensor *tensor;
    uint64_t at; /* where its storage lies in the file */
} source;

typedef struct official {
    char *path;
    ij_zip *zip;
    const char *folder; /* of the archive's entries, the zip's */
    ij_pickle *pickle;
    source *sources;
    int n_sources, room;
} official;

/* ---- Reading ---------------------------------------------------------------------------------------------------- */

static size_t width_of(const ij_pickle_tensor *t)
{
    return (size_t)ij_dtype_bits(t->dtype) / 8;
}

static bool contiguous(const ij_pickle_tensor *t)
{
    int64_t stride = 1;
    for (int d = t->dims - 1; d >= 0; stride *= t->shape[d--])
        if (t->shape[d] > 1 && t->stride[d] != stride)
            return false;
    return true;
}

/* The elements of a view in order: index by index, the last running fastest. `span` begins with the first element. */
static void gather(const ij_pickle_tensor *t, const float *span, float *values)
{
    int64_t index[8] = {0}, at = 0;
    for (int64_t i = 0; i < t->elements; i++) {
        values[i] = span[at];
        for (int d = t->dims - 1; d >= 0; d--) {
            at += t->stride[d];
            if (++index[d] < t->shape[d])
                break;
            at -= t->stride[d] * t->shape[d];
            index[d] = 0;
        }
    }
}

static ij_status read_floats(const official *o, const source *s, float *values)
{
    const ij_pickle_tensor *t = s->tensor;
    uint64_t at = s->at + (uint64_t)t->offset * width_of(t);
    int fd = ij_zip_descriptor(o->zip);
    int64_t span = 1;
    if (contiguous(t) || t->elements == 0)
        return ij_file_read_floats(fd, o->path, at, t->dtype, (size_t)t->elements, values);
    for (int d = 0; d < t->dims; d++)
        span += (t->shape[d] - 1) * t->stride[d];
    float *floats = malloc((size_t)span * sizeof *floats);
    if (!floats)
        return ij_fail(IJ_ENOMEM, "%s: no memory for a tensor of %lld elements", o->path, (long long)span);
    ij_status status = ij_file_read_floats(fd, o->path, at, t->dtype, (size_t)span, floats);
    if (!status)
        gather(t, floats, values);
    free(floats);
    return status;
}

static ij_status read_tensor(void *state, int number, const ij_model_tensor *tensor, float *values)
{
    const official *o = state;
    ij_status status = read_floats(o, &o->sources[number], values);
    return status ? ij_fail_in(status, "tensor %s: ", tensor->name) : IJ_OK;
}

static void close_all(void *state)
{
    official *o = state;
    if (!o)
        return;
    ij_pickle_free(o->pickle);
    ij_zip_close(o->zip);
    free(o->sources);
    free(o->path);
    free(o);
}

/* ---- The archive ------------------------------------------------------------------------------------------------ */

/* PyTorch 2.1 and later say which byte order the storages have; before, it was the machine's. */
static ij_status check_order(const official *o)
{
    char order[16] = {0};
    uint64_t at, bytes;
    if (!ij_zip_has(o->zip, o->folder, "byteorder"))
        return IJ_OK;
    ij_status status = ij_zip_find(o->zip, o->folder, "byteorder", &at, &bytes);
    if (!status)
        status = ij_file_read(ij_zip_descriptor(o->zip), o->path, at, order, bytes < 15 ? (size_t)bytes : 15);
    if (!status && strcmp(order, "little") != 0)
        status =
            ij_fail(IJ_EFORMAT, "%s: its numbers are big-endian: write it anew on a little-endian machine", o->path);
    return status;
}

static ij_status read_pickle(official *o)
{
    uint64_t at = 0, bytes = 0;
    ij_status status = ij_zip_find(o->zip, o->folder, "data.pkl", &at, &bytes);
    if (!status && bytes > MAX_PICKLE)
        status = ij_fail(IJ_EFORMAT, "%s: its data.pkl has %llu bytes, more than any model's", o->path,
                         (unsigned long long)bytes);
    if (status)
        return status;
    size_t room = strlen(o->path) + 16;
    unsigned char *pickle = malloc((size_t)bytes + 1);
    char *what = malloc(room);
    if (!pickle || !what)
        status = ij_fail(IJ_ENOMEM, "%s: no memory for its data.pkl", o->path);
    else
        status = ij_file_read(ij_zip_descriptor(o->zip), o->path, at, pickle, (size_t)bytes);
    if (!status) {
        snprintf(what, room, "%s: data.pkl", o->path);
        status = ij_pickle_read(&o->pickle, what, pickle, (size_t)bytes);
    }
    free(pickle);
    free(what);
    return status;
}

static ij_status open_archive(official *o)
{
    ij_status status = ij_zip_open(&o->zip, o->path);
    if (status)
        return status;
    if (!(o->folder = ij_zip_folder(o->zip, "data.pkl")))
        return ij_fail(IJ_EFORMAT, "%s: a zip archive, but not one of torch.save: there is no data.pkl in it", o->path);
    status = check_order(o);
    return status ? status : read_pickle(o);
}

/* ---- State dictionaries ----------------------------------------------------------------------------------------- */

/* Remembers a tensor; its storage must be in the archive, and whole. */
static ij_status add_source(official *o, const ij_pickle_tensor *tensor, const source **added)
{
    char name[128];
    if (o->n_sources == o->room) {
        int room = o->room ? 2 * o->room : 256;
        source *longer = realloc(o->sources, (size_t)room * sizeof *longer);
        if (!longer)
            return ij_fail(IJ_ENOMEM, "%s: no memory for a list of %d tensors", o->path, room);
        o->sources = longer;
        o->room = room;
    }
    source *s = &o->sources[o->n_sources];
    *s = (source){.tensor = tensor};
    uint64_t bytes = 0;
    snprintf(name, sizeof name, "data/%.100s", tensor->key);
    ij_status status = ij_zip_find(o->zip, o->folder, name, &s->at, &bytes);
    if (!status && (uint64_t)tensor->storage > bytes / width_of(tensor))
        status = ij_fail(IJ_EFORMAT, "%s: storage %s is smaller than its tensor needs", o->path, name);
    if (!status)
        o->n_sources++;
    *added = s;
    return status;
}

static ij_status offer(ij_model_file *file, const char *prefix, const char *name, const ij_pickle_tensor *t)
{
    official *o = file->state;
    const source *added;
    ij_status status = add_source(o, t, &added);
    if (status)
        return status;
    char *full = malloc(strlen(prefix) + strlen(name) + 1);
    if (!full)
        return ij_fail(IJ_ENOMEM, "%s: no memory for the names of its tensors", file->path);
    strcat(strcpy(full, prefix), name);
    status = ij_model_file_offer(file, full, t->dtype, t->dims, t->shape, o->n_sources - 1);
    free(full);
    return status;
}

static const char *without_module(const char *name)
{
    size_t length = strlen(module_prefix);
    return strncmp(name, module_prefix, length) == 0 ? name + length : name;
}

/* The state dictionary of one network, if it is there. */
static ij_status offer_network(ij_model_file *file, const ij_pickle_value *root, const char *key, const char *prefix)
{
    const ij_pickle_value *dict = ij_pickle_get(root, key);
    ij_status status = IJ_OK;
    if (!dict || dict->kind == IJ_PICKLE_NONE)
        return IJ_OK;
    if (dict->kind != IJ_PICKLE_DICT)
        return ij_fail(IJ_EFORMAT, "%s: its %s is no dictionary of tensors", file->path, key);
    for (size_t i = 0; i + 1 < dict->count && !status; i += 2) {
        if (dict->items[i]->kind != IJ_PICKLE_TEXT || dict->items[i + 1]->kind != IJ_PICKLE_TENSOR)
            return ij_fail(IJ_EFORMAT, "%s: its %s holds something that is no tensor", file->path, key);
        status = offer(file, prefix, without_module(dict->items[i]->text), dict->items[i + 1]->tensor);
    }
    return status;
}

/* ---- The optimiser ---------------------------------------------------------------------------------------------- */

/* The optimiser knows parameters by number. They are numbered through four groups: what decays of the encoder, of the
 * predictor, what does not of the encoder, of the predictor, each in the order of the state dictionary, the tables
 * among them (which have no state) or, in a file of a code that leaves them out, not. */
typedef struct numbering {
    const char **names; /* by number; without network */
    bool *predictor;
    size_t count, group[4];
} numbering;

static void number_group(numbering *n, int group, const ij_pickle_value *dict, bool predictor, bool decay, bool tables)
{
    for (size_t i = 0; dict && i + 1 < dict->count; i += 2) {
        const char *name = without_module(dict->items[i]->text);
        bool decays = dict->items[i + 1]->tensor->dims != 1 && !strstr(name, "bias");
        if (decays != decay || (!tables && strstr(name, "pos_embed")))
            continue;
        n->names[n->count] = name;
        n->predictor[n->count++] = predictor;
        n->group[group]++;
    }
}

static void number_all(numbering *n, const ij_pickle_value *encoder, const ij_pickle_value *predictor, bool tables)
{
    n->count = 0;
    memset(n->group, 0, sizeof n->group);
    number_group(n, 0, encoder, false, true, tables);
    number_group(n, 1, predictor, true, true, tables);
    number_group(n, 2, encoder, false, false, tables);
    number_group(n, 3, predictor, true, false, tables);
}

/* Whether the optimiser's groups have as many parameters, numbered through. */
static bool groups_agree(const numbering *n, const ij_pickle_value *groups)
{
    int64_t next = 0;
    if (!groups || groups->kind != IJ_PICKLE_LIST || groups->count != 4)
        return false;
    for (size_t g = 0; g < 4; g++) {
        const ij_pickle_value *params = ij_pickle_get(groups->items[g], "params");
        if (!params || params->kind != IJ_PICKLE_LIST || params->count != n->group[g])
            return false;
        for (size_t i = 0; i < params->count; i++)
            if (params->items[i]->kind != IJ_PICKLE_INT || params->items[i]->number != next++)
                return false;
    }
    return true;
}

/* A parameter's step: a number, or since PyTorch 1.12 a tensor with one. -1 where it is neither. */
static ij_status read_step(official *o, const ij_pickle_value *value, int64_t *step)
{
    *step = -1;
    if (value && value->kind == IJ_PICKLE_INT)
        *step = value->number;
    if (!value || value->kind != IJ_PICKLE_TENSOR || value->tensor->elements != 1 ||
        !ij_dtype_is_float(value->tensor->dtype))
        return IJ_OK;
    float steps = -1;
    const source *s = NULL;
    ij_status status = add_source(o, value->tensor, &s);
    if (!status)
        status = read_floats(o, s, &steps);
    if (!status && steps >= 0 && steps < 9e15f)
        *step = (int64_t)steps;
    return status;
}

static ij_status offer_moment(ij_model_file *file, const ij_pickle_value *state, const char *key, const char *name,
                              bool predictor)
{
    char prefix[64];
    const ij_pickle_value *moment = ij_pickle_get(state, key);
    snprintf(prefix, sizeof prefix, "optimizer.%s.%s", key, predictor ? "predictor." : "encoder.");
    if (!moment || moment->kind != IJ_PICKLE_TENSOR)
        return IJ_OK; /* settling will say that moments are missing */
    return offer(file, prefix, name, moment->tensor);
}

/* The state of each parameter: its step and both moments. */
static ij_status offer_states(ij_model_file *file, const ij_pickle_value *states, const numbering *n)
{
    int64_t least = INT64_MAX, most = -1;
    ij_status status = IJ_OK;
    if (!states || states->kind != IJ_PICKLE_DICT)
        return IJ_OK;
    for (size_t i = 0; i + 1 < states->count && !status; i += 2) {
        const ij_pickle_value *key = states->items[i], *state = states->items[i + 1];
        int64_t step = -1;
        if (key->kind != IJ_PICKLE_INT || key->number < 0 || (uint64_t)key->number >= n->count)
            return ij_fail(IJ_EFORMAT, "%s: its optimiser has a state for a parameter that does not exist", file->path);
        status = read_step(file->state, ij_pickle_get(state, "step"), &step);
        if (!status)
            status = offer_moment(file, state, "exp_avg", n->names[key->number], n->predictor[key->number]);
        if (!status)
            status = offer_moment(file, state, "exp_avg_sq", n->names[key->number], n->predictor[key->number]);
        least = step < least ? step : least;
        most = step > most ? step : most;
    }
    file->info.iteration = most;
    if (!status && most != least && most >= 0)
        status = ij_model_file_add_note(file,
                                        "its optimiser has taken %lld steps with some parameters and %lld with "
                                        "others: the larger number counts",
                                        (long long)least, (long long)most);
    return status;
}

static ij_status offer_optimizer(ij_model_file *file, const ij_pickle_value *root)
{
    const ij_pickle_value *opt = ij_pickle_get(root, "opt"), *groups = ij_pickle_get(opt, "param_groups");
    const ij_pickle_value *encoder = ij_pickle_get(root, "encoder"), *predictor = ij_pickle_get(root, "predictor");
    if (!opt || opt->kind == IJ_PICKLE_NONE)
        return IJ_OK;
    if (!encoder || !predictor || encoder->kind != IJ_PICKLE_DICT || predictor->kind != IJ_PICKLE_DICT)
        return ij_model_file_add_note(file,
                                      "its optimiser's moments are those of networks that it does not hold: passed "
                                      "over");
    size_t most = encoder->count / 2 + predictor->count / 2;
    numbering n = {.names = malloc((most + 1) * sizeof *n.names), .predictor = malloc(most + 1)};
    ij_status status = IJ_OK;
    if (!n.names || !n.predictor) {
        status = ij_fail(IJ_ENOMEM, "%s: no memory for a list of %zu parameters", file->path, most);
    } else {
        number_all(&n, encoder, predictor, true);
        if (!groups_agree(&n, groups))
            number_all(&n, encoder, predictor, false);
        status =
            groups_agree(&n, groups)
                ? offer_states(file, ij_pickle_get(opt, "state"), &n)
                : ij_model_file_add_note(file, "its optimiser's groups of parameters are not the official ones: the "
                                               "moments are passed over");
    }
    free(n.names);
    free(n.predictor);
    return status;
}

/* ---- Opening ---------------------------------------------------------------------------------------------------- */

static ij_status offer_all(ij_model_file *file)
{
    const ij_pickle_value *root = ij_pickle_root(((official *)file->state)->pickle);
    const ij_pickle_value *epoch = ij_pickle_get(root, "epoch");
    if (!ij_pickle_get(root, "encoder") && !ij_pickle_get(root, "target_encoder"))
        return ij_fail(IJ_EFORMAT,
                       "%s: not a checkpoint of the official code: it is no dictionary with encoder or target_encoder",
                       file->path);
    if (epoch && epoch->kind == IJ_PICKLE_INT && epoch->number >= 0)
        file->info.epoch = epoch->number;
    ij_status status = offer_network(file, root, "encoder", "encoder.");
    if (!status)
        status = offer_network(file, root, "predictor", "predictor.");
    if (!status)
        status = offer_network(file, root, "target_encoder", "target_encoder.");
    return status ? status : offer_optimizer(file, root);
}

ij_status ij_model_open_official(ij_model_file *file)
{
    static const ij_model_reader reader = {.read = read_tensor, .close = close_all};
    size_t length = strlen(file->path) + 1;
    official *o = calloc(1, sizeof *o);
    if (!o || !(o->path = malloc(length))) {
        free(o);
        return ij_fail(IJ_ENOMEM, "%s: no memory to open it", file->path);
    }
    memcpy(o->path, file->path, length);
    file->reader = &reader;
    file->state = o;
    file->info.kind = IJ_MODEL_FILE_OFFICIAL;
    ij_status status = open_archive(o);
    return status ? status : offer_all(file);
}
