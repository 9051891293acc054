/* From offered tensors to a model: the shape of the networks by names and shapes, compared with what the file says;
 * each network whole or the file is refused; the official order. Reads no data. */
#include "engine/files/model_file_kind.h"
#include "engine/layers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char encoder[] = "encoder.", target_encoder[] = "target_encoder.", predictor[] = "predictor.";
static const char *const moments[] = {"optimizer.exp_avg.", "optimizer.exp_avg_sq."};

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int by_name(const void *a, const void *b)
{
    const ij_model_item *const *s = a, *const *t = b;
    return strcmp((*s)->tensor.name, (*t)->tensor.name);
}

/* Sorts the offers; no two have one name. */
static ij_status index_names(ij_model_file *file)
{
    free(file->byname);
    file->byname = malloc(((size_t)file->count + 1) * sizeof *file->byname);
    if (!file->byname)
        return ij_fail(IJ_ENOMEM, "%s: no memory for a list of %d tensors", file->path, file->count);
    for (int i = 0; i < file->count; i++)
        file->byname[i] = &file->items[i];
    qsort(file->byname, (size_t)file->count, sizeof *file->byname, by_name);
    for (int i = 1; i < file->count; i++)
        if (by_name(&file->byname[i - 1], &file->byname[i]) == 0)
            return ij_fail(IJ_EFORMAT, "%s: two tensors are named %s", file->path, file->byname[i]->tensor.name);
    return IJ_OK;
}

static ij_model_item *find(const ij_model_file *file, const char *prefix, const char *network, const char *name)
{
    char full[160];
    snprintf(full, sizeof full, "%s%s%s", prefix, network, name);
    return (ij_model_item *)ij_model_file_find(file, full);
}

static bool holds(const ij_model_file *file, const char *network)
{
    for (int i = 0; i < file->count; i++)
        if (begins(file->items[i].tensor.name, network))
            return true;
    return false;
}

/* ---- The model's shape ------------------------------------------------------------------------------------------ */

static ij_status lacks(const ij_model_file *file, const char *network, const char *name)
{
    return ij_fail(IJ_EFORMAT, "%s: has no tensor %s%s: it holds another kind of model, or only a part of one",
                   file->path, network, name);
}

/* A size of the model as a tensor shows it; *known is what is known already, from the file's own words or from another
 * tensor, or 0. */
static ij_status size(const ij_model_file *file, const char *what, int *known, int64_t shown, const char *network,
                      const char *name)
{
    if (shown < 1 || shown > 1 << 20)
        return ij_fail(IJ_EFORMAT, "%s: tensor %s%s has an impossible shape", file->path, network, name);
    if (*known && *known != shown)
        return ij_fail(IJ_EFORMAT, "%s: contradicts itself: %s is %d, but tensor %s%s makes it %" PRId64, file->path,
                       what, *known, network, name, shown);
    *known = (int)shown;
    return IJ_OK;
}

/* Blocks are numbered from 0 without gaps: the comparison of all names sees to it. A number that the file has not the
 * tensors for counts as the first that is missing, so that nothing grows with it. */
static ij_status count_blocks(const ij_model_file *file, const char *network, const char *blocks, int *known)
{
    char prefix[64];
    long depth = 0, most = file->count / 12 + 1; /* a block has twelve tensors */
    snprintf(prefix, sizeof prefix, "%s%s.", network, blocks);
    for (int i = 0; i < file->count; i++) {
        const char *name = file->items[i].tensor.name;
        char *end;
        if (!begins(name, prefix))
            continue;
        long number = strtol(name + strlen(prefix), &end, 10);
        if (*end == '.' && number >= depth)
            depth = number < most ? number + 1 : most + 1;
    }
    return size(file, "the number of blocks", known, depth, prefix, "*");
}

static const ij_model_tensor *tensor_of(const ij_model_file *file, const char *network, const char *name, int dims)
{
    const ij_model_item *item = find(file, "", network, name);
    return item && item->tensor.dims == dims ? &item->tensor : NULL;
}

/* The patches of a position table [1, N, width] lie in a square. */
static ij_status side_of(const ij_model_file *file, const ij_model_tensor *table, int *side)
{
    int64_t n = table->shape[1], root = 1;
    while (root * root < n && root < 1 << 15)
        root++;
    if (root * root != n)
        return ij_fail(IJ_EFORMAT, "%s: tensor %s is of %" PRId64 " positions, which are no square", file->path,
                       table->name, n);
    *side = (int)root;
    return IJ_OK;
}

