/* Products by items: a work-item takes a panel of W, TN columns packed together, and tiles of TM rows that it keeps in
 * vector registers. cl/gemm.cl and cl/panels.cl. */
#include "engine/base/try.h"
#include "engine/ops/common.h"
#include "engine/ops/implementations.h"
#include "engine/program.h"

static ij_choice start(const ij_tuning *t)
{
    return (ij_choice){{ij_tile_rows(t)}};
}

static const char *illegal(const ij_tuning *t, const ij_choice *choice)
{
    return ij_tile_spills(t, ij_choice_value(&ij_gemm_panel.kernels, choice, "TM"));
}

static size_t local_bytes(const ij_tuning *t, const ij_choice *choice, int width)
{
    (void)width;
    return (size_t)(ij_choice_value(&ij_gemm_panel.kernels, choice, "TM") * ij_tuning_tn(t)) * sizeof(float);
}

/* Work-groups that share the rows of a panel: few enough to share the panel's reading, enough to keep every compute
 * unit busy, each with no more rows of A than the second-level cache holds, and all of one size. The tiles of a single
 * image are one group all the same: so few do not make up for reading a panel from memory twice. */
static int groups_of_rows(const ij_device *device, int tm, int rows, int panels, int inner)
{
    enum { FEW = 24 };
    int fit = 512 * 1024 / 4 / inner / tm, tiles = ij_ceil_div(rows, tm);
    int64_t wanted = 4 * (int64_t)device->info.compute_units;
    int most = ij_ceil_div(ij_ceil_div(rows, ij_ceil_div(wanted, panels)), tm);
    if (tiles > FEW && fit < most)
        most = fit > 1 ? fit : 1;
    return ij_ceil_div(tiles, ij_ceil_div(tiles, ij_ceil_div(tiles, most)));
}

static ij_status run(ij_gemm *gemm, const ij_product *p)
{
    int shape[3];
    cl_kernel kernel;
    ij_product_shape(p, shape);
    ij_product_kernel what = {.of = &ij_gemm_panel.kernels, .source = "gemm", .shape = {shape[1], shape[2]}};
    TRY(ij_product_name(p, &what.name));
    TRY(ij_product_kernel_get(gemm, what, &kernel));
    const ij_tuning *t = &gemm->device->tuning;
    int panels = ij_ceil_div(shape[1], ij_tuning_tn(t)), tm = ij_param_value(t, what.of, "TM", shape[1], shape[2]);
    int groups = groups_of_rows(gemm->device, tm, shape[0], panels, shape[2]);
    return ij_product_launch(gemm, kernel, what.name, ij_product_grid(p, panels, groups, 1), p);
}

const ij_product_row ij_gemm_panel = {
    .kernels = {.name = "panel",
                .group = IJ_GROUP_GEMM,
                .layout = IJ_LAYOUT_PANELS,
                .common = &ij_common_item,
                .sources = {"gemm", "panels"},
                .params = {{"TM", "rows of a register tile", {4, 5, 6, 7, 8, 9, 10, 12, 13, 14}}},
                .count = 1,
                .offers = ij_offers_items,
                .start = start,
                .illegal = illegal,
                .local_bytes = local_bytes},
    .run = run,
};

ij_status ij_panels_transpose(ij_gemm *gemm, const ij_linear *l)
{
    cl_kernel kernel;
    ij_product_kernel what = {.of = &ij_gemm_panel.kernels, .source = "panels", .name = "panel_transpose"};
    TRY(ij_product_kernel_get(gemm, what, &kernel));
    int tn = ij_tuning_tn(&gemm->device->tuning);
    ij_grid grid = {.x = (size_t)ij_ceil_div(l->in, tn), .y = (size_t)ij_ceil_div(l->out, tn), .local = 1};
    return IJ_LAUNCH(gemm->device, kernel, "panel_transpose", grid, IJ_ARG(l->weight), IJ_ARG(l->weight_t),
                     IJ_ARG(l->out), IJ_ARG(l->in));
}
