#include "engine/tuning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ij_group_info cpu_groups[IJ_GROUPS] = {
    [IJ_GROUP_DEVICE] =
        {"device",
         {{"VW", "floats of a vector register", {4, 8, 16}},
          {"TN", "columns of a register tile and of a weight panel, a multiple of VW", {8, 16, 32, 64}}},
         2,
         {"peak", "gemm"}}, /* it is chosen by the products' speed */
    [IJ_GROUP_GEMM] = {"gemm", {{"TM", "rows of a register tile", {4, 5, 6, 7, 8, 9, 10, 12, 13, 14}}}, 1, {"gemm"}},
    [IJ_GROUP_GRADIENT] = {"gradient",
                           {{"TM", "rows of a register tile", {4, 5, 6, 7, 8, 9, 10, 12, 13, 14}},
                            {"MBLOCK", "tokens that all tiles go through before the next", {32, 64, 96, 128, 256}},
                            {"PANELS", "panels that read the other side one after another", {1, 2, 3, 4, 6}}},
                           3,
                           {"gradient"}},
    [IJ_GROUP_ATTENTION] = {"attention",
                            {{"TM", "queries of a register tile", {4, 6, 8, 10, 12}},
                             {"KB", "keys held at a time, a multiple of TN", {32, 64, 128, 256}}},
                            2,
                            {"attention"}},
    [IJ_GROUP_ATTENTION_BACKWARD] = {"attention_backward",
                                     {{"TM", "queries of a register tile", {4, 6, 8, 10, 12}},
                                      {"KB", "keys held at a time, a multiple of TN", {32, 64, 128, 256}}},
                                     2,
                                     {"attention"}},
    [IJ_GROUP_ROWS] = {.name = "rows",
                       .sources = {"layernorm", "optimizer", "regularise", "tokens", "loss", "rowmajor", "panels",
                                   "softmax_probe", "nearest"}},
};

#define PRODUCT_PARAMS                                                                                                 \
    {                                                                                                                  \
        {"WGM", "rows of a work-group's tile", {32, 64, 128}},                                                         \
            {"WGN", "columns of a work-group's tile", {32, 64, 128}},                                                  \
            {"WGK", "length of a step along the sum", {8, 16, 32}}, {"TM", "rows of a work-item", {4, 8}},             \
            {"TN", "columns of a work-item", {4, 8}},                                                                  \
            {"PAD", "floats that end a row of a tile in local memory", {4, 8}},                                        \
            {"STAGES", "steps held in local memory", {1, 2}}, {"KU", "of WGK, unrolled", {1, 2, 4, 8, 16}},            \
    }
#define ATTENTION_PARAMS                                                                                               \
    {                                                                                                                  \
        {"BR", "rows of a work-group", {8, 16, 32, 64}}, {"BC", "columns held at a time", {8, 16, 32, 64}},            \
    }

static const ij_group_info gpu_groups[IJ_GROUPS] = {
    [IJ_GROUP_DEVICE] = {"device",
                         {{"VW", "floats of a vector load", {4}},
                          {"SG", "work-items of a sub-group where tiles lie in registers, 0 for any", {8, 16, 32}}},
                         2,
                         {"peak", "gemm"}},
    [IJ_GROUP_GEMM] = {"gemm", PRODUCT_PARAMS, 8, {"gemm"}},
    [IJ_GROUP_GRADIENT] = {"gradient", PRODUCT_PARAMS, 8, {"gradient"}},
    [IJ_GROUP_ATTENTION] = {"attention", ATTENTION_PARAMS, 2, {"attention"}},
    [IJ_GROUP_ATTENTION_BACKWARD] = {"attention_backward", ATTENTION_PARAMS, 2, {"attention"}},
    [IJ_GROUP_ROWS] = {"rows",
                       {{"WGS", "work-items of a work-group", {32, 64, 128, 256}},
                        {"LANES", "work-items that share a row of LayerNorm", {8, 16, 32, 64}},
                        {"COLS", "float4 columns that a work-group adds up", {4, 8, 16, 32}}},
                       3,
                       {"layernorm", "optimizer", "regularise", "tokens", "loss", "rowmajor", "softmax_probe",
                        "nearest"}},
};

