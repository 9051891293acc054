#include "data/masks.h"

#include "data/mask_joint.h"
#include "engine/base/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Largest grid: the table of reachable block sizes lies on the stack. */
enum { MAX_SIDE = 256, MAX_BLOCKS = 64, TRIES = 20 };

typedef struct block_size {
    int height, width;
} block_size;

typedef struct block {
    int top, left;
} block;

/* _sample_block_size of the official code, for r in [0, 1). */
static block_size size_from(int side, const double scale[2], const double aspect[2], double r)
{
    double share = scale[0] + r * (scale[1] - scale[0]);
    double keep = floor((double)(side * side) * share);
    double ratio = aspect[0] + r * (aspect[1] - aspect[0]);
    long height = lrint(sqrt(keep * ratio)); /* half to even, as Python rounds */
    long width = lrint(sqrt(keep / ratio));
    /* the official `while h >= height: h -= 1` */
    if (height >= side)
        height = side - 1;
    if (width >= side)
        width = side - 1;
    return (block_size){(int)height, (int)width};
}

/* ---- Which block sizes can be drawn ----------------------------------------------------------------------------- */

/* A set of (height, width), both below MAX_SIDE. */
typedef struct size_set {
    uint32_t word[MAX_SIDE * MAX_SIDE / 32];
} size_set;

static bool size_set_has(const size_set *set, int height, int width)
{
    int bit = height * MAX_SIDE + width;
    return set->word[bit / 32] >> (bit % 32) & 1;
}

/* Adds the sizes of the draws next to r. A draw is a multiple of 2^-24. */
static void size_set_add(size_set *set, int side, const double scale[2], const double aspect[2], double r)
{
    if (!(r > -1e-6 && r < 1 + 1e-6))
        return;
    for (int step = -2; step <= 2; step++) {
        double grid = rint(r * 0x1p24) + step;
        if (grid < 0 || grid >= 0x1p24)
            continue;
        block_size size = size_from(side, scale, aspect, grid * 0x1p-24);
        int bit = size.height * MAX_SIDE + size.width;
        set->word[bit / 32] |= 1u << (bit % 32);
    }
}

/* All sizes that size_from can give: it is constant between the r at which `keep`, the rounded height or the rounded
 * width step, so looking at both sides of each such r sees every one. */
static void reachable_sizes(size_set *set, int side, const double scale[2], const double aspect[2])
{
    memset(set, 0, sizeof *set);
    size_set_add(set, side, scale, aspect, 0);
    size_set_add(set, side, scale, aspect, 1);
    double patches = side * side, scale_range = scale[1] - scale[0], aspect_range = aspect[1] - aspect[0];
    int first = (int)floor(patches * scale[0]), last = (int)floor(patches * scale[1]);
    for (int keep = first; keep <= last; keep++) {
        double begin = 0, end = 1; /* the r for which this `keep` holds */
        if (scale_range > 0) {
            begin = fmax(0, (keep / patches - scale[0]) / scale_range);
            end = fmin(1, ((keep + 1) / patches - scale[0]) / scale_range);
            size_set_add(set, side, scale, aspect, begin);
            size_set_add(set, side, scale, aspect, end);
        }
        if (!(aspect_range > 0) || keep == 0)
            continue;
        for (int edge = 0; edge < side; edge++) {
            double square = (edge + 0.5) * (edge + 0.5);
            double at_height = (square / keep - aspect[0]) / aspect_range;
            double at_width = (keep / square - aspect[0]) / aspect_range;
            if (at_height > begin - 1e-6 && at_height < end + 1e-6)
                size_set_add(set, side, scale, aspect, at_height);
            if (at_width > begin - 1e-6 && at_width < end + 1e-6)
                size_set_add(set, side, scale, aspect, at_width);
        }
    }
}

int ij_mask_target_sets(const ij_mask_config *config)
{
    return config->joint ? 1 : config->n_target;
}

static block_size smallest(const size_set *set)
{
    block_size best = {MAX_SIDE, MAX_SIDE};
    for (int h = 0; h < MAX_SIDE; h++)
        for (int w = 0; w < MAX_SIDE; w++)
            if (size_set_has(set, h, w) && h * w < best.height * best.width)
                best = (block_size){h, w};
    return best;
}

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

/* Fewest positions that segments of lengths a and b share, each anywhere in 0 .. side-2: no draw reaches the last row
 * or column. */
