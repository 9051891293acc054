#include "engine/ops/rows.h"

#include "engine/ops/common.h"
#include "engine/ops/implementations.h"

static const ij_implementation *row_of(const ij_device *device)
{
    return ij_row_for(&device->tuning, IJ_GROUP_ROWS, 0, 0);
}

/* A parameter of the row; 1 where a work-item is alone and there is none. */
static int value(const ij_device *device, const char *macro)
{
    int v = ij_choice_value(row_of(device), ij_choice_for(&device->tuning, row_of(device), 0, 0), macro);
    return v ? v : 1;
}

ij_kernel_tuning ij_rows_tuning(const ij_device *device)
{
    return (ij_kernel_tuning){.of = row_of(device)};
}

ij_kernel_tuning ij_rows_tuning_for(const ij_device *device, int width)
{
    ij_kernel_tuning tuning = ij_rows_tuning(device);
    ij_kernel_align(&tuning, width % 4 == 0);
    return tuning;
}

int ij_rows_items(const ij_device *device)
{
    return value(device, "WGS");
}

int ij_rows_columns(const ij_device *device)
{
    return ij_param_value(&device->tuning, row_of(device), "VW", 0, 0) * value(device, "COLS");
}

int ij_rows_each(const ij_device *device, int alone)
{
    int items = ij_rows_items(device);
    return items == 1 ? alone : items / value(device, "LANES");
}

int ij_rows_column_groups(const ij_device *device, int dim)
{
    return ij_rows_items(device) == 1 ? 1 : ij_ceil_div(dim, ij_rows_columns(device));
}

ij_grid ij_rows_grid(const ij_device *device, int x, int y)
{
    return (ij_grid){.x = (size_t)x, .y = (size_t)y, .local = (size_t)ij_rows_items(device)};
}

/* ---- item -------------------------------------------------------------------------------------------------------- */

const ij_implementation ij_rows_item = {
    .name = "item",
    .group = IJ_GROUP_ROWS,
    .common = &ij_common_item,
    .sources = {"layernorm", "optimizer", "regularise", "tokens", "loss", "rowmajor", "softmax_probe", "nearest"},
    .offers = ij_offers_items,
};

/* ---- group ------------------------------------------------------------------------------------------------------- */

static ij_choice start(const ij_tuning *t)
{
    (void)t;
    return (ij_choice){{64, 32, 8}};
}

static const char *illegal(const ij_tuning *t, const ij_choice *choice)
{
    int items = ij_choice_value(&ij_rows_group, choice, "WGS");
    if ((size_t)items > t->device->max_work_group)
        return "the work-group is larger than the device's";
    bool fit = ij_choice_value(&ij_rows_group, choice, "LANES") <= items &&
               ij_choice_value(&ij_rows_group, choice, "COLS") <= items;
    return fit ? NULL : "LANES and COLS are at most WGS";
}

/* A float4 for each work-item that sums columns, and a float where the sums are summed; where LayerNorm goes back a
 * float, and two rows of sums; in cl/gpu_nearest.cl a float, a list of neighbours with their numbers, and a flag. */
static size_t local_bytes(const ij_tuning *t, const ij_choice *choice, int width)
{
    enum { NEIGHBOURS = 256 };
    (void)t;
    size_t items = (size_t)ij_choice_value(&ij_rows_group, choice, "WGS"), most = 5 * items * sizeof(float);
    size_t back = (items + 2 * (size_t)width) * sizeof(float), nearest = (items + 2 * NEIGHBOURS + 16) * sizeof(float);
    most = back > most ? back : most;
    return nearest > most ? nearest : most;
}

const ij_implementation ij_rows_group = {
    .name = "group",
    .group = IJ_GROUP_ROWS,
    .common = &ij_common_group,
    .sources = {"gpu_layernorm", "gpu_optimizer", "gpu_regularise", "gpu_tokens", "gpu_loss", "gpu_rowmajor",
                "gpu_softmax_probe", "gpu_nearest"},
    .params = {{"WGS", "work-items of a work-group", {32, 64, 128, 256}},
               {"LANES", "work-items that share a row of LayerNorm", {8, 16, 32, 64}},
               {"COLS", "float4 columns that a work-group adds up", {4, 8, 16, 32}}},
    .count = 3,
    .offers = ij_offers_groups,
    .start = start,
    .illegal = illegal,
    .local_bytes = local_bytes,
};
