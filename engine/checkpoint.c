#include "engine/checkpoint.h"

#include "engine/base/try.h"
#include "engine/files/model_metadata.h"
#include "engine/layers.h"
#include "engine/position.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a checkpoint is made of, in the order of ij_model_file_at: a network's tensors, or one of its moments. */
static const struct {
    const char *prefix;
    ij_network network;
    ij_store store;
} parts[] = {{"", IJ_NETWORK_ENCODER, IJ_STORE_WEIGHT},
             {"", IJ_NETWORK_PREDICTOR, IJ_STORE_WEIGHT},
             {"", IJ_NETWORK_TARGET, IJ_STORE_WEIGHT},
             {"optimizer.exp_avg.", IJ_NETWORK_ENCODER, IJ_STORE_MOMENT1},
             {"optimizer.exp_avg.", IJ_NETWORK_PREDICTOR, IJ_STORE_MOMENT1},
             {"optimizer.exp_avg_sq.", IJ_NETWORK_ENCODER, IJ_STORE_MOMENT2},
             {"optimizer.exp_avg_sq.", IJ_NETWORK_PREDICTOR, IJ_STORE_MOMENT2}};
enum { N_PARTS = sizeof parts / sizeof parts[0], PAGE_BYTES = 4096 };

/* The trainer's tensor of that name; -1 where there is none. */
static int number_of(const ij_trainer *t, const char *name)
{
    for (int i = 0; i < ij_trainer_tensor_count(t); i++)
        if (strcmp(ij_trainer_tensor(t, i)->name, name) == 0)
            return i;
    return -1;
}

/* ---- Metadata: ij_checkpoint_meta as text -------------------------------------------------------------------------
 */

static const char *const init_names[] = {[IJ_INIT_OFFICIAL] = "official", [IJ_INIT_XAVIER] = "xavier"};

bool ij_checkpoint_drawn(const ij_model_file *file, ij_drawing *how)
{
    const char *seed = ij_model_file_metadata(file, "seed"), *init = ij_model_file_metadata(file, "init"),
               *rescale = ij_model_file_metadata(file, "rescale_residual");
    ij_drawing told = {.rescale_residual = rescale && strcmp(rescale, "1") == 0};
    if (!seed || sscanf(seed, "%" SCNu64, &told.seed) != 1)
        return false;
    if (init && strcmp(init, init_names[IJ_INIT_XAVIER]) == 0)
        told.init = IJ_INIT_XAVIER;
    else if (init && strcmp(init, init_names[IJ_INIT_OFFICIAL]) != 0)
        return false;
    *how = told;
    return true;
}

/* ---- Writing -------------------------------------------------------------------------------------------------------
 */

/* One tensor of the file. */
typedef struct item {
    char name[112];
    ij_st_entry entry;
    int number; /* the trainer's; -1: a position table */
    ij_store store;
    int64_t elements;
} item;

typedef struct contents {
    item *items;
    int count;
    int64_t largest; /* elements */
} contents;

static void add_item(contents *c, const ij_trainer *t, int part, const ij_layer_tensor *tensor)
{
    char trained[96];
    item *i = &c->items[c->count++];
    snprintf(trained, sizeof trained, "%s.%s", ij_network_name(parts[part].network), tensor->name);
    snprintf(i->name, sizeof i->name, "%s%s", parts[part].prefix, trained);
    i->entry = (ij_st_entry){.name = i->name, .dtype = IJ_F32, .dims = tensor->dims};
    i->elements = 1;
    for (int d = 0; d < tensor->dims; d++)
        i->elements *= i->entry.shape[d] = tensor->shape[d];
    i->store = parts[part].store;
    i->number = tensor->table ? -1 : number_of(t, trained);
    if (i->elements > c->largest)
        c->largest = i->elements;
}

/* The items are freed by the caller, also after a failure. */
static ij_status list_contents(contents *c, const ij_trainer *t, const ij_model_config *model)
{
    *c = (contents){0};
    for (int part = 0; part < N_PARTS; part++) {
        ij_layer_tensor *list;
        int count;
        TRY(ij_network_tensors(model, parts[part].network, &list, &count));
        item *longer = realloc(c->items, (size_t)(c->count + count) * sizeof *longer);
        if (!longer) {
            free(list);
            return ij_fail(IJ_ENOMEM, "out of memory for the list of a checkpoint's tensors");
        }
        c->items = longer;
        for (int i = 0; i < count; i++)
            if (parts[part].store == IJ_STORE_WEIGHT || !list[i].table)
                add_item(c, t, part, &list[i]);
        free(list);
    }
    for (int i = 0; i < c->count; i++) /* the items have stopped moving */
        c->items[i].entry.name = c->items[i].name;
    return IJ_OK;
}

