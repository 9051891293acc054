/* Products by sub-groups: a work-item has one column, and rows come by shuffles. cl/subgroup_gemm.cl. */
#include "engine/base/try.h"
#include "engine/ops/common.h"
#include "engine/ops/implementations.h"
#include "engine/program.h"

static bool has_sub_groups(const ij_device_info *device)
{
    return device->sub_groups & (8 | 16 | 32);
}

static const char *lacks(const ij_device_info *device)
{
    return has_sub_groups(device) ? NULL : "it has no sub-groups of a chosen size";
}

static ij_choice start(const ij_tuning *t)
{
    (void)t;
    return (ij_choice){{8, 4}};
}

/* Columns of a work-group: its sub-groups' items. */
static int columns_of(const ij_tuning *t, const ij_choice *choice)
{
    int sub_group = ij_param_value(t, &ij_common_group, "SG", 0, 0);
    return ij_choice_value(&ij_gemm_subgroup.kernels, choice, "SUBS") * sub_group;
}

static const char *illegal(const ij_tuning *t, const ij_choice *choice)
{
    int columns = columns_of(t, choice);
    if (columns == 0)
        return "sub-groups have no size";
    return (size_t)columns > t->device->max_work_group ? "the work-group is larger than the device's" : NULL;
}

static ij_status run(ij_gemm *gemm, const ij_product *p)
{
    int shape[3];
    cl_kernel kernel;
    ij_product_shape(p, shape);
    ij_product_kernel what = {
        .of = &ij_gemm_subgroup.kernels, .source = "subgroup_gemm", .shape = {shape[1], shape[2]}};
    TRY(ij_product_name(p, &what.name));
    TRY(ij_product_kernel_get(gemm, what, &kernel));
    const ij_tuning *t = &gemm->device->tuning;
    const ij_choice *choice = ij_choice_for(t, what.of, shape[1], shape[2]);
    int columns = columns_of(t, choice), rows = ij_choice_value(what.of, choice, "TM");
    ij_grid grid = ij_product_grid(p, ij_ceil_div(shape[1], columns), ij_ceil_div(shape[0], rows), columns);
    return ij_product_launch(gemm, kernel, what.name, grid, p);
}

const ij_product_row ij_gemm_subgroup = {
    .kernels = {.name = "subgroup",
                .group = IJ_GROUP_GEMM,
                .layout = IJ_LAYOUT_ROWS,
                .common = &ij_common_group,
                .sources = {"subgroup_gemm"},
                .params = {{"TM", "rows of a work-item", {4, 8, 16}},
                           {"SUBS", "sub-groups of a work-group", {1, 2, 4, 8}}},
                .count = 2,
                .lacks = lacks,
                .offers = has_sub_groups,
                .start = start,
                .illegal = illegal},
    .run = run,
};