static int least_overlap(int side, int a, int b)
{
    int overlap = min_int(min_int(a, b), a + b - (side - 1));
    return overlap > 0 ? overlap : 0;
}

/* The longest context that loses one target block. */
static int best_context(int side, block_size context, block_size target)
{
    int lost = least_overlap(side, context.height, target.height) * least_overlap(side, context.width, target.width);
    return context.height * context.width - lost;
}

/* ---- Checking a configuration ----------------------------------------------------------------------------------- */

static ij_status check_scale(const char *name, const double scale[2])
{
    if (!(scale[0] > 0 && scale[0] <= scale[1] && scale[1] <= 1))
        return ij_fail(IJ_EINVAL, "%s (%g, %g) must be two shares, 0 < first <= second <= 1", name, scale[0], scale[1]);
    return IJ_OK;
}

static ij_status fail_side(int side)
{
    return ij_fail(IJ_EINVAL, "masks need a grid of 2 to %d patches a side, not %d: change crop_size or patch_size",
                   MAX_SIDE, side);
}

static ij_status check_ranges(const ij_mask_config *c)
{
    if (c->side < 2 || c->side > MAX_SIDE)
        return fail_side(c->side);
    if (c->n_context < 1 || c->n_target < 1 || c->n_context > MAX_BLOCKS || c->n_target > MAX_BLOCKS)
        return ij_fail(IJ_EINVAL, "num_enc_masks %d and num_pred_masks %d must be 1 to %d", c->n_context, c->n_target,
                       MAX_BLOCKS);
    if (c->min_keep < 0)
        return ij_fail(IJ_EINVAL, "min_keep %d must not be negative", c->min_keep);
    if (!(c->aspect[0] > 0 && c->aspect[0] <= c->aspect[1] && isfinite(c->aspect[1])))
        return ij_fail(IJ_EINVAL, "aspect_ratio (%g, %g) must be two positive numbers, first <= second", c->aspect[0],
                       c->aspect[1]);
    ij_status status = check_scale("enc_mask_scale", c->enc_scale);
    return status ? status : check_scale("pred_mask_scale", c->pred_scale);
}

static const double square[2] = {1, 1};

static ij_status check_scattered(const ij_mask_config *config)
{
    if (config->side < 2 || config->side > MAX_SIDE)
        return fail_side(config->side);
    if (config->n_context != 1)
        return ij_fail(IJ_EINVAL, "num_enc_masks %d must be 1: scattered masks leave one context an image",
                       config->n_context);
    return ij_mask_scatter_check(&config->scatter, config->side, ij_mask_target_sets(config));
}

ij_status ij_mask_check(const ij_mask_config *config)
{
    if (config->sampler == IJ_MASK_SCATTER)
        return check_scattered(config);
    ij_status status = check_ranges(config);
    if (status)
        return status;
    int side = config->side;
    size_set targets, contexts;
    reachable_sizes(&targets, side, config->pred_scale, config->aspect);
    reachable_sizes(&contexts, side, config->enc_scale, square);
    block_size target = smallest(&targets), context = smallest(&contexts);
    if (target.height * target.width <= config->min_keep)
        return ij_fail(
            IJ_EINVAL,
            "no valid target mask: on a grid of %dx%d patches pred_mask_scale (%g, %g) with aspect_ratio (%g, %g) "
            "gives blocks as small as %dx%d = %d patches, but a mask must hold more than min_keep %d; raise "
            "pred_mask_scale, lower min_keep, or make more patches (larger crop_size, smaller patch_size)",
            side, side, config->pred_scale[0], config->pred_scale[1], config->aspect[0], config->aspect[1],
            target.height, target.width, target.height * target.width, config->min_keep);
    if (context.height * context.width <= config->min_keep)
        return ij_fail(
            IJ_EINVAL,
            "no valid context mask: on a grid of %dx%d patches enc_mask_scale (%g, %g) gives blocks as small as "
            "%dx%d = %d patches, but a mask must hold more than min_keep %d; raise enc_mask_scale, lower "
            "min_keep, or make more patches (larger crop_size, smaller patch_size)",
            side, side, config->enc_scale[0], config->enc_scale[1], context.height, context.width,
            context.height * context.width, config->min_keep);
    if (config->allow_overlap)
        return IJ_OK;
    for (int h = 0; h < MAX_SIDE; h++)
        for (int w = 0; w < MAX_SIDE; w++) {
            if (!size_set_has(&targets, h, w))
                continue;
            int left = best_context(side, context, (block_size){h, w});
            if (left <= config->min_keep)
                return ij_fail(
                    IJ_EINVAL,
                    "no valid context mask: on a grid of %dx%d patches a %dx%d context block (enc_mask_scale %g, "
                    "%g) keeps at most %d patches beside a %dx%d target block (pred_mask_scale %g, %g), but a "
                    "mask must hold more than min_keep %d; lower min_keep or pred_mask_scale, raise "
                    "enc_mask_scale, or set allow_overlap",
                    side, side, context.height, context.width, config->enc_scale[0], config->enc_scale[1], left, h, w,
                    config->pred_scale[0], config->pred_scale[1], config->min_keep);
        }
    return IJ_OK;
}