static ij_status announce(const contents *c, const char *path, const ij_checkpoint_meta *meta, ij_st_writer **writer)
{
    ij_model_metadata m;
    char seed[24];
    ij_model_metadata_start(&m, &meta->model, meta->epoch, meta->iteration);
    snprintf(seed, sizeof seed, "%" PRIu64, meta->seed);
    ij_model_metadata_add(&m, "seed", seed);
    ij_model_metadata_number(&m, "rescale_residual", meta->rescale_residual);
    ij_model_metadata_add(&m, "init", init_names[meta->init]);
    for (int i = 0; i < meta->more_count; i++)
        ij_model_metadata_add(&m, meta->more[i][0], meta->more[i][1]);

    ij_st_entry *entries = malloc((size_t)c->count * sizeof *entries);
    if (!entries)
        return ij_fail(IJ_ENOMEM, "out of memory for the list of a checkpoint's tensors");
    for (int i = 0; i < c->count; i++)
        entries[i] = c->items[i].entry;
    ij_status status = ij_safetensors_create(writer, path, entries, c->count, (const char *const(*)[2])m.pair, m.count);
    free(entries);
    return status;
}

/* NaNs and infinities must not become a checkpoint: what they are made of is lost. Looked for by their exponent, since
 * sums of floats one after the other would take longer than the writing. */
static ij_status check_finite(const item *i, const float *values, int64_t count)
{
    uint32_t bad = 0;
    for (int64_t k = 0; k < count; k++) {
        uint32_t bits;
        memcpy(&bits, &values[k], sizeof bits);
        bad |= (bits & 0x7F800000u) == 0x7F800000u;
    }
    if (!bad)
        return IJ_OK;
    return ij_fail(IJ_EINVAL, "%s holds values that are no numbers: no checkpoint is made of them", i->name);
}

static ij_status write_item(ij_trainer *t, const ij_snapshot *snapshot, const item *i, float *values,
                            ij_st_writer *writer)
{
    size_t bytes = (size_t)i->elements * sizeof *values;
    if (i->number < 0) {
        const ij_model_config *m = ij_trainer_model(t);
        ij_position_table(values, ij_model_side(m), (int)i->entry.shape[2], ij_model_position_scale(m));
        return ij_safetensors_write(writer, values, bytes);
    }
    if (!snapshot) {
        TRY(ij_trainer_read(t, i->number, i->store, values));
        TRY(check_finite(i, values, i->elements));
        return ij_safetensors_write(writer, values, bytes);
    }
    for (int64_t done = 0, count; done < i->elements; done += count) {
        TRY(ij_snapshot_read_part(snapshot, i->number, i->store, done, values, &count));
        TRY(check_finite(i, values, count));
        TRY(ij_safetensors_write_part(writer, values, (size_t)count * sizeof *values));
    }
    return IJ_OK;
}

ij_status ij_checkpoint_write(ij_trainer *t, const ij_snapshot *snapshot, const char *path,
                              const ij_checkpoint_meta *meta)
{
    contents c;
    ij_st_writer *writer = NULL;
    float *values = NULL;
    ij_status status = list_contents(&c, t, &meta->model);
    size_t room = ((size_t)c.largest * sizeof *values + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    if (!status && !(values = aligned_alloc(PAGE_BYTES, room))) /* as tensors lie in the file */
        status = ij_fail(IJ_ENOMEM, "no host memory for a tensor of %" PRId64 " floats", c.largest);
    if (!status)
        status = announce(&c, path, meta, &writer);
    for (int i = 0; i < c.count && !status; i++)
        status = write_item(t, snapshot, &c.items[i], values, writer);
    free(values);
    free(c.items);
    if (!status)
        return ij_safetensors_finish(writer);
    ij_safetensors_abandon(writer);
    return status;
}

/* ---- Reading -------------------------------------------------------------------------------------------------------
 */

/* The file's model is the trainer's; for a start the images may be of another size, and a head for pixels be missing.
 */
static ij_status check_model(const ij_trainer *t, const ij_model_file *file, const char *path, bool starting)
{
    const ij_model_config *is = ij_trainer_model(t), *has = &ij_model_file_describe(file)->model;
    const struct {
        const char *what;
        int has, is;
        bool matters;
    } sizes[] = {{"crop_size", has->crop, is->crop, !starting},
                 {"patch_size", has->patch, is->patch, true},
                 {"the encoder's width", has->dim, is->dim, true},
                 {"its number of blocks", has->depth, is->depth, true},
                 {"its number of heads", has->heads, is->heads, true},
                 {"the width of its MLP", has->hidden, is->hidden, true},
                 {"the predictor's width", has->pred_dim, is->pred_dim, has->pred_dim != 0},
                 {"its number of blocks", has->pred_depth, is->pred_depth, has->pred_dim != 0},
                 {"the number of heads for pixels", has->pixel_head, is->pixel_head, !starting}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i].matters && sizes[i].has != sizes[i].is)
            return ij_fail(IJ_EINVAL, "%s: holds another model: %s is %d there, %d here", path, sizes[i].what,
                           sizes[i].has, sizes[i].is);
    float has_scale = ij_model_position_scale(has), is_scale = ij_model_position_scale(is);
    bool exact = ij_model_file_describe(file)->kind == IJ_MODEL_FILE_OWN; /* else a table of 16 bits may tell it */
    if (fabsf(has_scale - is_scale) > (exact ? 0 : 5e-3f * is_scale))
        return ij_fail(IJ_EINVAL, "%s: holds another model: position_scale is %g there, %g here", path,
                       (double)has_scale, (double)is_scale);
    return IJ_OK;
}

