/* Products by items: a work-item takes a panel of W, TN columns packed together, and tiles of TM rows that it keeps in
 * vector registers. cl/gemm.cl, cl/gradient.cl and cl/panels.cl. */
#include "engine/base/try.h"
#include "engine/ops/common.h"
#include "engine/ops/implementations.h"
#include "engine/program.h"

/* Accumulators, two vectors of B and a broadcast fill the register file: 32 registers of 16 floats, 16 of 8. */
static int rows_to_begin(const ij_tuning *t)
{
    return ij_tuning_vw(t) == 16 ? 12 : 6;
}

static const char *spills(const ij_tuning *t, int tm)
{
    int vw = ij_tuning_vw(t), vectors = ij_tuning_tn(t) / vw, registers = vw == 16 ? 32 : 16;
    return tm * vectors + vectors + 1 > registers ? "the tile TM x TN does not fit the vector registers" : NULL;
}

/* ---- Forward and to the input ------------------------------------------------------------------------------------ */

static ij_choice start(const ij_tuning *t)
{
    return (ij_choice){{rows_to_begin(t)}};
}

static const char *illegal(const ij_tuning *t, const ij_choice *choice)
{
    return spills(t, ij_choice_value(&ij_gemm_panel.kernels, choice, "TM"));
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

/* ---- Weight gradients -------------------------------------------------------------------------------------------- */

static ij_choice start_gradient(const ij_tuning *t)
{
    return (ij_choice){{rows_to_begin(t), 128, 3}};
}

static const char *illegal_gradient(const ij_tuning *t, const ij_choice *choice)
{
    return spills(t, ij_choice_value(&ij_gradient_panel.kernels, choice, "TM"));
}

static ij_status run_gradient(ij_gemm *gemm, const ij_product *p)
{
    cl_kernel kernel;
    ij_product_kernel what = {.of = &ij_gradient_panel.kernels, .source = "gradient", .shape = {p->out, p->in}};
    TRY(ij_product_name(p, &what.name));
    TRY(ij_product_kernel_get(gemm, what, &kernel));
    const ij_tuning *t = &gemm->device->tuning;
    int each = ij_param_value(t, what.of, "PANELS", p->out, p->in),
        tm = ij_param_value(t, what.of, "TM", p->out, p->in);
    int groups = ij_ceil_div(ij_ceil_div(p->out, ij_tuning_tn(t)), each);
    int units = (int)gemm->device->info.compute_units, shares = ij_ceil_div(4 * (int64_t)units, groups);
    while (groups * shares % units) /* every unit gets as much */
        shares++;
    int columns = ij_ceil_div(ij_ceil_div(p->in, shares), tm) * tm;
    cl_int add = p->accumulate;
    ij_grid grid = ij_product_grid(p, groups, ij_ceil_div(p->in, columns), 1);
    return IJ_LAUNCH(gemm->device, kernel, what.name, grid, IJ_ARG(p->a), IJ_ARG(p->b), IJ_ARG(p->c), IJ_ARG(p->rows),
                     IJ_ARG(p->out), IJ_ARG(p->in), IJ_ARG(columns), IJ_ARG(p->bias), IJ_ARG(add));
}

const ij_product_row ij_gradient_panel = {
    .kernels = {.name = "panel",
                .group = IJ_GROUP_GRADIENT,
                .layout = IJ_LAYOUT_PANELS,
                .common = &ij_common_item,
                .sources = {"gradient"},
                .params = {{"TM", "rows of a register tile", {4, 5, 6, 7, 8, 9, 10, 12, 13, 14}},
                           {"MBLOCK", "tokens that all tiles go through before the next", {32, 64, 96, 128, 256}},
                           {"PANELS", "panels that read the other side one after another", {1, 2, 3, 4, 6}}},
                .count = 3,
                .offers = ij_offers_items,
                .start = start_gradient,
                .illegal = illegal_gradient},
    .run = run_gradient,
};
