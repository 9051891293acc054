/* Gradients of weights that lie in panels, by items: tiles of TM columns of one side times the TN columns of a panel of
 * the other, kept in vector registers while the tokens pass. `panel` reads both sides where they lie (cl/gradient.cl);
 * `packed` copies them together first (cl/packed_gradient.cl). */
#include "engine/base/try.h"
#include "engine/ops/common.h"
#include "engine/ops/implementations.h"
#include "engine/program.h"

#include <string.h>

static const char *illegal(const ij_tuning *t, const ij_choice *choice)
{
    return ij_tile_spills(t, ij_choice_value(&ij_gradient_panel.kernels, choice, "TM")); /* the first of both */
}

enum { COLUMNS = 96 }; /* of a group, at least, where there are groups enough */

static ij_status run_by(ij_gemm *gemm, const ij_product *p, const ij_implementation *of, const char *source)
{
    cl_kernel kernel;
    ij_product_kernel what = {.of = of, .source = source, .shape = {p->out, p->in}};
    TRY(ij_product_name(p, &what.name));
    TRY(ij_product_kernel_get(gemm, what, &kernel));
    const ij_tuning *t = &gemm->device->tuning;
    int each = ij_param_value(t, of, "PANELS", p->out, p->in), tm = ij_param_value(t, of, "TM", p->out, p->in);
    int groups = ij_ceil_div(ij_ceil_div(p->out, ij_tuning_tn(t)), each);
    /* Four groups for each unit, or fewer that read each other's rows less often. */
    int units = (int)gemm->device->info.compute_units, shares = ij_ceil_div(4 * (int64_t)units, groups);
    if (shares > ij_ceil_div(p->in, COLUMNS))
        shares = ij_ceil_div(p->in, COLUMNS);
    while (groups * shares % units) /* every unit gets as much */
        shares++;
    int columns = ij_ceil_div(ij_ceil_div(p->in, shares), tm) * tm;
    cl_int add = p->accumulate;
    ij_grid grid = ij_product_grid(p, groups, ij_ceil_div(p->in, columns), 1);
    return IJ_LAUNCH(gemm->device, kernel, what.name, grid, IJ_ARG(p->a), IJ_ARG(p->b), IJ_ARG(p->c), IJ_ARG(p->rows),
                     IJ_ARG(p->out), IJ_ARG(p->in), IJ_ARG(columns), IJ_ARG(p->bias), IJ_ARG(add));
}

/* ---- panel ------------------------------------------------------------------------------------------------------- */

/* Intel's first-level cache holds 48 rows that lie a multiple of 2 KiB apart, and its multiply-adds outrun what comes
 * from beyond it; AMD's (Zen 4) hold fewer and are half as fast: longer sums, fewer stores. */
static ij_choice start_panel(const ij_tuning *t)
{
    bool intel = strstr(t->device->vendor, "Intel") != NULL;
    return intel ? (ij_choice){{ij_tile_rows(t), 32, 6}} : (ij_choice){{ij_tile_rows(t), 128, 3}};
}

static ij_status run_panel(ij_gemm *gemm, const ij_product *p)
{
    return run_by(gemm, p, &ij_gradient_panel.kernels, "gradient");
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
                .start = start_panel,
                .illegal = illegal},
    .run = run_panel,
};

/* ---- packed ------------------------------------------------------------------------------------------------------ */

/* Tiles of 32 registers of 16 floats do four times as much with what they read and need no copy. */
static bool offers_packed(const ij_device_info *device)
{
    return ij_offers_items(device) && device->vector_width < 16;
}

static ij_choice start_packed(const ij_tuning *t)
{
    return (ij_choice){{ij_tile_rows(t), 128, 12, 4}};
}

/* dp and ap of cl/packed_gradient.cl. */
static size_t local_bytes(const ij_tuning *t, const ij_choice *choice, int width)
{
    (void)width;
    const ij_implementation *of = &ij_gradient_packed.kernels;
    int vw = ij_tuning_vw(t), columns = ij_choice_value(of, choice, "TILES") * ij_choice_value(of, choice, "TM");
    int copied = ij_choice_value(of, choice, "PANELS") * ij_tuning_tn(t) + ij_ceil_div(columns, vw) * vw;
    return (size_t)(ij_choice_value(of, choice, "MBLOCK") * copied) * sizeof(float);
}

/* The first that takes no more local memory than there is and gives every unit panels of its own, or few of them. */
static const ij_choice *fit(const ij_tuning *t, const ij_choice *start, int shape0)
{
    static const ij_choice fewer[] = {
        {{6, 128, 6, 4}}, {{6, 128, 3, 4}}, {{6, 64, 3, 4}}, {{6, 32, 3, 2}}, {{6, 32, 1, 1}}};
    enum { FEWER = sizeof fewer / sizeof *fewer, FEW = 3 };
    int panels = ij_ceil_div(shape0, ij_tuning_tn(t));
    for (int i = 0; i < FEWER; i++) {
        int each = ij_choice_value(&ij_gradient_packed.kernels, start, "PANELS");
        bool shared = each <= FEW || ij_ceil_div(panels, each) >= (int)t->device->compute_units;
        if (shared && local_bytes(t, start, shape0) <= t->device->local_bytes)
            break;
        start = &fewer[i];
    }
    return start;
}

static ij_status run_packed(ij_gemm *gemm, const ij_product *p)
{
    return run_by(gemm, p, &ij_gradient_packed.kernels, "packed_gradient");
}

const ij_product_row ij_gradient_packed = {
    .kernels = {.name = "packed",
                .group = IJ_GROUP_GRADIENT,
                .layout = IJ_LAYOUT_PANELS,
                .common = &ij_common_item,
                .sources = {"packed_gradient"},
                .params = {{"TM", "rows of a register tile", {4, 5, 6, 7, 8, 9, 10, 12, 13, 14}},
                           {"MBLOCK", "tokens copied at a time", {32, 64, 128, 192}},
                           {"PANELS", "panels copied at a time", {1, 3, 6, 12}},
                           {"TILES", "tiles whose columns of the other side are copied at a time", {1, 2, 4, 8}}},
                .count = 4,
                .offers = offers_packed,
                .start = start_packed,
                .fit = fit,
                .illegal = illegal,
                .local_bytes = local_bytes},
    .run = run_packed,
};