const ij_group_info *ij_group_of(ij_family family, ij_group group)
{
    return family == IJ_FAMILY_GPU ? &gpu_groups[group] : &cpu_groups[group];
}

bool ij_group_has_source(const ij_group_info *info, const char *source)
{
    for (int i = 0; i < IJ_MOST_SOURCES && info->sources[i]; i++)
        if (strcmp(info->sources[i], source) == 0)
            return true;
    return false;
}

/* ---- The GPU family's start ---------------------------------------------------------------------------------------
 */

/* Tiles of products, the best first that fits the device. They come from each architecture's registers and local
 * memory; tools/portability shows that no compiler spills with them. */
static const struct {
    const char *vendor; /* part of CL_DEVICE_VENDOR; "" all */
    ij_choice product;
} tiles[] = {
    {"NVIDIA", {{128, 64, 16, 8, 8, 4, 2, 2}}},
    {"Advanced Micro Devices", {{64, 64, 16, 4, 8, 4, 2, 2}}},
    {"", {{64, 64, 16, 4, 8, 4, 2, 2}}},
    {"", {{32, 32, 16, 4, 4, 4, 2, 2}}},
};
/* Blocks of attention: the first that fits registers and local memory, which hangs on the head width. */
static const ij_choice blocks[] = {{{32, 16}}, {{16, 16}}, {{16, 8}}, {{8, 16}}, {{8, 8}}};
enum { ACCUMULATORS = 48 }; /* of a work-item; 64 spill on some */
/* On CPUs, likewise. Fewer rows than products have, for sequences are short. */
static const ij_choice key_blocks[] = {{{8, 64}}, {{8, 32}}, {{6, 64}}, {{6, 32}}};
enum {
    TILES = sizeof tiles / sizeof *tiles,
    BLOCKS = sizeof blocks / sizeof *blocks,
    KEY_BLOCKS = sizeof key_blocks / sizeof *key_blocks
};

/* The local memory that every device has by the standard, where several work-groups can share what there is. */
enum { LOCAL_BYTES = 32 * 1024, WORK_GROUP = 256 };

static ij_tuning gpu_default(void)
{
    ij_tuning t = {.family = IJ_FAMILY_GPU, .local_bytes = LOCAL_BYTES, .max_work_group = WORK_GROUP};
    t.choice[IJ_GROUP_DEVICE] = (ij_choice){{4, 0}};
    t.choice[IJ_GROUP_GEMM] = t.choice[IJ_GROUP_GRADIENT] = tiles[2].product;
    t.choice[IJ_GROUP_ATTENTION] = t.choice[IJ_GROUP_ATTENTION_BACKWARD] = blocks[0];
    t.choice[IJ_GROUP_ROWS] = (ij_choice){{64, 32, 8}};
    return t;
}

void ij_tuning_fit(ij_tuning *t, const char *vendor, size_t max_work_group, size_t local_bytes, unsigned sub_groups)
{
    t->local_bytes = local_bytes;
    if (t->family != IJ_FAMILY_GPU)
        return;
    t->max_work_group = max_work_group;
    t->local_bytes = local_bytes < LOCAL_BYTES ? local_bytes : LOCAL_BYTES;
    t->sub_groups = sub_groups;
    int *sub_group = &t->choice[IJ_GROUP_DEVICE].value[1]; /* the smallest: it has the most registers an item */
    for (*sub_group = 8; *sub_group && !(sub_groups & (unsigned)*sub_group);)
        *sub_group = *sub_group < 32 ? 2 * *sub_group : 0;
    const ij_group groups[] = {IJ_GROUP_GEMM, IJ_GROUP_GRADIENT};
    for (int g = 0; g < 2; g++)
        for (int i = 0; i < TILES; i++) {
            t->choice[groups[g]] = tiles[i].product;
            if (strstr(vendor, tiles[i].vendor) && !ij_choice_illegal(t, groups[g], &tiles[i].product, local_bytes))
                break;
        }
}