/* The longest context of blocks of these sizes. It loses at least one target unless twenty draws in a row leave no more
 * than min_keep patches even beside one target alone: then nothing is subtracted. */
static int longest_context(const ij_mask_config *c, block_size context, block_size target)
{
    int whole = context.height * context.width;
    int most_lost = min_int(context.height, target.height) * min_int(context.width, target.width);
    if (c->allow_overlap || whole - most_lost <= c->min_keep)
        return whole;
    return best_context(c->side, context, target);
}

/* The longest target set of blocks of so many patches. */
static int longest_target(const ij_mask_config *c, int block_length)
{
    int reached = (c->side - 1) * (c->side - 1); /* no block reaches the last row or column */
    return c->joint ? min_int(c->n_target * block_length, reached) : block_length;
}

void ij_mask_bounds(const ij_mask_config *config, int *max_context, int *max_target)
{
    if (config->sampler == IJ_MASK_SCATTER) {
        *max_context = config->scatter.context_patches;
        *max_target = config->scatter.target_patches / ij_mask_target_sets(config);
        return;
    }
    size_set targets, contexts;
    reachable_sizes(&targets, config->side, config->pred_scale, config->aspect);
    reachable_sizes(&contexts, config->side, config->enc_scale, square);
    *max_context = *max_target = 0;
    for (int h = 0; h < config->side; h++)
        for (int w = 0; w < config->side; w++) {
            if (!size_set_has(&targets, h, w))
                continue;
            if (h * w > *max_target)
                *max_target = h * w;
            for (int e = 0; e < config->side; e++) { /* context blocks are square */
                if (!size_set_has(&contexts, e, e))
                    continue;
                int length = longest_context(config, (block_size){e, e}, (block_size){h, w});
                if (length > *max_context)
                    *max_context = length;
            }
        }
    *max_target = longest_target(config, *max_target);
}

/* ---- Drawing ---------------------------------------------------------------------------------------------------- */

static block place(ij_random *random, int side, block_size size)
{
    block b;
    b.top = (int)ij_random_below(random, (uint32_t)(side - size.height));
    b.left = (int)ij_random_below(random, (uint32_t)(side - size.width));
    return b;
}

static void write_block(int side, block_size size, block at, int32_t *out)
{
    for (int y = at.top; y < at.top + size.height; y++)
        for (int x = at.left; x < at.left + size.width; x++)
            *out++ = y * side + x;
}

/* The left edges of those of n target blocks that cross row y; returns their number. */
static int crossing(int y, block_size size, const block *target, int n, int left[MAX_BLOCKS])
{
    int count = 0;
    for (int t = 0; t < n; t++)
        if (y >= target[t].top && y < target[t].top + size.height)
            left[count++] = target[t].left;
    return count;
}

/* Whether one of those blocks covers column x. */
static bool covered(int x, block_size size, const int *left, int count)
{
    bool is = false;
    for (int t = 0; t < count; t++)
        is |= x >= left[t] && x < left[t] + size.width;
    return is;
}

/* Writes the patches of n target blocks, each once, ascending; returns their number. */
static int write_union(int side, block_size size, const block *target, int n, int32_t *out)
{
    int count = 0;
    for (int y = 0; y < side; y++) {
        int left[MAX_BLOCKS], blocks = crossing(y, size, target, n, left);
        for (int x = 0; blocks && x < side; x++)
            if (covered(x, size, left, blocks))
                out[count++] = y * side + x;
    }
    return count;
}

/* Writes the patches of the context block at `at` outside the first `n` target blocks, ascending; returns their number.
 * Where there are more than `capacity`, the rest is counted but not written. */