/* Where a tensor of a file goes. */
typedef struct place {
    int number; /* the trainer's; -1: nowhere */
    ij_store store;
} place;

static place place_of(const ij_trainer *t, const char *name)
{
    ij_store store = IJ_STORE_WEIGHT;
    for (int i = 0; i < N_PARTS; i++)
        if (*parts[i].prefix && strncmp(name, parts[i].prefix, strlen(parts[i].prefix)) == 0) {
            store = parts[i].store;
            name += strlen(parts[i].prefix);
            break;
        }
    return (place){number_of(t, name), store};
}

static ij_status largest_tensor(const ij_model_file *file, float **values)
{
    int64_t largest = 1;
    for (int i = 0; i < ij_model_file_count(file); i++)
        if (ij_model_file_at(file, i)->elements > largest)
            largest = ij_model_file_at(file, i)->elements;
    *values = malloc((size_t)largest * sizeof **values);
    return *values ? IJ_OK : ij_fail(IJ_ENOMEM, "no host memory for a tensor of %" PRId64 " floats", largest);
}

static ij_status load_all(ij_trainer *t, ij_model_file *file, float *values)
{
    TRY(ij_model_file_check_begin(file));
    for (int i = 0; i < ij_model_file_count(file); i++) {
        const ij_model_tensor *tensor = ij_model_file_at(file, i);
        place p = place_of(t, tensor->name);
        TRY(ij_model_file_read(file, tensor, values));
        if (p.number >= 0)
            TRY(ij_trainer_write(t, p.number, p.store, values));
    }
    return ij_model_file_check_end(file);
}

/* What a run needs is there, and of this model. */
static ij_status check_resumable(const ij_trainer *t, const ij_model_file *file)
{
    const ij_model_file_info *info = ij_model_file_describe(file);
    const char *path = ij_model_file_path(file);
    const char *missing = !info->encoder          ? "context encoder"
                          : !info->target_encoder ? "target encoder"
                          : !info->predictor      ? "predictor"
                          : !info->moments        ? "moments of the optimiser"
                                                  : NULL;
    if (missing)
        return ij_fail(IJ_EINVAL, "%s: a run cannot go on from it: it holds no %s", path, missing);
    if (info->iteration < 0)
        return ij_fail(IJ_EINVAL, "%s: a run cannot go on from it: it does not say how many steps were taken", path);
    return check_model(t, file, path, false);
}

ij_status ij_checkpoint_resume(ij_trainer *t, ij_model_file *file)
{
    ij_status status = check_resumable(t, file);
    if (status) { /* a name or a number may be wrong because the file is damaged */
        TRY(ij_model_file_check(file));
        return check_resumable(t, file);
    }
    float *values = NULL;
    TRY(largest_tensor(file, &values));
    status = load_all(t, file, values);
    free(values);
    return status ? status : ij_trainer_set_step(t, ij_model_file_describe(file)->iteration);
}

/* Network `from` of the file into the trainer's `into`; without a head for pixels that head stays as it is. */
static ij_status load_network(ij_trainer *t, ij_model_file *file, ij_network from, ij_network into, float *values)
{
    for (ij_layer l = {.network = into}; ij_next_layer(ij_trainer_model(t), &l);)
        for (int i = 0; i < l.trained; i++) {
            char name[96], own[96];
            ij_layer_tensor is = ij_layer_tensor_at(&l, i);
            snprintf(name, sizeof name, "%s.%s", ij_network_name(from), is.name);
            snprintf(own, sizeof own, "%s.%s", ij_network_name(into), is.name);
            const ij_model_tensor *tensor = ij_model_file_find(file, name);
            if (!tensor && l.place == IJ_AT_PIXELS)
                continue;
            if (!tensor)
                return ij_fail(IJ_EFORMAT, "%s: has no tensor %s", ij_model_file_path(file), name);
            TRY(ij_model_file_read(file, tensor, values));
            TRY(ij_trainer_write(t, number_of(t, own), IJ_STORE_WEIGHT, values));
        }
    return IJ_OK;
}

ij_status ij_checkpoint_start_from(ij_trainer *t, ij_model_file *file)
{
    const ij_model_file_info *info = ij_model_file_describe(file);
    ij_network context = info->encoder ? IJ_NETWORK_ENCODER : IJ_NETWORK_TARGET;
    ij_network target = info->target_encoder ? IJ_NETWORK_TARGET : IJ_NETWORK_ENCODER;
    float *values = NULL;
    TRY(check_model(t, file, ij_model_file_path(file), true));
    TRY(largest_tensor(file, &values));
    ij_status status = load_network(t, file, context, IJ_NETWORK_ENCODER, values);
    if (!status)
        status = load_network(t, file, target, IJ_NETWORK_TARGET, values);
    if (!status && info->predictor)
        status = load_network(t, file, IJ_NETWORK_PREDICTOR, IJ_NETWORK_PREDICTOR, values);
    free(values);
    return status;
}
