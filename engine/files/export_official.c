/* The official code's checkpoint: torch.save's archive, in which a pickle describes the dictionaries and names, for
 * each tensor, the record that holds its elements. Source: src/train.py and src/helper.py of facebookresearch/ijepa;
 * torch/serialization.py. Keys carry the "module." that DistributedDataParallel puts before them there. */
#include "engine/files/export.h"
#include "engine/files/export_tensors.h"
#include "engine/files/pickle_writer.h"
#include "engine/files/zip_writer.h"

#include "engine/base/try.h"

#include <stdio.h>
#include <stdlib.h>

/* Records lie in a folder of this name, whatever the file's. */
#define ARCHIVE "archive/"

/* A parameter of the optimiser. */
typedef struct parameter {
    ij_network network;
    ij_layer_tensor tensor;
} parameter;

typedef struct official {
    const ij_export_run *run;
    const ij_export_official_notes *notes;
    const ij_model_file_info *info;
    ij_pickler pickle;
    ij_export_list storages; /* their numbers are the names of the records */
    parameter *parameters;   /* in the order of the optimiser's groups */
    int n_parameters;
} official;

/* ---- Tensors in the pickle
 * -------------------------------------------------------------------------------------------- */

/* The place of a new storage of float32, as torch.save's persistent identifier. */
static void put_storage(ij_pickler *p, int number, int64_t elements)
{
    char key[16];
    snprintf(key, sizeof key, "%d", number);
    ij_pickler_begin(p);
    ij_pickler_text(p, "storage");
    ij_pickler_global(p, "torch", "FloatStorage");
    ij_pickler_text(p, key);
    ij_pickler_text(p, "cpu");
    ij_pickler_int(p, elements);
    ij_pickler_end_tuple(p);
    ij_pickler_persistent(p);
}

/* torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks) */
static void put_rebuild(ij_pickler *p, int number, int dims, const int64_t *shape, int64_t elements)
{
    ij_pickler_global(p, "torch._utils", "_rebuild_tensor_v2");
    ij_pickler_begin(p);
    put_storage(p, number, elements);
    ij_pickler_int(p, 0);
    ij_pickler_begin(p);
    for (int i = 0; i < dims; i++)
        ij_pickler_int(p, shape[i]);
    ij_pickler_end_tuple(p);
    ij_pickler_begin(p);
    int64_t stride = elements;
    for (int i = 0; i < dims; i++)
        ij_pickler_int(p, stride /= shape[i]);
    ij_pickler_end_tuple(p);
    ij_pickler_bool(p, false);
    ij_pickler_empty_ordered_dict(p);
    ij_pickler_end_tuple(p);
    ij_pickler_call(p);
}

/* The tensor `source` of the file, which is what `tensor` says. */
static ij_status put_tensor(official *o, const ij_layer_tensor *tensor, const char *source)
{
    put_rebuild(&o->pickle, o->storages.count, tensor->dims, tensor->shape, ij_export_elements(tensor));
    return ij_export_append(&o->storages, tensor->name, tensor, source, 0, 1);
}

/* The count of steps, a scalar, which no file has as a tensor. Each parameter gets its own: PyTorch counts in place. */
static ij_status put_steps(official *o)
{
    return put_tensor(o, &(ij_layer_tensor){.dims = 0}, NULL);
}

/* ---- The networks
 * ----------------------------------------------------------------------------------------------------- */

/* The network of the file whose weights `network` gets. */
static ij_network source_of(const official *o, ij_network network)
{
    if (network == IJ_NETWORK_ENCODER && o->notes->encoder_is_target)
        return IJ_NETWORK_TARGET;
    if (network == IJ_NETWORK_TARGET && o->notes->target_is_encoder)
        return IJ_NETWORK_ENCODER;
    return network;
}

static ij_status put_network(official *o, ij_network network)
{
    ij_layer_tensor *tensors;
    int count;
    TRY(ij_export_network(o->storages.file, network, false, &tensors, &count));
    ij_pickler_text(&o->pickle, ij_network_name(network));
    ij_pickler_begin_ordered_dict(&o->pickle);
    ij_status status = IJ_OK;
    for (int i = 0; i < count && !status; i++) {
        char name[IJ_EXPORT_NAME];
        snprintf(name, sizeof name, "module.%s", tensors[i].name);
        ij_pickler_text(&o->pickle, name);
        snprintf(name, sizeof name, "%s.%s", ij_network_name(source_of(o, network)), tensors[i].name);
        status = put_tensor(o, &tensors[i], name);
    }
    ij_pickler_end_dict(&o->pickle);
    free(tensors);
    return status;
}

