#include "engine/ops/gemm.h"

#include "engine/base/try.h"
#include "engine/launch.h"
#include "engine/program.h"
#include "engine/tuning_db.h"

#include <clblast_c.h>
#include <stdlib.h>
#include <string.h>

/* The tails that exist as kernels of their own. */
static const struct {
    const char *name;
    ij_form form;
    int tail;
} variants[IJ_GEMM_TAILS] = {
    {"gemm", IJ_BACKWARD_INPUT, 0},
    {"gemm_bias", IJ_FORWARD, IJ_TAIL_BIAS},
    {"gemm_bias_residual", IJ_FORWARD, IJ_TAIL_BIAS | IJ_TAIL_ADD},
    {"gemm_bias_add_rows", IJ_FORWARD, IJ_TAIL_BIAS | IJ_TAIL_ADD_ROWS},
    {"gemm_bias_gelu", IJ_FORWARD, IJ_TAIL_BIAS | IJ_TAIL_GELU},
    {"gemm_bias_gelu_keep", IJ_FORWARD, IJ_TAIL_BIAS | IJ_TAIL_GELU | IJ_TAIL_KEEP},
    {"gemm_gelu_backward", IJ_BACKWARD_INPUT, IJ_TAIL_GELU_BACKWARD},
    {"gemm_residual", IJ_BACKWARD_INPUT, IJ_TAIL_ADD},
};

static bool on_gpu(const ij_gemm *gemm)
{
    return gemm->device->tuning.family == IJ_FAMILY_GPU;
}

/* What follows CLBlast's products. */
static ij_status make_ends(ij_gemm *gemm)
{
    ij_kernel_tuning tuning = {.group = IJ_GROUP_ROWS};
    if (gemm->tail)
        return IJ_OK;
    if (on_gpu(gemm))
        tuning.define = "ALIGNED"; /* a library's products have any width */
    TRY(ij_kernel_create(gemm->device, "rowmajor", tuning, "tail", &gemm->tail));
    return ij_kernel_create(gemm->device, "rowmajor", tuning, "column_sum", &gemm->column_sum);
}

ij_status ij_gemm_create(ij_gemm *gemm, ij_device *device, bool clblast)
{
    memset(gemm, 0, sizeof *gemm);
    gemm->device = device;
    gemm->clblast = clblast;
    ij_kernel_tuning tuning = {.group = IJ_GROUP_ROWS};
    if (clblast)
        return make_ends(gemm);
    return on_gpu(gemm) ? IJ_OK : ij_kernel_create(device, "panels", tuning, "panel_transpose", &gemm->transpose);
}

void ij_gemm_mix(ij_gemm *gemm)
{
    gemm->mixed = !gemm->clblast && ij_gemm_layout(gemm) == IJ_LAYOUT_ROWS;
}

/* Whether CLBlast computes the products of a shape, as the engine chooses parameters for it. */
static bool is_clblast(const ij_gemm *gemm, ij_group group, int n, int k)
{
    return gemm->clblast || (gemm->mixed && ij_tuning_db_clblast(gemm->device, group, n, k));
}

void ij_gemm_destroy(ij_gemm *gemm)
{
    cl_kernel kernels[] = {gemm->transpose, gemm->tail, gemm->column_sum};
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        if (kernels[i])
            clReleaseKernel(kernels[i]);
    for (int s = 0; s < gemm->shape_count; s++)
        for (int i = 0; i < IJ_GEMM_TAILS; i++)
            if (gemm->shapes[s].kernel[i])
                clReleaseKernel(gemm->shapes[s].kernel[i]);
    free(gemm->shapes);
    memset(gemm, 0, sizeof *gemm);
}

static void measure_tile(const ij_gemm *gemm, ij_group group, ij_gemm_kernels *kernels)
{
    const ij_tuning *t = &gemm->device->tuning;
    int n = kernels->n, k = kernels->k;
    kernels->tm = ij_param_value(t, group, "TM", n, k);
    if (!on_gpu(gemm))
        return;
    kernels->wgm = ij_param_value(t, group, "WGM", n, k);
    kernels->wgn = ij_param_value(t, group, "WGN", n, k);
    kernels->wgk = ij_param_value(t, group, "WGK", n, k);
    kernels->items = kernels->wgm / kernels->tm * (kernels->wgn / ij_param_value(t, group, "TN", n, k));
}