static int write_context(int side, block_size size, block at, block_size target_size, const block *target, int n,
                         int32_t *out, int capacity)
{
    int count = 0;
    for (int y = at.top; y < at.top + size.height; y++) {
        int left[MAX_BLOCKS], targets = crossing(y, target_size, target, n, left);
        for (int x = at.left; x < at.left + size.width; x++) {
            if (covered(x, target_size, left, targets))
                continue;
            if (count < capacity)
                out[count] = y * side + x;
            count++;
        }
    }
    return count;
}

/* _sample_block_mask of the official code for one context: returns its length, 0 where none is valid. */
static int draw_context(const ij_mask_config *c, ij_random *random, block_size size, block_size target_size,
                        const block *target, int32_t *out, int capacity)
{
    int subtracted = c->allow_overlap ? 0 : c->n_target;
    for (;;) {
        for (int attempt = 0; attempt < TRIES; attempt++) {
            block at = place(random, c->side, size);
            int length = write_context(c->side, size, at, target_size, target, subtracted, out, capacity);
            if (length > c->min_keep)
                return length;
        }
        if (subtracted == 0)
            return 0;
        subtracted--;
    }
}

/* Context tokens that the batch's plan leaves room for, its target blocks given. */
static int64_t room_for_contexts(const ij_batch *batch)
{
    int64_t sequences = (int64_t)batch->contexts * batch->images, room = sequences * batch->context_capacity;
    if (batch->most_context && batch->most_context < room)
        room = batch->most_context;
    if (batch->most_predictor) {
        int64_t beside_targets = batch->most_predictor / batch->targets - sequences * batch->target_length;
        room = beside_targets < room ? beside_targets : room;
    }
    return room;
}

/* The length to cut contexts to so that there is room for all. lengths: those of the sequences. */
static int fitting_length(const ij_batch *batch, const int32_t *lengths, int sequences)
{
    int64_t room = room_for_contexts(batch);
    for (int limit = batch->context_capacity; limit > 1; limit--) {
        int64_t tokens = 0;
        for (int s = 0; s < sequences; s++)
            tokens += min_int(limit, lengths[s]);
        if (tokens <= room)
            return limit;
    }
    return 1;
}

/* Cuts every context to the shortest one's length (official behaviour), if asked, or to what memory is planned for, and
 * closes the gaps between them. On entry sequence s begins at s * context_capacity and context_offset[s + 1] holds its
 * length. */
static void pack_contexts(ij_batch *batch, bool truncate)
{
    int sequences = batch->contexts * batch->images;
    int limit = batch->context_capacity;
    if (truncate)
        for (int s = 0; s < sequences; s++)
            limit = min_int(limit, batch->context_offset[s + 1]);
    limit = min_int(limit, fitting_length(batch, batch->context_offset + 1, sequences));
    int32_t end = 0;
    batch->context_offset[0] = 0;
    for (int s = 0; s < sequences; s++) {
        int length = min_int(limit, batch->context_offset[s + 1]);
        memmove(batch->context + end, batch->context + (size_t)s * (size_t)batch->context_capacity,
                (size_t)length * sizeof *batch->context);
        end += length;
        batch->context_offset[s + 1] = end;
    }
}

/* Draws the target blocks of an image and writes them, or their union where they are joint. Returns the length. */
static int draw_targets(const ij_mask_config *c, ij_random *random, block_size size, int image, block *target,
                        ij_batch *batch)
{
    for (int t = 0; t < c->n_target; t++) {
        target[t] = place(random, c->side, size);
        size_t sequence = (size_t)t * (size_t)batch->images + (size_t)image;
        if (!c->joint)
            write_block(c->side, size, target[t], batch->target + sequence * (size_t)(size.height * size.width));
    }
    if (!c->joint)
        return size.height * size.width;
    return write_union(c->side, size, target, c->n_target,
                       batch->target + (size_t)image * (size_t)batch->target_capacity);
}

/* Draws the contexts of an image; pack_contexts closes the gaps between them. */
static ij_status draw_contexts(const ij_mask_config *c, ij_random *random, block_size size, block_size target_size,
                               const block *target, int image, ij_batch *batch)
{
    for (int k = 0; k < c->n_context; k++) {
        size_t sequence = (size_t)k * (size_t)batch->images + (size_t)image;
        int length = draw_context(c, random, size, target_size, target,
                                  batch->context + sequence * (size_t)batch->context_capacity, batch->context_capacity);
        if (length == 0)
            return ij_fail(IJ_EINVAL, "a %dx%d context block holds no more than min_keep %d patches", size.height,
                           size.width, c->min_keep);
        if (length > batch->context_capacity)
            return ij_fail(IJ_EINVAL, "a context of %d patches does not fit the batch's %d", length,
                           batch->context_capacity);
        batch->context_offset[sequence + 1] = length;
    }
    return IJ_OK;
}

