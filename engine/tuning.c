#include "engine/tuning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ij_group_info cpu_groups[IJ_GROUPS] = {
    [IJ_GROUP_DEVICE] =
        {"device",
         {{"VW", "floats of a vector register", {4, 8, 16}},
          {"TN", "columns of a register tile and of a weight panel, a multiple of VW", {8, 16, 32, 64}}},
         2},
    [IJ_GROUP_GEMM] = {"gemm", {{"TM", "rows of a register tile", {4, 5, 6, 7, 8, 9, 10, 12, 13, 14}}}, 1},
    [IJ_GROUP_GRADIENT] = {"gradient",
                           {{"TM", "rows of a register tile", {4, 5, 6, 7, 8, 9, 10, 12, 13, 14}},
                            {"MBLOCK", "tokens packed at once", {32, 64, 96, 128, 256}},
                            {"PANELS", "panels that share the packing of the other side", {1, 2, 3, 4, 6}}},
                           3},
    [IJ_GROUP_ATTENTION] = {"attention",
                            {{"TM", "queries of a register tile", {4, 6, 8, 10, 12}},
                             {"KB", "keys held at a time, a multiple of TN", {32, 64, 128}}},
                            2},
    [IJ_GROUP_ATTENTION_BACKWARD] = {"attention_backward",
                                     {{"TM", "queries of a register tile", {4, 6, 8, 10, 12}},
                                      {"KB", "keys held at a time, a multiple of TN", {32, 64, 128}}},
                                     2},
    [IJ_GROUP_ROWS] = {.name = "rows"},
};

const ij_group_info *ij_group_of(ij_family family, ij_group group)
{
    (void)family;
    return &cpu_groups[group];
}

ij_tuning ij_tuning_default(ij_family family, int vector_width)
{
    ij_tuning t = {.family = family};
    /* Accumulators, two vectors of B and a broadcast fill the register file: 32 registers of 16 floats, 16 of 8. */
    int vw = vector_width >= 16 ? 16 : vector_width >= 8 ? 8 : 4, tm = vw == 16 ? 12 : 6;
    t.choice[IJ_GROUP_DEVICE] = (ij_choice){{vw, 2 * vw}};
    t.choice[IJ_GROUP_GEMM] = (ij_choice){{tm}};
    t.choice[IJ_GROUP_GRADIENT] = (ij_choice){{tm, 64, 3}};
    t.choice[IJ_GROUP_ATTENTION] = (ij_choice){{tm, 64}};
    t.choice[IJ_GROUP_ATTENTION_BACKWARD] = (ij_choice){{tm, 64}};
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

static int value_of(const ij_tuning *t, ij_group group, const ij_choice *choice, const char *macro)
{
    const ij_group_info *info = ij_group_of(t->family, group);
    for (int i = 0; i < info->count; i++)
        if (strcmp(info->params[i].macro, macro) == 0)
            return choice->value[i];
    return 0;
}

const char *ij_choice_illegal(const ij_tuning *t, ij_group group, const ij_choice *choice, size_t local_bytes)
{
    int vw = ij_tuning_vw(t), tn = ij_tuning_tn(t);
    if (group == IJ_GROUP_DEVICE) {
        vw = choice->value[0];
        tn = choice->value[1];
        return tn % vw || tn > 4 * vw ? "TN is one to four times VW" : NULL;
    }
    int tm = value_of(t, group, choice, "TM"), kb = value_of(t, group, choice, "KB");
    int mblock = value_of(t, group, choice, "MBLOCK"), panels = value_of(t, group, choice, "PANELS");
    int registers = vw == 16 ? 32 : 16;
    if (tm && tm * (tn / vw) + tn / vw + 1 > registers)
        return "the tile TM x TN does not fit the vector registers";
    if (kb && kb % tn)
        return "KB is a multiple of TN";
    if (mblock && (size_t)(mblock * (tn * panels + tm) + vw) * sizeof(float) > local_bytes)
        return "MBLOCK x (TN PANELS + TM) floats do not fit the local memory";
    return NULL;
}

const ij_choice *ij_choice_for(const ij_tuning *t, ij_group group, int shape0, int shape1)
{
    for (int i = 0; i < t->tuned_count; i++)
        if (t->tuned[i].group == group && t->tuned[i].shape[0] == shape0 && t->tuned[i].shape[1] == shape1)
            return &t->tuned[i].choice;
    return &t->choice[group];
}

int ij_param_value(const ij_tuning *t, ij_group group, const char *macro, int shape0, int shape1)
{
    return value_of(t, group, ij_choice_for(t, group, shape0, shape1), macro);
}

static void append(const ij_group_info *info, const ij_choice *choice, char *options, size_t size)
{
    for (int i = 0; i < info->count; i++) {
        size_t used = strlen(options);
        snprintf(options + used, size - used, " -D%s=%d", info->params[i].macro, choice->value[i]);
    }
}

void ij_tuning_options(const ij_tuning *t, ij_group group, int shape0, int shape1, char *options, size_t size)
{
    append(ij_group_of(t->family, IJ_GROUP_DEVICE), &t->choice[IJ_GROUP_DEVICE], options, size);
    if (group != IJ_GROUP_DEVICE)
        append(ij_group_of(t->family, group), ij_choice_for(t, group, shape0, shape1), options, size);
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