/* Finds or makes kernel `variant` for products with weight shape n, k. */
static ij_status kernels_for(ij_gemm *gemm, bool gradient, int n, int k, int variant, ij_gemm_kernels **found)
{
    int i = 0;
    while (i < gemm->shape_count &&
           (gemm->shapes[i].gradient != gradient || gemm->shapes[i].n != n || gemm->shapes[i].k != k))
        i++;
    if (i == gemm->shape_count) {
        ij_gemm_kernels *longer = realloc(gemm->shapes, (size_t)(i + 1) * sizeof *longer);
        if (!longer)
            return ij_fail(IJ_ENOMEM, "out of memory for the kernels of a product");
        gemm->shapes = longer;
        gemm->shape_count++;
        longer[i] = (ij_gemm_kernels){.gradient = gradient, .n = n, .k = k};
    }
    *found = &gemm->shapes[i];
    if ((*found)->kernel[variant])
        return IJ_OK;
    ij_kernel_tuning tuning = {.group = gradient ? IJ_GROUP_GRADIENT : IJ_GROUP_GEMM, .shape = {n, k}};
    measure_tile(gemm, tuning.group, *found);
    if (on_gpu(gemm)) {
        tuning.define = "ALIGNED"; /* rows start at multiples of a float4 */
        tuning.value = n % 4 == 0 && k % 4 == 0;
    }
    const char *const of_gradient[] = {"gemm_gradient", "gradient_reduce"};
    return ij_kernel_create(gemm->device, gradient ? "gradient" : "gemm", tuning,
                            gradient ? of_gradient[variant] : variants[variant].name, &(*found)->kernel[variant]);
}

ij_layout ij_gemm_layout(const ij_gemm *gemm)
{
    return gemm->clblast || on_gpu(gemm) ? IJ_LAYOUT_ROWS : IJ_LAYOUT_PANELS;
}

size_t ij_gemm_weight_floats(const ij_gemm *gemm, int out, int in)
{
    if (ij_gemm_layout(gemm) == IJ_LAYOUT_ROWS)
        return (size_t)in * (size_t)out;
    int tn = ij_tuning_tn(&gemm->device->tuning);
    return (size_t)in * (size_t)(ij_ceil_div(out, tn) * tn);
}

size_t ij_gemm_weight_at(const ij_gemm *gemm, int in, int o, int i)
{
    if (ij_gemm_layout(gemm) == IJ_LAYOUT_ROWS)
        return (size_t)o * (size_t)in + (size_t)i;
    int tn = ij_tuning_tn(&gemm->device->tuning);
    return ((size_t)(o / tn) * (size_t)in + (size_t)i) * (size_t)tn + (size_t)(o % tn);
}

/* Panels are taken apart a few columns at a time, so that both sides are read and written in whole cache lines. */
enum { COLUMNS = 16 };