static ij_status shape_encoder(ij_model_file *file, const char *network)
{
    static const char patch[] = "patch_embed.proj.weight", fc1[] = "blocks.0.mlp.fc1.weight", table[] = "pos_embed";
    ij_model_config *m = &file->info.model;
    const ij_model_tensor *t = tensor_of(file, network, patch, 4);
    if (!t)
        return lacks(file, network, patch);
    ij_status status = size(file, "the encoder's width", &m->dim, t->shape[0], network, patch);
    if (!status)
        status = size(file, "the patch size", &m->patch, t->shape[2], network, patch);
    if (!status)
        status = count_blocks(file, network, "blocks", &m->depth);
    if (status)
        return status;
    if (!(t = tensor_of(file, network, fc1, 2)))
        return lacks(file, network, fc1);
    status = size(file, "the width of the encoder's MLP", &m->hidden, t->shape[0], network, fc1);
    if (status || !(t = tensor_of(file, network, table, 3)))
        return status;
    int side = 0;
    status = side_of(file, t, &side);
    return status ? status : size(file, "the image size", &m->crop, (int64_t)side * m->patch, network, table);
}

static ij_status shape_predictor(ij_model_file *file)
{
    static const char embed[] = "predictor_embed.weight";
    ij_model_config *m = &file->info.model;
    const ij_model_tensor *t = tensor_of(file, predictor, embed, 2);
    if (!t)
        return lacks(file, predictor, embed);
    m->pixel_head = tensor_of(file, predictor, "predictor_pixels.weight", 2) != NULL;
    ij_status status = size(file, "the predictor's width", &m->pred_dim, t->shape[0], predictor, embed);
    return status ? status : count_blocks(file, predictor, "predictor_blocks", &m->pred_depth);
}

/* Heads leave no trace in the tensors: the official table by width, or heads 64 wide, or one in a model smaller than
 * that. */
static ij_status guess_heads(ij_model_file *file)
{
    static const int table[][2] = {{192, 3}, {384, 6}, {768, 12}, {1024, 16}, {1280, 16}, {1408, 16}};
    ij_model_config *m = &file->info.model;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i][0] == m->dim)
            m->heads = table[i][1];
    if (m->heads)
        return IJ_OK;
    if (m->dim > 64 && m->dim % 64)
        return ij_fail(
            IJ_EFORMAT,
            "%s: does not say how many heads its encoder of width %d has, and no official model has that width",
            file->path, m->dim);
    m->heads = m->dim < 64 ? 1 : m->dim / 64;
    return ij_model_file_add_note(file, "does not say how many heads it has: taken to be %d, of width %d", m->heads,
                                  m->dim / m->heads);
}

static ij_status find_shape(ij_model_file *file)
{
    ij_model_file_info *info = &file->info;
    ij_model_config *m = &info->model;
    ij_status status = IJ_OK;
    if (!info->encoder && !info->target_encoder)
        return ij_fail(IJ_EFORMAT, "%s: holds no encoder: no tensor has a name that begins with %s or %s", file->path,
                       encoder, target_encoder);
    if (info->encoder)
        status = shape_encoder(file, encoder);
    if (!status && info->target_encoder)
        status = shape_encoder(file, target_encoder);
    if (!status && info->predictor)
        status = shape_predictor(file);
    if (!status && !info->predictor)
        m->pred_dim = m->pred_depth = m->pixel_head = 0;
    if (!status && !m->crop)
        status = ij_fail(IJ_EFORMAT, "%s: does not say for what image size it is: it has no pos_embed", file->path);
    if (!status && (m->crop % m->patch || m->crop / m->patch > 1 << 15))
        status = ij_fail(IJ_EFORMAT, "%s: contradicts itself: images of %d pixels cannot be cut into patches of %d",
                         file->path, m->crop, m->patch);
    if (!status && !m->heads)
        status = guess_heads(file);
    if (!(m->norm_eps > 0))
        m->norm_eps = 1e-6f;
    if (!(m->target_eps > 0))
        m->target_eps = 1e-5f;
    return status;
}

/* ---- Whole networks, in order ----------------------------------------------------------------------------------- */

typedef struct order {
    ij_model_file *file;
    ij_model_item *items; /* in the official order */
    int count;
} order;

static void print_shape(char *text, size_t room, int dims, const int64_t *shape)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < dims && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, "%s%" PRId64, i ? ", " : "", shape[i]);
}

/* `item` is what `want` says. */
static ij_status check(const ij_model_file *file, const ij_model_item *item, const ij_layer_tensor *want)
{
    const ij_model_tensor *have = &item->tensor;
    bool same = have->dims == want->dims;
    for (int d = 0; d < want->dims && same; d++)
        same = have->shape[d] == want->shape[d];
    if (!same) {
        char had[192], wanted[192];
        print_shape(had, sizeof had, have->dims, have->shape);
        print_shape(wanted, sizeof wanted, want->dims, want->shape);
        return ij_fail(IJ_EFORMAT, "%s: tensor %s has shape [%s], the model's is [%s]", file->path, have->name, had,
                       wanted);
    }
    if (!ij_dtype_is_float(have->dtype))
        return ij_fail(IJ_EFORMAT, "%s: tensor %s has elements of type %s, which are no weights", file->path,
                       have->name, ij_dtype_name(have->dtype));
    return IJ_OK;
}