static ij_status sample_multiblock(const ij_mask_config *config, uint64_t seed, int64_t batch_number, ij_batch *batch)
{
    ij_random random;
    ij_random_start(&random, seed, IJ_STREAM_MASK, (uint64_t)batch_number, 0);
    block_size target_size = size_from(config->side, config->pred_scale, config->aspect, ij_random_uniform(&random));
    block_size context_size = size_from(config->side, config->enc_scale, square, ij_random_uniform(&random));
    int block_length = target_size.height * target_size.width;
    if (block_length <= config->min_keep)
        return ij_fail(IJ_EINVAL, "a %dx%d target block holds no more than min_keep %d patches", target_size.height,
                       target_size.width, config->min_keep);
    int most = longest_target(config, block_length);
    if (most > batch->target_capacity)
        return ij_fail(IJ_EINVAL, "target blocks of %d patches do not fit the batch's %d", most,
                       batch->target_capacity);
    int32_t *length = config->joint ? malloc((size_t)batch->images * sizeof *length) : NULL; /* of each image's union */
    if (config->joint && !length)
        return ij_fail(IJ_ENOMEM, "out of memory for the masks of %d images", batch->images);
    ij_status status = IJ_OK;
    for (int image = 0; image < batch->images && !status; image++) {
        block target[MAX_BLOCKS];
        ij_random_start(&random, seed, IJ_STREAM_MASK, (uint64_t)batch_number, (uint32_t)image + 1);
        int targets = draw_targets(config, &random, target_size, image, target, batch);
        if (length)
            length[image] = targets;
        status = draw_contexts(config, &random, context_size, target_size, target, image, batch);
    }
    batch->target_length = block_length;
    if (length && !status)
        ij_mask_cut_targets(batch, length, seed, batch_number);
    free(length);
    if (!status)
        pack_contexts(batch, config->truncate_batch);
    return status;
}

ij_status ij_mask_sample(const ij_mask_config *config, uint64_t seed, int64_t batch_number, ij_batch *batch)
{
    int targets = ij_mask_target_sets(config);
    if (batch->contexts != config->n_context || batch->targets != targets)
        return ij_fail(IJ_EINVAL, "the batch has room for %d context and %d target blocks, the masks are %d and %d",
                       batch->contexts, batch->targets, config->n_context, targets);
    if (config->sampler == IJ_MASK_SCATTER)
        return ij_mask_scatter_sample(&config->scatter, config->side, seed, batch_number, batch);
    return sample_multiblock(config, seed, batch_number, batch);
}

void ij_mask_most_tokens(const ij_mask_config *config, int images, int64_t *context, int64_t *predictor)
{
    enum { BATCHES = 256 };
    ij_batch batch = {
        .images = min_int(images, 64), .contexts = config->n_context, .targets = ij_mask_target_sets(config)};
    ij_mask_bounds(config, &batch.context_capacity, &batch.target_capacity);
    if (config->sampler == IJ_MASK_SCATTER) {
        *context = (int64_t)images * batch.context_capacity;
        *predictor = batch.targets * (*context + (int64_t)images * batch.target_capacity);
        return;
    }
    size_t sequences = (size_t)batch.contexts * (size_t)batch.images;
    *context = *predictor = 0;
    batch.context = malloc(sequences * (size_t)batch.context_capacity * sizeof *batch.context);
    batch.context_offset = malloc((sequences + 1) * sizeof *batch.context_offset);
    batch.target =
        malloc((size_t)batch.targets * (size_t)batch.images * (size_t)batch.target_capacity * sizeof *batch.target);
    for (int64_t k = 0; k < BATCHES && batch.context && batch.context_offset && batch.target; k++) {
        if (ij_mask_sample(config, 0x6d61736b, k, &batch))
            continue;
        int64_t tokens = batch.context_offset[sequences];
        int64_t both = batch.targets * (tokens + (int64_t)sequences * batch.target_length);
        *context = tokens > *context ? tokens : *context;
        *predictor = both > *predictor ? both : *predictor;
    }
    free(batch.context);
    free(batch.context_offset);
    free(batch.target);
    /* Where memory is short both stay 0: planned for the worst. */
    *context = *context * images / batch.images * 21 / 20;
    *predictor = *predictor * images / batch.images * 21 / 20;
}
