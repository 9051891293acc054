/* Products by work-groups: a tile of the result, whose operands come through local memory in steps. cl/gpu_gemm.cl and
 * cl/gpu_gradient.cl. */
#include "engine/base/try.h"
#include "engine/ops/common.h"
#include "engine/ops/implementations.h"
#include "engine/program.h"

#include <string.h>

/* ---- Parameters, the same for all forms -------------------------------------------------------------------------- */

#define PARAMS                                                                                                         \
    {                                                                                                                  \
        {"WGM", "rows of a work-group's tile", {32, 64, 128}},                                                         \
            {"WGN", "columns of a work-group's tile", {32, 64, 128}},                                                  \
            {"WGK", "length of a step along the sum", {8, 16, 32}}, {"TM", "rows of a work-item", {4, 8}},             \
            {"TN", "columns of a work-item", {4, 8}},                                                                  \
            {"PAD", "floats that end a row of a tile in local memory", {4, 8}},                                        \
            {"STAGES", "steps held in local memory", {1, 2}}, {"KU", "of WGK, unrolled", {1, 2, 4, 8, 16}},            \
    }

/* The best first that fits the device. They come from each architecture's registers and local memory;
 * tools/portability shows that no compiler spills with them. */
static const struct {
    const char *vendor; /* part of CL_DEVICE_VENDOR; "" all */
    ij_choice choice;
} tiles[] = {
    {"NVIDIA", {{128, 64, 16, 8, 8, 4, 2, 2}}},
    {"Advanced Micro Devices", {{64, 64, 16, 4, 8, 4, 2, 2}}},
    {"", {{64, 64, 16, 4, 8, 4, 2, 2}}},
    {"", {{32, 32, 16, 4, 4, 4, 2, 2}}},
};
enum { TILES = sizeof tiles / sizeof *tiles };

/* Where a driver allows a kernel less: ever fewer work-items and less local memory. */
static const ij_choice smaller[] = {{{64, 64, 16, 4, 8, 4, 2, 2}},
                                    {{32, 32, 16, 4, 4, 4, 2, 2}},
                                    {{32, 32, 16, 4, 8, 4, 1, 2}},
                                    {{32, 32, 16, 8, 8, 4, 1, 2}}};
enum { SMALLER = sizeof smaller / sizeof *smaller };

/* A work-group's tile and step, a work-item's part, and the items. */
typedef struct tile {
    int wgm, wgn, wgk, tm, tn, items;
} tile;

static tile tile_of(const ij_choice *choice)
{
    const ij_implementation *of = &ij_gemm_tile.kernels; /* gradients have the same parameters */
    tile t = {.wgm = ij_choice_value(of, choice, "WGM"),
              .wgn = ij_choice_value(of, choice, "WGN"),
              .wgk = ij_choice_value(of, choice, "WGK"),
              .tm = ij_choice_value(of, choice, "TM"),
              .tn = ij_choice_value(of, choice, "TN")};
    t.items = t.wgm / t.tm * (t.wgn / t.tn);
    return t;
}

static tile tile_for(const ij_gemm *gemm, const ij_product_kernel *what)
{
    return tile_of(ij_choice_for(&gemm->device->tuning, what->of, what->shape[0], what->shape[1]));
}

/* As in cl/gpu_common.cl. */
static size_t local_bytes(const ij_tuning *t, const ij_choice *choice, int width)
{
    (void)t;
    (void)width;
    tile s = tile_of(choice);
    int pad = ij_choice_value(&ij_gemm_tile.kernels, choice, "PAD");
    int stages = ij_choice_value(&ij_gemm_tile.kernels, choice, "STAGES");
    return (size_t)(stages * s.wgk * (s.wgm + s.wgn + 2 * pad)) * sizeof(float);
}

static const char *illegal(const ij_tuning *t, const ij_choice *choice)
{
    tile s = tile_of(choice);
    if ((size_t)s.items > t->device->max_work_group)
        return "the work-group is larger than the device's";
    if (s.wgm * s.wgk % (4 * s.items) || s.wgn * s.wgk % (4 * s.items))
        return "the work-items do not share a step's loads evenly";
    return local_bytes(t, choice, 0) > t->device->local_bytes ? "the tiles do not fit the local memory" : NULL;
}

static const char *illegal_gradient(const ij_tuning *t, const ij_choice *choice)
{
    tile s = tile_of(choice);
    return s.items < s.wgm ? "the bias gradient needs WGM work-items" : illegal(t, choice);
}

static ij_choice begin(const ij_tuning *t, const char *(*why_not)(const ij_tuning *, const ij_choice *))
{
    int i = 0;
    while (i < TILES - 1 && (!strstr(t->device->vendor, tiles[i].vendor) || why_not(t, &tiles[i].choice)))
        i++;
    return tiles[i].choice;
}

static ij_choice start(const ij_tuning *t)
{
    return begin(t, illegal);
}

static ij_choice start_gradient(const ij_tuning *t)
{
    return begin(t, illegal_gradient);
}

/* ---- Forward and to the input ------------------------------------------------------------------------------------ */

static ij_status run(ij_gemm *gemm, const ij_product *p)
{
    int shape[3];
    cl_kernel kernel;
    ij_product_shape(p, shape);
    ij_product_kernel what = {.of = &ij_gemm_tile.kernels, .source = "gpu_gemm", .shape = {shape[1], shape[2]}};
    TRY(ij_product_name(p, &what.name));
    TRY(ij_product_kernel_get(gemm, what, &kernel));
    tile t = tile_for(gemm, &what);
    ij_grid grid = ij_product_grid(p, ij_ceil_div(shape[1], t.wgn), ij_ceil_div(shape[0], t.wgm), t.items);
    return ij_product_launch(gemm, kernel, what.name, grid, p);
}