/* Moves the tensors of a list, all of which must be there (tables may be missing), or moments (tables have none). */
static ij_status take(order *o, const char *store, const char *network, const ij_layer_tensor *list, int count)
{
    for (int i = 0; i < count; i++) {
        if (*store && list[i].table)
            continue;
        ij_model_item *item = find(o->file, store, network, list[i].name);
        if (!item && list[i].table)
            continue;
        if (!item)
            return lacks(o->file, network, list[i].name);
        ij_status status = check(o->file, item, &list[i]);
        if (status)
            return status;
        item->taken = true;
        o->items[o->count++] = *item;
    }
    return IJ_OK;
}

static ij_status take_network(order *o, const char *store, const char *network)
{
    ij_layer_tensor *list = NULL;
    int count = 0;
    ij_status status = ij_network_tensors(
        &o->file->info.model, network == predictor ? IJ_NETWORK_PREDICTOR : IJ_NETWORK_ENCODER, &list, &count);
    if (!status)
        status = take(o, store, network, list, count);
    free(list);
    return status;
}

/* Moments count only where all of both are there and fit; otherwise the model is used without. */
static ij_status take_moments(order *o)
{
    ij_model_file *file = o->file;
    int before = o->count;
    ij_status status = IJ_OK;
    if (!holds(file, moments[0]) && !holds(file, moments[1]))
        return IJ_OK;
    for (int m = 0; m < 2 && !status; m++) {
        status = file->info.encoder ? take_network(o, moments[m], encoder) : IJ_EFORMAT;
        if (!status && file->info.predictor)
            status = take_network(o, moments[m], predictor);
    }
    file->info.moments = !status;
    if (status != IJ_EFORMAT)
        return status;
    for (int i = before; i < o->count; i++)
        ((ij_model_item *)ij_model_file_find(file, o->items[i].tensor.name))->taken = false;
    o->count = before;
    return ij_model_file_add_note(file,
                                  "its optimiser's moments are incomplete, or those of another model: passed over");
}

/* What nobody asked for is named, and dropped. */
static ij_status drop_rest(ij_model_file *file)
{
    int rest = 0;
    const char *first = NULL;
    for (int i = 0; i < file->count; i++) {
        const ij_model_item *item = file->byname[i];
        bool moment = begins(item->tensor.name, moments[0]) || begins(item->tensor.name, moments[1]);
        if (item->taken || moment)
            continue;
        first = first ? first : item->tensor.name;
        rest++;
    }
    ij_status status = IJ_OK;
    if (rest == 1)
        status = ij_model_file_add_note(file, "tensor %s is not part of the model: passed over", first);
    else if (rest)
        status =
            ij_model_file_add_note(file, "%d tensors such as %s are not part of the model: passed over", rest, first);
    for (int i = 0; i < file->count; i++)
        if (!file->items[i].taken)
            free((char *)file->items[i].tensor.name);
    return status;
}

static ij_status note_missing(ij_model_file *file)
{
    const ij_model_file_info *info = &file->info;
    ij_status status = IJ_OK;
    if (!info->encoder)
        status = ij_model_file_add_note(file, "holds no context encoder");
    if (!status && !info->target_encoder)
        status = ij_model_file_add_note(file, "holds no target encoder");
    if (!status && !info->predictor)
        status = ij_model_file_add_note(file, "holds no predictor");
    if (!status && !info->moments)
        status = ij_model_file_add_note(file, "holds no moments of the optimiser");
    ij_model_config m = info->model; /* a missing predictor is no fault of the shape */
    m.pred_dim = m.pred_dim ? m.pred_dim : m.dim;
    m.pred_depth = m.pred_depth ? m.pred_depth : 1;
    if (!status && ij_model_config_check(&m))
        status = ij_model_file_add_note(file, "cannot be trained here: %s", ij_error());
    return status;
}

static ij_status arrange(order *o)
{
    const ij_model_file_info *info = &o->file->info;
    ij_status status = IJ_OK;
    if (info->encoder)
        status = take_network(o, "", encoder);
    if (!status && info->predictor)
        status = take_network(o, "", predictor);
    if (!status && info->target_encoder)
        status = take_network(o, "", target_encoder);
    return status ? status : take_moments(o);
}

ij_status ij_model_file_settle(ij_model_file *file)
{
    ij_status status = index_names(file);
    if (status)
        return status;
    file->info.encoder = holds(file, encoder);
    file->info.target_encoder = holds(file, target_encoder);
    file->info.predictor = holds(file, predictor);
    order o = {.file = file};
    if ((status = find_shape(file)))
        return status;
    if (!(o.items = malloc(((size_t)file->count + 1) * sizeof *o.items)))
        return ij_fail(IJ_ENOMEM, "%s: no memory for a list of %d tensors", file->path, file->count);
    status = arrange(&o);
    if (status) {
        free(o.items);
        return status;
    }
    status = drop_rest(file);
    free(file->items);
    file->items = o.items;
    file->count = o.count;
    if (!status)
        status = index_names(file);
    return status ? status : note_missing(file);
}