/* ---- The start ----------------------------------------------------------------------------------------------------
 */

ij_tuning ij_tuning_default(ij_family family, int vector_width)
{
    if (family == IJ_FAMILY_GPU)
        return gpu_default();
    ij_tuning t = {.family = family};
    /* Accumulators, two vectors of B and a broadcast fill the register file: 32 registers of 16 floats, 16 of 8. */
    int vw = vector_width >= 16 ? 16 : vector_width >= 8 ? 8 : 4, tm = vw == 16 ? 12 : 6;
    t.choice[IJ_GROUP_DEVICE] = (ij_choice){{vw, 2 * vw}};
    t.choice[IJ_GROUP_GEMM] = (ij_choice){{tm}};
    t.choice[IJ_GROUP_GRADIENT] = (ij_choice){{tm, 128, 3}};
    t.choice[IJ_GROUP_ATTENTION] = t.choice[IJ_GROUP_ATTENTION_BACKWARD] = key_blocks[vw == 16 ? 0 : 2];
    return t;
}

int ij_tuning_vw(const ij_tuning *t)
{
    return t->choice[IJ_GROUP_DEVICE].value[0];
}

int ij_tuning_tn(const ij_tuning *t)
{
    return t->choice[IJ_GROUP_DEVICE].value[1];
}

int ij_tuning_columns(const ij_tuning *t)
{
    return t->family == IJ_FAMILY_GPU ? 4 * ij_param_value(t, IJ_GROUP_ROWS, "COLS", 0, 0) : ij_tuning_vw(t);
}

int ij_tuning_row_items(const ij_tuning *t)
{
    return t->family == IJ_FAMILY_GPU ? ij_param_value(t, IJ_GROUP_ROWS, "WGS", 0, 0) : 1;
}

static int value_of(const ij_tuning *t, ij_group group, const ij_choice *choice, const char *macro)
{
    const ij_group_info *info = ij_group_of(t->family, group);
    for (int i = 0; i < info->count; i++)
        if (strcmp(info->params[i].macro, macro) == 0)
            return choice->value[i];
    return 0;
}

/* Bytes of local memory of the GPU family's products, as in cl/gpu_common.cl. */
static size_t product_bytes(const int *value)
{
    int wgm = value[0], wgn = value[1], wgk = value[2], pad = value[5], stages = value[6];
    return (size_t)(stages * wgk * (wgm + wgn + 2 * pad)) * sizeof(float);
}

static const char *product_illegal(const ij_tuning *t, ij_group group, const int *value, size_t local_bytes)
{
    int wgm = value[0], wgn = value[1], wgk = value[2], tm = value[3], tn = value[4];
    int items = wgm / tm * (wgn / tn);
    if ((size_t)items > t->max_work_group)
        return "the work-group is larger than the device's";
    if (wgm * wgk % (4 * items) || wgn * wgk % (4 * items))
        return "the work-items do not share a step's loads evenly";
    if (group == IJ_GROUP_GRADIENT && items < wgm)
        return "the bias gradient needs WGM work-items";
    if (product_bytes(value) > local_bytes)
        return "the tiles do not fit the local memory";
    return NULL;
}

/* Bytes of local memory that attention takes at this head width, as in cl/attention.cl. */
static size_t key_block_bytes(const ij_tuning *t, ij_group group, const int *value, int dh)
{
    int tm = value[0], kb = value[1], tn = ij_tuning_tn(t), dp = (dh + tn - 1) / tn * tn;
    int row = group == IJ_GROUP_ATTENTION ? dh + tm : 2 * dh + 2 * dp + 8 * tm;
    return (size_t)(kb * row) * sizeof(float);
}