/* ---- The optimiser
 * ---------------------------------------------------------------------------------------------------- */

/* The official order: what decays of the encoder, of the predictor, then what does not of the encoder, the predictor.
 */
enum { N_GROUPS = 4 };

/* The parameters in the order of the groups, and where each group ends. */
static ij_status list_parameters(official *o, int ends[N_GROUPS])
{
    static const ij_network networks[] = {IJ_NETWORK_ENCODER, IJ_NETWORK_PREDICTOR};
    ij_layer_tensor *tensors[2] = {NULL, NULL};
    int counts[2] = {0, 0};
    ij_status status = IJ_OK;
    for (int n = 0; n < 2 && !status; n++)
        status = ij_export_network(o->storages.file, networks[n], false, &tensors[n], &counts[n]);
    if (!status && !(o->parameters = calloc((size_t)(counts[0] + counts[1]), sizeof *o->parameters)))
        status = ij_fail(IJ_ENOMEM, "no host memory to list %d parameters", counts[0] + counts[1]);
    for (int g = 0; g < N_GROUPS && !status; g++) {
        for (int i = 0; i < counts[g % 2]; i++)
            if (tensors[g % 2][i].decay == (g < N_GROUPS / 2))
                o->parameters[o->n_parameters++] = (parameter){networks[g % 2], tensors[g % 2][i]};
        ends[g] = o->n_parameters;
    }
    free(tensors[0]);
    free(tensors[1]);
    return status;
}

/* A parameter's count of steps and its moments. The position tables, which no gradient reaches, have none. */
static ij_status put_state(official *o, int number)
{
    static const char *const moments[] = {"exp_avg", "exp_avg_sq"};
    const parameter *p = &o->parameters[number];
    if (p->tensor.table)
        return IJ_OK;
    ij_pickler_int(&o->pickle, number);
    ij_pickler_begin_dict(&o->pickle);
    ij_pickler_text(&o->pickle, "step");
    TRY(put_steps(o));
    for (int m = 0; m < 2; m++) {
        char name[IJ_EXPORT_NAME];
        snprintf(name, sizeof name, "optimizer.%s.%s.%s", moments[m], ij_network_name(p->network), p->tensor.name);
        ij_pickler_text(&o->pickle, moments[m]);
        TRY(put_tensor(o, &p->tensor, name));
    }
    ij_pickler_end_dict(&o->pickle);
    return IJ_OK;
}

static void put_flag(ij_pickler *p, const char *key, bool value)
{
    ij_pickler_text(p, key);
    ij_pickler_bool(p, value);
}

static void put_number(ij_pickler *p, const char *key, double value)
{
    ij_pickler_text(p, key);
    ij_pickler_float(p, value);
}

/* The group of the parameters first <= number < end, with every field that PyTorch's AdamW knows. */
static void put_group(official *o, int first, int end, bool undecayed)
{
    ij_pickler *p = &o->pickle;
    ij_pickler_begin_dict(p);
    put_number(p, "lr", o->run->lr);
    ij_pickler_text(p, "betas");
    ij_pickler_begin(p);
    ij_pickler_float(p, o->run->beta1);
    ij_pickler_float(p, o->run->beta2);
    ij_pickler_end_tuple(p);
    put_number(p, "eps", o->run->eps);
    put_number(p, "weight_decay", undecayed ? 0 : o->run->weight_decay);
    put_flag(p, "amsgrad", false);
    put_flag(p, "maximize", false);
    ij_pickler_text(p, "foreach");
    ij_pickler_none(p);
    put_flag(p, "capturable", false);
    put_flag(p, "differentiable", false);
    ij_pickler_text(p, "fused");
    ij_pickler_none(p);
    put_flag(p, "decoupled_weight_decay", true);
    if (undecayed)
        put_flag(p, "WD_exclude", true);
    ij_pickler_text(p, "params");
    ij_pickler_begin_list(p);
    for (int i = first; i < end; i++)
        ij_pickler_int(p, i);
    ij_pickler_end_list(p);
    ij_pickler_end_dict(p);
}

static ij_status put_optimizer(official *o)
{
    ij_pickler *p = &o->pickle;
    int ends[N_GROUPS];
    TRY(list_parameters(o, ends));
    ij_pickler_text(p, "opt");
    ij_pickler_begin_dict(p);
    ij_pickler_text(p, "state");
    ij_pickler_begin_dict(p);
    for (int i = 0; i < o->n_parameters && !o->notes->no_moments; i++)
        TRY(put_state(o, i));
    ij_pickler_end_dict(p);
    ij_pickler_text(p, "param_groups");
    ij_pickler_begin_list(p);
    for (int g = 0; g < N_GROUPS; g++)
        put_group(o, g ? ends[g - 1] : 0, ends[g], g >= 2);
    ij_pickler_end_list(p);
    ij_pickler_end_dict(p);
    return IJ_OK;
}

