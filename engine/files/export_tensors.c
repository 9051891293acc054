#include "engine/files/export_tensors.h"

#include "engine/base/try.h"
#include "engine/files/half.h"
#include "engine/files/safetensors.h"
#include "engine/position.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool ij_export_holds(const ij_model_file *file, ij_network network)
{
    const ij_model_file_info *info = ij_model_file_describe(file);
    return network == IJ_NETWORK_ENCODER     ? info->encoder
           : network == IJ_NETWORK_PREDICTOR ? info->predictor
                                             : info->target_encoder;
}

ij_status ij_export_network(const ij_model_file *file, ij_network network, bool pixel_head, ij_layer_tensor **tensors,
                            int *count)
{
    ij_model_config model = ij_model_file_describe(file)->model;
    model.pixel_head = model.pixel_head && pixel_head;
    return ij_network_tensors(&model, network, tensors, count);
}

/* ---- The list -------------------------------------------------------------------------------------------------------
 */

static ij_status make_room(ij_export_list *list)
{
    if (list->count < list->room)
        return IJ_OK;
    int room = list->room ? 2 * list->room : 256;
    ij_export_item *more = realloc(list->items, (size_t)room * sizeof *more);
    if (!more)
        return ij_fail(IJ_ENOMEM, "no host memory to list %d tensors", room);
    list->items = more;
    list->room = room;
    return IJ_OK;
}

ij_status ij_export_append(ij_export_list *list, const char *name, const ij_layer_tensor *tensor, const char *source,
                           int part, int parts)
{
    const ij_model_tensor *found = source ? ij_model_file_find(list->file, source) : NULL;
    if (source && !found && !tensor->table)
        return ij_fail(IJ_EFORMAT, "the model has no tensor %s", source);
    TRY(make_room(list));
    ij_export_item *item = &list->items[list->count++];
    *item = (ij_export_item){.tensor = *tensor, .source = found, .part = part, .parts = parts};
    snprintf(item->name, sizeof item->name, "%s", name);
    return IJ_OK;
}

void ij_export_list_free(ij_export_list *list)
{
    free(list->items);
    list->items = NULL;
    list->count = list->room = 0;
}

/* ---- A tensor in memory ---------------------------------------------------------------------------------------------
 */

int64_t ij_export_elements(const ij_layer_tensor *tensor)
{
    int64_t elements = 1;
    for (int i = 0; i < tensor->dims; i++)
        elements *= tensor->shape[i];
    return elements;
}

ij_status ij_export_buffer(const ij_export_list *list, float **values)
{
    int64_t largest = 1;
    for (int i = 0; i < list->count; i++)
        if (ij_export_elements(&list->items[i].tensor) > largest)
            largest = ij_export_elements(&list->items[i].tensor);
    *values = malloc((size_t)largest * sizeof **values);
    return *values ? IJ_OK : ij_fail(IJ_ENOMEM, "no host memory for a tensor of %" PRId64 " floats", largest);
}

ij_status ij_export_read(const ij_export_list *list, const ij_export_item *item, float *values)
{
    if (item->source)
        return ij_model_file_read(list->file, item->source, values);
    const ij_model_config *m = &ij_model_file_describe(list->file)->model;
    int width = (int)item->tensor.shape[2]; /* [1, side * side, width] */
    ij_position_table(values, ij_model_side(m), width, ij_model_position_scale(m));
    return IJ_OK;
}

/* ---- Safetensors ----------------------------------------------------------------------------------------------------
 */

static ij_status create(ij_st_writer **writer, const ij_export_list *list, const char *path, ij_dtype dtype,
                        const char *const (*metadata)[2], int n_metadata)
{
    ij_st_entry *entries = calloc((size_t)list->count, sizeof *entries);
    if (!entries)
        return ij_fail(IJ_ENOMEM, "no host memory to list %d tensors", list->count);
    for (int i = 0; i < list->count; i++) {
        const ij_export_item *item = &list->items[i];
        entries[i] = (ij_st_entry){.name = item->name, .dtype = dtype, .dims = item->tensor.dims};
        memcpy(entries[i].shape, item->tensor.shape, sizeof item->tensor.shape);
        entries[i].shape[0] /= item->parts;
    }
    ij_status status = ij_safetensors_create(writer, path, entries, list->count, metadata, n_metadata);
    free(entries);
    return status;
}

/* Turns n floats into elements of 16 bits where they lie: each is read before its place is written. */
static ij_status halve(float *values, int64_t n, ij_dtype dtype, const char *name)
{
    const uint16_t infinity = dtype == IJ_F16 ? 0x7c00 : 0x7f80;
    unsigned char *out = (unsigned char *)values;
    for (int64_t i = 0; i < n; i++) {
        float value = values[i];
        uint16_t half = dtype == IJ_F16 ? ij_f16_of(value) : ij_bf16_of(value);
        if ((half & 0x7fff) == infinity && isfinite(value))
            return ij_fail(IJ_EINVAL, "%s holds %g, which is too large for %s", name, (double)value,
                           dtype == IJ_F16 ? "float16: take bf16" : "bfloat16");
        memcpy(out + i * (int64_t)sizeof half, &half, sizeof half);
    }
    return IJ_OK;
}

/* Parts of a tensor follow each other: it is read at the first. */
static ij_status write_items(const ij_export_list *list, ij_st_writer *writer, ij_dtype dtype, float *values)
{
    size_t element = dtype == IJ_F32 ? sizeof(float) : sizeof(uint16_t);
    for (int i = 0; i < list->count; i++) {
        const ij_export_item *item = &list->items[i];
        int64_t elements = ij_export_elements(&item->tensor);
        if (item->part == 0) {
            TRY(ij_export_read(list, item, values));
            if (dtype != IJ_F32)
                TRY(halve(values, elements, dtype, item->name));
        }
        size_t bytes = (size_t)(elements / item->parts) * element;
        TRY(ij_safetensors_write(writer, (const unsigned char *)values + (size_t)item->part * bytes, bytes));
    }
    return IJ_OK;
}

ij_status ij_export_list_write(const ij_export_list *list, const char *path, ij_dtype dtype,
                               const char *const (*metadata)[2], int n_metadata)
{
    float *values;
    TRY(ij_export_buffer(list, &values));
    ij_st_writer *writer = NULL;
    ij_status status = create(&writer, list, path, dtype, metadata, n_metadata);
    if (!status)
        status = write_items(list, writer, dtype, values);
    free(values);
    if (status) {
        ij_safetensors_abandon(writer);
        return status;
    }
    return ij_safetensors_finish(writer);
}