/* The same of cl/gpu_attention.cl. Of the two kernels that go back one holds the softmax's weights and a room for its
 * sums, the other the weights and their gradients. */
static size_t attention_bytes(ij_group group, const int *value, int dh)
{
    int br = value[0], bc = value[1], lr = br + 4, weights = bc * lr, room = 8 * br;
    bool forward = group == IJ_GROUP_ATTENTION;
    int rows = (forward ? 1 : 2) * dh * lr, columns = 2 * bc * (dh + 1);
    int rest = weights + (forward || room > weights ? room : weights);
    return (size_t)(rows + columns + rest) * sizeof(float);
}

/* A float4 for each work-item that sums columns, and a float where the sums are summed; where LayerNorm goes back a
 * float, and two rows of sums; in cl/gpu_nearest.cl a float, a list of neighbours with their numbers, and a flag. */
static size_t row_bytes(const int *value, int width)
{
    enum { NEIGHBOURS = 256 };
    size_t items = (size_t)value[0], most = 5 * items * sizeof(float);
    size_t back = (items + 2 * (size_t)width) * sizeof(float), nearest = (items + 2 * NEIGHBOURS + 16) * sizeof(float);
    most = back > most ? back : most;
    return nearest > most ? nearest : most;
}

static size_t cpu_bytes(const ij_tuning *t, ij_group group, const int *value, int width)
{
    if (group == IJ_GROUP_GEMM)
        return (size_t)(value[0] * ij_tuning_tn(t)) * sizeof(float);
    if (group == IJ_GROUP_ATTENTION || group == IJ_GROUP_ATTENTION_BACKWARD)
        return key_block_bytes(t, group, value, width);
    return 0;
}

static size_t gpu_bytes(ij_group group, const int *value, int width)
{
    if (group == IJ_GROUP_GEMM || group == IJ_GROUP_GRADIENT)
        return product_bytes(value);
    if (group == IJ_GROUP_ATTENTION || group == IJ_GROUP_ATTENTION_BACKWARD)
        return attention_bytes(group, value, width);
    return group == IJ_GROUP_ROWS ? row_bytes(value, width) : 0;
}

size_t ij_tuning_local_bytes(const ij_tuning *t, ij_group group, const ij_choice *choice, int width)
{
    return t->family == IJ_FAMILY_GPU ? gpu_bytes(group, choice->value, width)
                                      : cpu_bytes(t, group, choice->value, width);
}

static bool attention_fits(const ij_tuning *t, ij_group group, const ij_choice *choice, int dh)
{
    size_t bytes = ij_tuning_local_bytes(t, group, choice, dh);
    if (t->family == IJ_FAMILY_CPU)
        return !t->local_bytes || bytes <= t->local_bytes;
    int pair = group == IJ_GROUP_ATTENTION ? 1 : 2, accumulators = pair * (choice->value[0] / 8) * (dh / 8);
    return accumulators <= ACCUMULATORS && bytes <= t->local_bytes;
}

/* The group's default, or what of the family's blocks follows it and fits; on CPUs with as many rows. */
static const ij_choice *attention_choice(const ij_tuning *t, ij_group group, int dh)
{
    bool gpu = t->family == IJ_FAMILY_GPU;
    const ij_choice *choice = &t->choice[group], *list = gpu ? blocks : key_blocks;
    for (int i = 0; i < (gpu ? BLOCKS : KEY_BLOCKS) && !attention_fits(t, group, choice, dh); i++)
        if (gpu || list[i].value[0] == choice->value[0])
            choice = &list[i];
    return choice;
}