const ij_product_row ij_gemm_tile = {
    .kernels = {.name = "tile",
                .group = IJ_GROUP_GEMM,
                .layout = IJ_LAYOUT_ROWS,
                .common = &ij_common_group,
                .sources = {"gpu_gemm"},
                .params = PARAMS,
                .count = 8,
                .offers = ij_offers_groups,
                .start = start,
                .smaller = smaller,
                .smaller_count = SMALLER,
                .illegal = illegal,
                .local_bytes = local_bytes},
    .run = run,
};

/* ---- Weight gradients -------------------------------------------------------------------------------------------- */

static ij_product_kernel gradient_kernel(int out, int in, const char *name)
{
    return (ij_product_kernel){
        .of = &ij_gradient_tile.kernels, .source = "gpu_gradient", .name = name, .shape = {out, in}};
}

/* A gradient's shares of the rows: enough to keep the device busy, each eight steps at least. */
static int splits_of(const ij_gemm *gemm, tile t, int rows, int out, int in)
{
    int groups = ij_ceil_div(out, t.wgm) * ij_ceil_div(in, t.wgn);
    int wanted = ij_ceil_div(4 * (int64_t)gemm->device->info.compute_units, groups);
    int worth = ij_ceil_div(rows, 8 * (int64_t)t.wgk);
    return wanted < worth ? wanted : worth;
}

/* A part of a split gradient: the weight's, then the bias's. */
static int split_stride(int out, int in)
{
    return out * in + out;
}

static size_t split_bytes(const ij_gemm *gemm, int rows, int out, int in)
{
    ij_product_kernel what = gradient_kernel(out, in, NULL);
    int splits = splits_of(gemm, tile_for(gemm, &what), rows, out, in);
    return splits > 1 ? (size_t)splits * (size_t)split_stride(out, in) * sizeof(float) : 0;
}

/* Parts that the scratch has room for; it was planned for the parameters of that time. */
static int room_for(const ij_gemm *gemm, int stride)
{
    size_t bytes = 0;
    if (gemm->scratch)
        clGetMemObjectInfo(gemm->scratch, CL_MEM_SIZE, sizeof bytes, &bytes, NULL);
    int parts = (int)(bytes / ((size_t)stride * sizeof(float)));
    return parts > 1 ? parts : 1;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static ij_status add_splits(ij_gemm *gemm, const ij_product *p, int splits)
{
    cl_kernel kernel;
    ij_product_kernel what = gradient_kernel(p->out, p->in, "gradient_reduce");
    TRY(ij_product_kernel_get(gemm, what, &kernel));
    tile t = tile_for(gemm, &what);
    cl_int stride = split_stride(p->out, p->in), floats = p->out * p->in, add = p->accumulate;
    ij_grid grid = {.x = (size_t)ij_ceil_div(stride, t.items), .y = 1, .local = (size_t)t.items};
    grid.bytes = 4.0 * stride * (splits + 1.0);
    return IJ_LAUNCH(gemm->device, kernel, "gradient_reduce", grid, IJ_ARG(gemm->scratch), IJ_ARG(p->c),
                     IJ_ARG(p->bias), IJ_ARG(floats), IJ_ARG(p->out), IJ_ARG(splits), IJ_ARG(stride), IJ_ARG(add));
}

static ij_status run_gradient(ij_gemm *gemm, const ij_product *p)
{
    cl_kernel kernel;
    ij_product_kernel what = gradient_kernel(p->out, p->in, NULL);
    TRY(ij_product_name(p, &what.name));
    TRY(ij_product_kernel_get(gemm, what, &kernel));
    tile t = tile_for(gemm, &what);
    cl_int stride = split_stride(p->out, p->in);
    int splits = least(splits_of(gemm, t, p->rows, p->out, p->in), room_for(gemm, stride));
    cl_int tokens = ij_ceil_div(ij_ceil_div(p->rows, splits), t.wgk) * t.wgk;
    splits = ij_ceil_div(p->rows, tokens);
    bool split = splits > 1;
    cl_mem g = split ? gemm->scratch : p->c, bias = split ? gemm->scratch : p->bias;
    cl_int bias_at = split ? p->out * p->in : 0, add = !split && p->accumulate;
    int across = ij_ceil_div(p->in, t.wgn), down = ij_ceil_div(p->out, t.wgm);
    TRY(IJ_LAUNCH(gemm->device, kernel, what.name, ij_product_grid(p, across, down * splits, t.items), IJ_ARG(p->a),
                  IJ_ARG(p->b), IJ_ARG(g), IJ_ARG(p->rows), IJ_ARG(p->out), IJ_ARG(p->in), IJ_ARG(tokens),
                  IJ_ARG(stride), IJ_ARG(bias), IJ_ARG(bias_at), IJ_ARG(add)));
    return split ? add_splits(gemm, p, splits) : IJ_OK;
}

const ij_product_row ij_gradient_tile = {
    .kernels = {.name = "tile",
                .group = IJ_GROUP_GRADIENT,
                .layout = IJ_LAYOUT_ROWS,
                .common = &ij_common_group,
                .sources = {"gpu_gradient"},
                .params = PARAMS,
                .count = 8,
                .offers = ij_offers_groups,
                .start = start_gradient,
                .smaller = smaller,
                .smaller_count = SMALLER,
                .illegal = illegal_gradient,
                .local_bytes = local_bytes},
    .scratch = split_bytes,
    .run = run_gradient,
};
