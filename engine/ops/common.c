#include "engine/ops/common.h"

#include "engine/ops/implementations.h"

bool ij_offers_groups(const ij_device_info *device)
{
    return device->type == IJ_DEVICE_GPU && device->max_work_group >= 64;
}

bool ij_offers_items(const ij_device_info *device)
{
    return !ij_offers_groups(device);
}

size_t ij_local_bytes_to_begin(const ij_device_info *device)
{
    enum { STANDARD = 32 * 1024 };
    return device->local_bytes < STANDARD ? (size_t)device->local_bytes : STANDARD;
}

/* ---- item -------------------------------------------------------------------------------------------------------- */

static ij_choice item_start(const ij_tuning *t)
{
    int width = t->device->vector_width, vw = width >= 16 ? 16 : width >= 8 ? 8 : 4;
    return (ij_choice){{vw, 2 * vw}};
}

static const char *item_illegal(const ij_tuning *t, const ij_choice *choice)
{
    (void)t;
    int vw = ij_choice_value(&ij_common_item, choice, "VW"), tn = ij_choice_value(&ij_common_item, choice, "TN");
    return tn % vw || tn > 4 * vw ? "TN is one to four times VW" : NULL;
}

const ij_implementation ij_common_item = {
    .name = "item",
    .group = IJ_GROUP_DEVICE,
    .sources = {"peak"},
    .before = {"tail", "common"},
    .params = {{"VW", "floats of a vector register", {4, 8, 16}},
               {"TN", "columns of a register tile and of a weight panel, a multiple of VW", {8, 16, 32, 64}}},
    .count = 2,
    .any_width = true,
    .start = item_start,
    .illegal = item_illegal,
};

static int item_value(const ij_tuning *t, const char *macro)
{
    return ij_param_value(t, &ij_common_item, macro, 0, 0);
}

int ij_tuning_vw(const ij_tuning *t)
{
    return item_value(t, "VW");
}

int ij_tuning_tn(const ij_tuning *t)
{
    return item_value(t, "TN");
}

/* 32 registers of 16 floats, 16 of 8. */
int ij_tile_rows(const ij_tuning *t)
{
    return ij_tuning_vw(t) == 16 ? 12 : 6;
}

const char *ij_tile_spills(const ij_tuning *t, int rows)
{
    int vw = ij_tuning_vw(t), vectors = ij_tuning_tn(t) / vw, registers = vw == 16 ? 32 : 16;
    return rows * vectors + vectors + 1 > registers ? "the tile TM x TN does not fit the vector registers" : NULL;
}

/* ---- group ------------------------------------------------------------------------------------------------------- */

/* The smallest sub-group: it has the most registers an item. */
static ij_choice group_start(const ij_tuning *t)
{
    int sub_group = 8;
    while (sub_group && !(t->device->sub_groups & (unsigned)sub_group))
        sub_group = sub_group < 32 ? 2 * sub_group : 0;
    return (ij_choice){{4, sub_group}};
}

static const char *group_illegal(const ij_tuning *t, const ij_choice *choice)
{
    int sub_group = ij_choice_value(&ij_common_group, choice, "SG");
    return sub_group && !(t->device->sub_groups & (unsigned)sub_group) ? "the device has no sub-groups of SG" : NULL;
}

const ij_implementation ij_common_group = {
    .name = "group",
    .group = IJ_GROUP_DEVICE,
    .sources = {"gpu_peak"},
    .before = {"tail", "gpu_common"},
    .prefix = "gpu_",
    .params = {{"VW", "floats of a vector load", {4}},
               {"SG", "work-items of a sub-group where tiles lie in registers, 0 for any", {8, 16, 32}}},
    .count = 2,
    .start = group_start,
    .illegal = group_illegal,
};
