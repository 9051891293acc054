#include "engine/batch_index.h"

static int align(int ints)
{
    return (ints + 1023) / 1024 * 1024;
}

static int most_context(const ij_batch *b)
{
    int all = b->contexts * b->images * b->context_capacity;
    return b->most_context && b->most_context < all ? (int)b->most_context : all;
}

static int most_predictor(const ij_batch *b)
{
    int all = b->targets * (most_context(b) + b->contexts * b->images * b->target_capacity);
    return b->most_predictor && b->most_predictor < all ? (int)b->most_predictor : all;
}

void ij_batch_index_plan(ij_batch_index *index, const ij_batch *b)
{
    int sequences = b->contexts * b->images;
    int context = most_context(b), predictions = b->targets * sequences * b->target_capacity;
    int sizes[IJ_LISTS] = {
        [IJ_LIST_CONTEXT_IMAGE] = context,        [IJ_LIST_CONTEXT_PATCH] = context,
        [IJ_LIST_CONTEXT_OFFSET] = sequences + 1, [IJ_LIST_PREDICTOR_OFFSET] = b->targets * sequences + 1,
        [IJ_LIST_SOURCE] = most_predictor(b),     [IJ_LIST_PLACE] = context,
        [IJ_LIST_MASK_ROWS] = predictions,        [IJ_LIST_TARGET_ROWS] = b->targets * b->images * b->target_capacity,
    };
    index->offset[0] = 0;
    for (int i = 0; i < IJ_LISTS; i++)
        index->offset[i + 1] = index->offset[i] + align(sizes[i]);
}

ij_status ij_batch_check(const ij_batch *b, int patches)
{
    int sequences = b->contexts * b->images;
    if (b->target_length < 1 || b->target_length > b->target_capacity)
        return ij_fail(IJ_EINVAL, "a batch has target blocks of %d patches where 1 to %d are possible",
                       b->target_length, b->target_capacity);
    if (b->context_offset[0] != 0 || b->context_offset[sequences] > most_context(b))
        return ij_fail(IJ_EINVAL, "a batch has %d context tokens where %d are possible", b->context_offset[sequences],
                       most_context(b));
    int predictor = b->targets * (b->context_offset[sequences] + sequences * b->target_length);
    if (predictor > most_predictor(b))
        return ij_fail(IJ_EINVAL, "a batch has %d predictor tokens where %d are possible", predictor,
                       most_predictor(b));
    for (int s = 0; s < sequences; s++)
        if (b->context_offset[s + 1] <= b->context_offset[s])
            return ij_fail(IJ_EINVAL, "context sequence %d of a batch is empty", s);
    for (int s = 0; s < sequences; s++)
        if (b->context_offset[s + 1] - b->context_offset[s] > b->context_capacity)
            return ij_fail(IJ_EINVAL, "context sequence %d of a batch has %d patches where %d are possible", s,
                           b->context_offset[s + 1] - b->context_offset[s], b->context_capacity);
    for (int i = 0; i < b->context_offset[sequences]; i++)
        if (b->context[i] < 0 || b->context[i] >= patches)
            return ij_fail(IJ_EINVAL, "a context mask names patch %d of %d", b->context[i], patches);
    for (int i = 0; i < b->targets * b->images * b->target_length; i++)
        if (b->target[i] < 0 || b->target[i] >= patches)
            return ij_fail(IJ_EINVAL, "a target mask names patch %d of %d", b->target[i], patches);
    return IJ_OK;
}

void ij_batch_part(const ij_batch *b, int first, ij_batch *part)
{
    int T = part->target_length = b->target_length, tokens = 0, sequence = 0;
    part->context_offset[0] = 0;
    for (int block = 0; block < b->contexts; block++)
        for (int image = first; image < first + part->images; image++) {
            int s = block * b->images + image;
            for (int i = b->context_offset[s]; i < b->context_offset[s + 1]; i++)
                part->context[tokens++] = b->context[i];
            part->context_offset[++sequence] = tokens;
        }
    for (int block = 0; block < b->targets; block++)
        for (int i = 0; i < part->images * T; i++)
            part->target[block * part->images * T + i] = b->target[(block * b->images + first) * T + i];
}

ij_status ij_batch_index_fill(ij_batch_index *index, const ij_batch *b, int patches, int32_t *ints)
{
    ij_status status = ij_batch_check(b, patches);
    if (status)
        return status;
    int32_t *list[IJ_LISTS];
    for (int i = 0; i < IJ_LISTS; i++)
        list[i] = ints + index->offset[i];
    int sequences = b->contexts * b->images, T = b->target_length;

    index->context_tokens = b->context_offset[sequences];
    for (int s = 0; s <= sequences; s++)
        list[IJ_LIST_CONTEXT_OFFSET][s] = b->context_offset[s];
    for (int s = 0; s < sequences; s++)
        for (int i = b->context_offset[s]; i < b->context_offset[s + 1]; i++) {
            list[IJ_LIST_CONTEXT_IMAGE][i] = s % b->images;
            list[IJ_LIST_CONTEXT_PATCH][i] = b->context[i];
            list[IJ_LIST_PLACE][i] = i + s * T; /* every sequence before adds its T mask tokens */
        }

    int row = 0, prediction = 0;
    for (int t = 0; t < b->targets; t++)
        for (int s = 0; s < sequences; s++) {
            list[IJ_LIST_PREDICTOR_OFFSET][t * sequences + s] = row;
            for (int i = b->context_offset[s]; i < b->context_offset[s + 1]; i++)
                list[IJ_LIST_SOURCE][row++] = i;
            const int32_t *target = b->target + ((int64_t)t * b->images + s % b->images) * T;
            for (int i = 0; i < T; i++) {
                list[IJ_LIST_MASK_ROWS][prediction++] = row;
                list[IJ_LIST_SOURCE][row++] = -1 - target[i];
            }
        }
    list[IJ_LIST_PREDICTOR_OFFSET][b->targets * sequences] = row;
    index->predictor_tokens = row;
    index->predictor_stride = row / b->targets;
    index->predictions = prediction;

    index->target_rows = b->targets * b->images * T;
    for (int i = 0; i < index->target_rows; i++)
        list[IJ_LIST_TARGET_ROWS][i] = i / T % b->images * patches + b->target[i];
    return IJ_OK;
}