/* A GradScaler as it starts. With use_bfloat16, which all official configurations set, load_checkpoint hands this to
 * one and would not take None; without, it passes over it. */
static void put_scaler(ij_pickler *p)
{
    ij_pickler_text(p, "scaler");
    ij_pickler_begin_dict(p);
    put_number(p, "scale", 65536);
    put_number(p, "growth_factor", 2);
    put_number(p, "backoff_factor", 0.5);
    ij_pickler_text(p, "growth_interval");
    ij_pickler_int(p, 2000);
    ij_pickler_text(p, "_growth_tracker");
    ij_pickler_int(p, 0);
    ij_pickler_end_dict(p);
}

/* ---- The whole
 * -------------------------------------------------------------------------------------------------------- */

static ij_status put_all(official *o)
{
    static const ij_network order[] = {IJ_NETWORK_ENCODER, IJ_NETWORK_PREDICTOR, IJ_NETWORK_TARGET};
    ij_pickler *p = &o->pickle;
    ij_pickler_start(p);
    ij_pickler_begin_dict(p);
    for (int i = 0; i < IJ_NETWORKS; i++)
        TRY(put_network(o, order[i]));
    TRY(put_optimizer(o));
    put_scaler(p);
    ij_pickler_text(p, "epoch");
    ij_pickler_int(p, o->notes->no_epoch ? 0 : o->info->epoch);
    ij_pickler_text(p, "loss");
    ij_pickler_none(p); /* the mean of the last epoch there; nothing reads it */
    ij_pickler_text(p, "batch_size");
    if (o->run->batch_size)
        ij_pickler_int(p, o->run->batch_size);
    else
        ij_pickler_none(p);
    ij_pickler_text(p, "world_size");
    ij_pickler_int(p, 1);
    put_number(p, "lr", o->run->lr);
    ij_pickler_end_dict(p);
    return ij_pickler_finish(p);
}

static ij_status write_storages(const official *o, ij_zip_writer *zip)
{
    float *values;
    TRY(ij_export_buffer(&o->storages, &values));
    ij_status status = IJ_OK;
    for (int i = 0; i < o->storages.count && !status; i++) {
        const ij_export_item *item = &o->storages.items[i];
        if (item->tensor.dims == 0)
            values[0] = (float)o->info->iteration;
        else
            status = ij_export_read(&o->storages, item, values);
        char name[64];
        snprintf(name, sizeof name, ARCHIVE "data/%d", i);
        if (!status)
            status = ij_zip_add(zip, name, values, (size_t)ij_export_elements(&item->tensor) * sizeof *values);
    }
    free(values);
    return status;
}

static ij_status write_archive(const official *o, ij_zip_writer *zip)
{
    TRY(ij_zip_add(zip, ARCHIVE "data.pkl", o->pickle.bytes, o->pickle.length));
    TRY(ij_zip_add(zip, ARCHIVE "byteorder", "little", 6));
    TRY(write_storages(o, zip));
    return ij_zip_add(zip, ARCHIVE "version", "3\n", 2);
}

static ij_status write_official(official *o, const char *path)
{
    ij_zip_writer *zip;
    TRY(put_all(o));
    TRY(ij_zip_create(&zip, path));
    ij_status status = write_archive(o, zip);
    if (status) {
        ij_zip_abandon(zip);
        return status;
    }
    return ij_zip_finish(zip);
}

ij_status ij_export_official(ij_model_file *file, const char *path, const ij_export_run *run,
                             ij_export_official_notes *notes)
{
    const ij_model_file_info *info = ij_model_file_describe(file);
    if (!info->predictor)
        return ij_fail(IJ_EINVAL, "the file holds no predictor, and the official code loads no checkpoint without one");
    if (!info->encoder && !info->target_encoder)
        return ij_fail(IJ_EINVAL, "the file holds no encoder");
    *notes = (ij_export_official_notes){.encoder_is_target = !info->encoder,
                                        .target_is_encoder = !info->target_encoder,
                                        .no_moments = !info->encoder || !info->moments || info->iteration < 0,
                                        .no_epoch = info->epoch < 0};
    official o = {.run = run, .notes = notes, .info = info, .storages = {.file = file}};
    ij_status status = write_official(&o, path);
    ij_pickler_free(&o.pickle);
    ij_export_list_free(&o.storages);
    free(o.parameters);
    return status;
}
