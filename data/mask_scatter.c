#include "data/mask_scatter.h"

#include "engine/base/random.h"

#include <stdlib.h>
#include <string.h>

/* MAX_SETS: the config's limit on num_pred_masks. CONTEXT: a part beside the sets' 1 .. MAX_SETS. */
enum { MAX_SETS = 64, CONTEXT = MAX_SETS + 1 };

ij_status ij_mask_scatter_check(const ij_mask_scatter *s, int side, int sets)
{
    int patches = side * side;
    if (s->block_side < 1 || s->block_side > side)
        return ij_fail(IJ_EINVAL,
                       "block_side %d must be 1 to %d, the patches a side of the grid (crop_size / patch_size)",
                       s->block_side, side);
    if (s->target_patches < 1 || s->target_patches >= patches)
        return ij_fail(IJ_EINVAL,
                       "target_patches %d must be 1 to %d: a grid of %dx%d has %d patches, and the context needs one",
                       s->target_patches, patches - 1, side, side, patches);
    if (s->context_patches < 1 || s->context_patches > patches - s->target_patches)
        return ij_fail(IJ_EINVAL,
                       "context_patches %d must be 1 to %d: a grid of %dx%d has %d patches, target_patches takes %d",
                       s->context_patches, patches - s->target_patches, side, side, patches, s->target_patches);
    if (sets < 1 || sets > MAX_SETS)
        return ij_fail(IJ_EINVAL, "num_pred_masks %d must be 1 to %d", sets, MAX_SETS);
    if (s->target_patches % sets)
        return ij_fail(IJ_EINVAL, "target_patches %d cannot be divided into num_pred_masks %d sets of one size",
                       s->target_patches, sets);
    return IJ_OK;
}

/* What an image's masks are drawn in. */
typedef struct drawing {
    int side, block_side;
    int32_t *block; /* [blocks] their numbers, row-major, in random order as far as drawn */
    int32_t *order; /* [N] patch numbers in random order, block after block */
    uint8_t *part;  /* [N] of each patch: 1 + its target set, CONTEXT, or 0 */
} drawing;

static ij_status make_drawing(drawing *d, const ij_mask_scatter *s, int side)
{
    size_t patches = (size_t)side * (size_t)side; /* blocks are at most as many */
    *d = (drawing){.side = side, .block_side = s->block_side};
    d->block = malloc(patches * (2 * sizeof(int32_t) + 1));
    if (!d->block)
        return ij_fail(IJ_ENOMEM, "out of memory for the masks of %dx%d patches", side, side);
    d->order = d->block + patches;
    d->part = (uint8_t *)(d->order + patches);
    return IJ_OK;
}

static void swap(int32_t *a, int32_t *b)
{
    int32_t kept = *a;
    *a = *b;
    *b = kept;
}

/* Writes the patches of a block in random order; returns their number. */
static int write_block(const drawing *d, ij_random *random, int block, int32_t *out)
{
    int blocks_a_row = (d->side + d->block_side - 1) / d->block_side, count = 0;
    int top = block / blocks_a_row * d->block_side, left = block % blocks_a_row * d->block_side;
    for (int y = top; y < top + d->block_side && y < d->side; y++)
        for (int x = left; x < left + d->block_side && x < d->side; x++)
            out[count++] = y * d->side + x;
    for (int i = 0; i + 1 < count; i++) /* a count that ends within the block takes any of its patches */
        swap(&out[i], &out[i + (int)ij_random_below(random, (uint32_t)(count - i))]);
    return count;
}

/* Fills d->order with at least `wanted` patches. */
static void draw_order(const drawing *d, ij_random *random, int wanted)
{
    int blocks_a_row = (d->side + d->block_side - 1) / d->block_side, blocks = blocks_a_row * blocks_a_row;
    for (int i = 0; i < blocks; i++)
        d->block[i] = i;
    for (int i = 0, count = 0; count < wanted; i++) {
        swap(&d->block[i], &d->block[i + (int)ij_random_below(random, (uint32_t)(blocks - i))]);
        count += write_block(d, random, d->block[i], d->order + count);
    }
}

/* Writes an image's masks, ascending as all masks are. */
static void write_masks(const drawing *d, int image, int contexts, ij_batch *batch)
{
    int written[CONTEXT + 1] = {0}, targets = batch->targets * batch->target_length;
    memset(d->part, 0, (size_t)d->side * (size_t)d->side);
    for (int i = 0; i < targets + contexts; i++)
        d->part[d->order[i]] = (uint8_t)(i < targets ? 1 + i / batch->target_length : CONTEXT);
    int32_t *context = batch->context + batch->context_offset[image];
    for (int patch = 0; patch < d->side * d->side; patch++) {
        int part = d->part[patch];
        if (part == CONTEXT) {
            context[written[part]++] = patch;
        } else if (part) {
            size_t sequence = (size_t)(part - 1) * (size_t)batch->images + (size_t)image;
            batch->target[sequence * (size_t)batch->target_length + (size_t)written[part]++] = patch;
        }
    }
}

ij_status ij_mask_scatter_sample(const ij_mask_scatter *s, int side, uint64_t seed, int64_t batch_number,
                                 ij_batch *batch)
{
    int length = s->target_patches / batch->targets;
    if (length > batch->target_capacity || s->context_patches > batch->context_capacity)
        return ij_fail(IJ_EINVAL, "%d target and %d context patches do not fit the batch's %d and %d", length,
                       s->context_patches, batch->target_capacity, batch->context_capacity);
    drawing d;
    ij_status status = make_drawing(&d, s, side);
    if (status)
        return status;
    batch->target_length = length;
    batch->context_offset[0] = 0;
    for (int image = 0; image < batch->images; image++) {
        ij_random random;
        ij_random_start(&random, seed, IJ_STREAM_MASK, (uint64_t)batch_number, (uint32_t)image + 1);
        draw_order(&d, &random, s->target_patches + s->context_patches);
        write_masks(&d, image, s->context_patches, batch);
        batch->context_offset[image + 1] = batch->context_offset[image] + s->context_patches;
    }
    free(d.block);
    return IJ_OK;
}