static const char *gpu_illegal(const ij_tuning *t, ij_group group, const ij_choice *choice, size_t local_bytes)
{
    const int *value = choice->value;
    if (group == IJ_GROUP_GEMM || group == IJ_GROUP_GRADIENT)
        return product_illegal(t, group, value, local_bytes);
    if (group == IJ_GROUP_ROWS) {
        if ((size_t)value[0] > t->max_work_group)
            return "the work-group is larger than the device's";
        return value[1] > value[0] || value[2] > value[0] ? "LANES and COLS are at most WGS" : NULL;
    }
    if (group == IJ_GROUP_DEVICE && value[1] && !(t->sub_groups & (unsigned)value[1]))
        return "the device has no sub-groups of SG";
    /* The head width is not known here: 8 is the least. */
    if (group != IJ_GROUP_DEVICE && ij_tuning_local_bytes(t, group, choice, 8) > local_bytes)
        return "BR and BC do not fit the local memory";
    return NULL;
}

const char *ij_choice_illegal(const ij_tuning *t, ij_group group, const ij_choice *choice, size_t local_bytes)
{
    if (t->family == IJ_FAMILY_GPU)
        return gpu_illegal(t, group, choice, local_bytes);
    int vw = ij_tuning_vw(t), tn = ij_tuning_tn(t);
    if (group == IJ_GROUP_DEVICE) {
        vw = choice->value[0];
        tn = choice->value[1];
        return tn % vw || tn > 4 * vw ? "TN is one to four times VW" : NULL;
    }
    int tm = value_of(t, group, choice, "TM"), kb = value_of(t, group, choice, "KB");
    int registers = vw == 16 ? 32 : 16;
    if (tm && tm * (tn / vw) + tn / vw + 1 > registers)
        return "the tile TM x TN does not fit the vector registers";
    if (kb && kb % tn)
        return "KB is a multiple of TN";
    return NULL;
}

const ij_choice *ij_choice_for(const ij_tuning *t, ij_group group, int shape0, int shape1)
{
    for (int i = 0; i < t->tuned_count; i++)
        if (t->tuned[i].group == group && t->tuned[i].shape[0] == shape0 && t->tuned[i].shape[1] == shape1)
            return &t->tuned[i].choice;
    if (group == IJ_GROUP_ATTENTION || group == IJ_GROUP_ATTENTION_BACKWARD)
        return attention_choice(t, group, shape0);
    return &t->choice[group];
}

int ij_param_value(const ij_tuning *t, ij_group group, const char *macro, int shape0, int shape1)
{
    return value_of(t, group, ij_choice_for(t, group, shape0, shape1), macro);
}

static bool append(const ij_group_info *info, const ij_choice *choice, char *options, size_t size)
{
    size_t used = strlen(options);
    for (int i = 0; i < info->count && used < size; i++)
        used += (size_t)snprintf(options + used, size - used, " -D%s=%d", info->params[i].macro, choice->value[i]);
    return used < size;
}

bool ij_tuning_options(const ij_tuning *t, ij_group group, int shape0, int shape1, char *options, size_t size)
{
    return append(ij_group_of(t->family, IJ_GROUP_DEVICE), &t->choice[IJ_GROUP_DEVICE], options, size) &&
           (group == IJ_GROUP_DEVICE ||
            append(ij_group_of(t->family, group), ij_choice_for(t, group, shape0, shape1), options, size));
}

bool ij_tuning_put(ij_tuning *t, ij_tuned tuned)
{
    for (int i = 0; i < t->tuned_count; i++)
        if (t->tuned[i].group == tuned.group && memcmp(t->tuned[i].shape, tuned.shape, sizeof tuned.shape) == 0) {
            t->tuned[i] = tuned;
            return true;
        }
    ij_tuned *longer = realloc(t->tuned, (size_t)(t->tuned_count + 1) * sizeof *longer);
    if (!longer)
        return false;
    t->tuned = longer;
    t->tuned[t->tuned_count++] = tuned;
    return true;
}