int ij_gemm_rows_together(const ij_gemm *g)
{
    return ij_gemm_layout(g) == IJ_LAYOUT_ROWS ? 1 : ij_tuning_tn(&g->device->tuning);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

void ij_gemm_pack_rows(const ij_gemm *g, int out, int in, int first, int rows, const float *official, float *packed)
{
    int tn = ij_gemm_rows_together(g), end = least(first + rows, out);
    float *to = packed + ij_gemm_weight_at(g, in, first, 0);
    if (tn == 1) {
        memcpy(to, official, (size_t)rows * (size_t)in * sizeof *to);
        return;
    }
    for (int o = first; o < end; o += tn, official += (size_t)tn * (size_t)in)
        for (int i = 0; i < in; i += COLUMNS) {
            int columns = least(COLUMNS, in - i);
            for (int r = 0; r < least(tn, end - o); r++)
                for (int c = 0; c < columns; c++)
                    to[c * tn + r] = official[(size_t)r * (size_t)in + (size_t)(i + c)];
            to += columns * tn;
        }
}

void ij_gemm_unpack_rows(const ij_gemm *g, int out, int in, int first, int rows, const float *packed, float *official)
{
    int tn = ij_gemm_rows_together(g), end = least(first + rows, out);
    const float *from = packed + ij_gemm_weight_at(g, in, first, 0);
    if (tn == 1) {
        memcpy(official, from, (size_t)rows * (size_t)in * sizeof *from);
        return;
    }
    for (int o = first; o < end; o += tn, official += (size_t)tn * (size_t)in)
        for (int i = 0; i < in; i += COLUMNS) {
            int columns = least(COLUMNS, in - i);
            for (int r = 0; r < least(tn, end - o); r++)
                for (int c = 0; c < columns; c++)
                    official[(size_t)r * (size_t)in + (size_t)(i + c)] = from[c * tn + r];
            from += columns * tn;
        }
}

/* ---- CLBlast -------------------------------------------------------------------------------------------------- */

/* C [m, n] = op(A) op(B), row-major, inner length k. */
typedef struct product {
    int m, n, k;
    CLBlastTranspose ta, tb;
    int lda, ldb;
} product;

static product forward_product(int rows, int out, int in)
{
    return (product){rows, out, in, CLBlastTransposeNo, CLBlastTransposeYes, in, in};
}
static product input_product(int rows, int out, int in)
{
    return (product){rows, in, out, CLBlastTransposeNo, CLBlastTransposeNo, out, in};
}
static product weight_product(int rows, int out, int in)
{
    return (product){out, in, rows, CLBlastTransposeYes, CLBlastTransposeNo, out, in};
}

static size_t scratch_of(const ij_gemm *gemm, product p)
{
    size_t bytes = 0;
    cl_command_queue queue = gemm->device->compute;
    CLBlastSGemmTempBufferSize(CLBlastLayoutRowMajor, p.ta, p.tb, (size_t)p.m, (size_t)p.n, (size_t)p.k, 0,
                               (size_t)p.lda, 0, (size_t)p.ldb, 0, (size_t)p.n, &queue, &bytes);
    return bytes;
}

static size_t blast_bytes(const ij_gemm *gemm, int rows, int out, int in)
{
    size_t most = scratch_of(gemm, forward_product(rows, out, in));
    size_t b = scratch_of(gemm, input_product(rows, out, in)), c = scratch_of(gemm, weight_product(rows, out, in));
    most = most > b ? most : b;
    return most > c ? most : c;
}

static ij_status blast(ij_gemm *gemm, product p, cl_mem a, cl_mem b, cl_mem c)
{
    cl_command_queue queue = gemm->device->compute;
    gemm->device->launches++;
    CLBlastStatusCode code = CLBlastSgemmWithTempBuffer(CLBlastLayoutRowMajor, p.ta, p.tb, (size_t)p.m, (size_t)p.n,
                                                        (size_t)p.k, 1.0f, a, 0, (size_t)p.lda, b, 0, (size_t)p.ldb,
                                                        0.0f, c, 0, (size_t)p.n, &queue, NULL, gemm->scratch);
    if (code == CLBlastSuccess)
        return ij_pace_launched(gemm->device);
    return ij_fail(IJ_EDEVICE, "CLBlast refused a product of %d x %d x %d: error %d (set gemm = own)", p.m, p.n, p.k,
                   (int)code);
}

static ij_status finish(ij_gemm *gemm, cl_mem c, int rows, int width, int flags, cl_mem bias, const ij_tail *tail)
{
    if (!flags)
        return IJ_OK;
    TRY(make_ends(gemm));
    ij_grid grid = {.x = (size_t)rows, .y = 1, .local = (size_t)ij_tuning_row_items(&gemm->device->tuning)};
    bias = bias ? bias : c;
    cl_mem add = tail->add ? tail->add : c, add_rows = tail->rows ? tail->rows : c, pre = tail->pre ? tail->pre : c;
    return IJ_LAUNCH(gemm->device, gemm->tail, "tail", grid, IJ_ARG(c), IJ_ARG(width), IJ_ARG(flags), IJ_ARG(bias),
                     IJ_ARG(add), IJ_ARG(add_rows), IJ_ARG(pre));
}

/* ---- Own kernels: CPU ----------------------------------------------------------------------------------------- */

/* Rows a work-group takes: a multiple of tm. Few enough groups to share the weight panel's reading, enough to keep
 * every compute unit busy, no more rows of A than the second-level cache holds, and groups of one size. The tiles of a
 * single image are one group all the same: so few do not make up for reading a panel from memory twice. */
static int rows_per_group(const ij_gemm *gemm, int tm, int rows, int panels, int inner)
{
    enum { FEW = 24 };
    int fit = 512 * 1024 / 4 / inner / tm, tiles = ij_ceil_div(rows, tm);
    int64_t wanted = 4 * (int64_t)gemm->device->info.compute_units;
    int most = ij_ceil_div(ij_ceil_div(rows, ij_ceil_div(wanted, panels)), tm);
    if (tiles > FEW && fit < most)
        most = fit > 1 ? fit : 1;
    return tm * ij_ceil_div(tiles, ij_ceil_div(tiles, most));
}

static ij_grid product_grid(size_t x, size_t y, ij_operation what)
{
    int m = what.shape[0], n = what.shape[1], k = what.shape[2];
    ij_grid grid = {.x = x, .y = y, .local = 1, .flops = 2.0 * m * n * k, .what = what};
    grid.bytes = 4.0 * ((double)m * k + (double)n * k + (double)m * n);
    return grid;
}

/* A product with one of the tails ... */
static ij_operation tailed(int variant, int m, int n, int k)
{
    return (ij_operation){IJ_OPERATION_PRODUCT, variants[variant].form, variants[variant].tail, {m, n, k}};
}

/* ... and the gradient of a weight: its sum runs over the rows. */
static ij_operation gradient_of(const ij_linear *l, int rows)
{
    return (ij_operation){IJ_OPERATION_PRODUCT, IJ_BACKWARD_WEIGHT, 0, {l->out, l->in, rows}};
}

static ij_status find_variant(int flags, int *variant)
{
    for (*variant = 0; *variant < IJ_GEMM_TAILS; ++*variant)
        if (variants[*variant].tail == flags)
            return IJ_OK;
    return ij_fail(IJ_EINVAL, "there is no kernel for a product with tail %d", flags);
}

static ij_status panel(ij_gemm *gemm, cl_mem a, cl_mem b, cl_mem c, int m, int n, int k, int flags, cl_mem bias,
                       const ij_tail *tail)
{
    int variant;
    ij_gemm_kernels *kernels;
    TRY(find_variant(flags, &variant));
    TRY(kernels_for(gemm, false, n, k, variant, &kernels));
    int panels = ij_ceil_div(n, ij_tuning_tn(&gemm->device->tuning));
    int group = rows_per_group(gemm, kernels->tm, m, panels, k);
    bias = bias ? bias : b;
    cl_mem add = tail->add ? tail->add : c, add_rows = tail->rows ? tail->rows : c, pre = tail->pre ? tail->pre : c;
    ij_grid grid = product_grid((size_t)panels, (size_t)ij_ceil_div(m, group), tailed(variant, m, n, k));
    return IJ_LAUNCH(gemm->device, kernels->kernel[variant], variants[variant].name, grid, IJ_ARG(a), IJ_ARG(b),
                     IJ_ARG(c), IJ_ARG(m), IJ_ARG(n), IJ_ARG(k), IJ_ARG(group), IJ_ARG(bias), IJ_ARG(add),
                     IJ_ARG(add_rows), IJ_ARG(pre));
}

static ij_status panel_gradient(ij_gemm *gemm, const ij_linear *l, cl_mem x, cl_mem dy, int rows)
{
    ij_gemm_kernels *kernels;
    TRY(kernels_for(gemm, true, l->out, l->in, 0, &kernels));
    int each = ij_param_value(&gemm->device->tuning, IJ_GROUP_GRADIENT, "PANELS", l->out, l->in);
    int groups = ij_ceil_div(ij_ceil_div(l->out, ij_tuning_tn(&gemm->device->tuning)), each);
    int units = (int)gemm->device->info.compute_units, shares = ij_ceil_div(4 * (int64_t)units, groups);
    while (groups * shares % units) /* every unit gets as much */
        shares++;
    int columns = ij_ceil_div(ij_ceil_div(l->in, shares), kernels->tm) * kernels->tm;
    ij_grid grid = product_grid((size_t)groups, (size_t)ij_ceil_div(l->in, columns), gradient_of(l, rows));
    return IJ_LAUNCH(gemm->device, kernels->kernel[0], "gemm_gradient", grid, IJ_ARG(dy), IJ_ARG(x),
                     IJ_ARG(l->weight_grad), IJ_ARG(rows), IJ_ARG(l->out), IJ_ARG(l->in), IJ_ARG(columns),
                     IJ_ARG(l->bias_grad));
}

/* ---- Own kernels: GPU ---------------------------------------------------------------------------------------------
 */

/* With IJ_TAIL_BIAS b is W [n, k], else W [k, n]. */
static ij_status tile(ij_gemm *gemm, cl_mem a, cl_mem b, cl_mem c, int m, int n, int k, int flags, cl_mem bias,
                      const ij_tail *tail)
{
    int variant;
    ij_gemm_kernels *kernels;
    TRY(find_variant(flags, &variant));
    TRY(kernels_for(gemm, false, n, k, variant, &kernels));
    bias = bias ? bias : b;
    cl_mem add = tail->add ? tail->add : c, add_rows = tail->rows ? tail->rows : c, pre = tail->pre ? tail->pre : c;
    ij_grid grid = product_grid((size_t)ij_ceil_div(n, kernels->wgn), (size_t)ij_ceil_div(m, kernels->wgm),
                                tailed(variant, m, n, k));
    grid.local = (size_t)kernels->items;
    return IJ_LAUNCH(gemm->device, kernels->kernel[variant], variants[variant].name, grid, IJ_ARG(a), IJ_ARG(b),
                     IJ_ARG(c), IJ_ARG(m), IJ_ARG(n), IJ_ARG(k), IJ_ARG(bias), IJ_ARG(add), IJ_ARG(add_rows),
                     IJ_ARG(pre));
}

static ij_status product_of(ij_gemm *gemm, cl_mem a, cl_mem b, cl_mem c, int m, int n, int k, int flags, cl_mem bias,
                            const ij_tail *tail)
{
    return (on_gpu(gemm) ? tile : panel)(gemm, a, b, c, m, n, k, flags, bias, tail);
}

/* A weight gradient's shares of the rows: enough to keep the device busy, each eight steps at least. */
static int splits_of(const ij_gemm *gemm, const ij_gemm_kernels *tile_of, int rows)
{
    int tiles = ij_ceil_div(tile_of->n, tile_of->wgm) * ij_ceil_div(tile_of->k, tile_of->wgn);
    int wanted = ij_ceil_div(4 * (int64_t)gemm->device->info.compute_units, tiles);
    int worth = ij_ceil_div(rows, 8 * (int64_t)tile_of->wgk);
    return wanted < worth ? wanted : worth;
}

/* A part of a split gradient: the weight's, then the bias's. */
static int split_stride(int out, int in)
{
    return out * in + out;
}

static size_t split_bytes(const ij_gemm *gemm, int rows, int out, int in)
{
    ij_gemm_kernels tile_of = {.n = out, .k = in};
    measure_tile(gemm, IJ_GROUP_GRADIENT, &tile_of);
    int splits = splits_of(gemm, &tile_of, rows);
    return splits > 1 ? (size_t)splits * (size_t)split_stride(out, in) * sizeof(float) : 0;
}

static ij_status split_gradient(ij_gemm *gemm, const ij_linear *l, cl_mem x, cl_mem dy, int rows)
{
    ij_gemm_kernels *kernels;
    TRY(kernels_for(gemm, true, l->out, l->in, 0, &kernels));
    int splits = gemm->scratch ? splits_of(gemm, kernels, rows) : 1;
    cl_int stride = split_stride(l->out, l->in), floats = l->out * l->in;
    cl_int tokens = ij_ceil_div(ij_ceil_div(rows, splits), kernels->wgk) * kernels->wgk;
    splits = ij_ceil_div(rows, tokens);
    bool split = splits > 1;
    cl_mem g = split ? gemm->scratch : l->weight_grad, bias = split ? gemm->scratch : l->bias_grad;
    cl_int bias_at = split ? floats : 0;
    size_t across = (size_t)ij_ceil_div(l->in, kernels->wgn), down = (size_t)ij_ceil_div(l->out, kernels->wgm);
    ij_grid grid = product_grid(across, down * (size_t)splits, gradient_of(l, rows));
    grid.local = (size_t)kernels->items;
    TRY(IJ_LAUNCH(gemm->device, kernels->kernel[0], "gemm_gradient", grid, IJ_ARG(dy), IJ_ARG(x), IJ_ARG(g),
                  IJ_ARG(rows), IJ_ARG(l->out), IJ_ARG(l->in), IJ_ARG(tokens), IJ_ARG(stride), IJ_ARG(bias),
                  IJ_ARG(bias_at)));
    if (!split)
        return IJ_OK;
    TRY(kernels_for(gemm, true, l->out, l->in, 1, &kernels));
    ij_grid sums = {.x = (size_t)ij_ceil_div(stride, kernels->items), .y = 1, .local = (size_t)kernels->items};
    sums.bytes = 4.0 * stride * (splits + 1.0);
    return IJ_LAUNCH(gemm->device, kernels->kernel[1], "gradient_reduce", sums, IJ_ARG(gemm->scratch),
                     IJ_ARG(l->weight_grad), IJ_ARG(l->bias_grad), IJ_ARG(floats), IJ_ARG(l->out), IJ_ARG(splits),
                     IJ_ARG(stride));
}

size_t ij_gemm_scratch(const ij_gemm *gemm, int rows, int out, int in)
{
    bool library = is_clblast(gemm, IJ_GROUP_GEMM, out, in) || is_clblast(gemm, IJ_GROUP_GEMM, in, out) ||
                   is_clblast(gemm, IJ_GROUP_GRADIENT, out, in);
    size_t blast = library ? blast_bytes(gemm, rows, out, in) : 0;
    size_t own = !gemm->clblast && on_gpu(gemm) ? split_bytes(gemm, rows, out, in) : 0;
    return blast > own ? blast : own;
}

/* ---- The three forms ------------------------------------------------------------------------------------------ */

ij_status ij_gemm_forward(ij_gemm *gemm, const ij_linear *l, cl_mem x, cl_mem y, int rows, const ij_tail *tail)
{
    int flags = IJ_TAIL_BIAS | (tail->gelu ? IJ_TAIL_GELU : 0);
    if (tail->add)
        flags |= tail->rows ? IJ_TAIL_ADD_ROWS : IJ_TAIL_ADD;
    if (tail->gelu && tail->pre)
        flags |= IJ_TAIL_KEEP;
    if (!is_clblast(gemm, IJ_GROUP_GEMM, l->out, l->in))
        return product_of(gemm, x, l->weight, y, rows, l->out, l->in, flags, l->bias, tail);

    /* The library overwrites y, so a residual that lies in y would be lost: callers keep the two apart. */
    TRY(blast(gemm, forward_product(rows, l->out, l->in), x, l->weight, y));
    return finish(gemm, y, rows, l->out, flags, l->bias, tail);
}

static ij_status backward_input(ij_gemm *gemm, const ij_linear *l, cl_mem dy, cl_mem dx, int rows, int flags,
                                const ij_tail *tail)
{
    if (!is_clblast(gemm, IJ_GROUP_GEMM, l->in, l->out))
        return product_of(gemm, dy, on_gpu(gemm) ? l->weight : l->weight_t, dx, rows, l->in, l->out, flags, NULL, tail);
    TRY(blast(gemm, input_product(rows, l->out, l->in), dy, l->weight, dx));
    return finish(gemm, dx, rows, l->in, flags, NULL, tail);
}

ij_status ij_gemm_backward_input(ij_gemm *gemm, const ij_linear *l, cl_mem dy, cl_mem dx, int rows, cl_mem pre)
{
    return backward_input(gemm, l, dy, dx, rows, pre ? IJ_TAIL_GELU_BACKWARD : 0, &(ij_tail){.pre = pre});
}

ij_status ij_gemm_backward_input_added(ij_gemm *gemm, const ij_linear *l, cl_mem dy, cl_mem dx, int rows, cl_mem add)
{
    return backward_input(gemm, l, dy, dx, rows, IJ_TAIL_ADD, &(ij_tail){.add = add});
}

ij_status ij_gemm_backward_weight(ij_gemm *gemm, const ij_linear *l, cl_mem x, cl_mem dy, int rows)
{
    if (is_clblast(gemm, IJ_GROUP_GRADIENT, l->out, l->in)) {
        TRY(make_ends(gemm));
        ij_status status = blast(gemm, weight_product(rows, l->out, l->in), dy, x, l->weight_grad);
        if (status)
            return status;
        const ij_tuning *tuning = &gemm->device->tuning;
        ij_grid grid = {.x = (size_t)ij_ceil_div(l->out, ij_tuning_columns(tuning)), .y = 1};
        grid.local = (size_t)ij_tuning_row_items(tuning);
        return IJ_LAUNCH(gemm->device, gemm->column_sum, "column_sum", grid, IJ_ARG(dy), IJ_ARG(l->bias_grad),
                         IJ_ARG(rows), IJ_ARG(l->out));
    }
    return on_gpu(gemm) ? split_gradient(gemm, l, x, dy, rows) : panel_gradient(gemm, l, x, dy, rows);
}

ij_status ij_gemm_transpose_weight(ij_gemm *gemm, const ij_linear *l)
{
    if (gemm->clblast || !l->weight_t)
        return IJ_OK;
    int tn = ij_tuning_tn(&gemm->device->tuning);
    ij_grid grid = {.x = (size_t)ij_ceil_div(l->in, tn), .y = (size_t)ij_ceil_div(l->out, tn), .local = 1};
    return IJ_LAUNCH(gemm->device, gemm->transpose, "panel_transpose", grid, IJ_ARG(l->weight), IJ_ARG(l->weight_t),
                     IJ_ARG(l->out), IJ_ARG(l->in));
}
