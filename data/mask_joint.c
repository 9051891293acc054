#include "data/mask_joint.h"

#include "engine/base/random.h"

#include <string.h>

/* Images' streams that choose what stays have their numbers' highest bit set: the blocks are drawn from the others. */
static const uint32_t chooses = UINT32_C(1) << 31;

/* Keeps `keep` of `length` numbers, in their order, each as likely as any other (Knuth's selection sampling). */
static void thin(ij_random *random, int32_t *patch, int length, int keep)
{
    int kept = 0;
    for (int i = 0; i < length && kept < keep; i++)
        if ((int)ij_random_below(random, (uint32_t)(length - i)) < keep - kept)
            patch[kept++] = patch[i];
}

static int common_length(const ij_batch *batch, const int32_t *length)
{
    int common = batch->target_capacity;
    for (int image = 0; image < batch->images; image++)
        common = length[image] < common ? length[image] : common;
    if (batch->most_predictor) { /* at least one token must be left for each context beside them */
        int64_t room = batch->most_predictor / ((int64_t)batch->contexts * batch->images) - 1;
        common = room < common ? (int)room : common;
    }
    return common > 1 ? common : 1;
}

void ij_mask_cut_targets(ij_batch *batch, const int32_t *length, uint64_t seed, int64_t batch_number)
{
    int common = common_length(batch, length);
    for (int image = 0; image < batch->images; image++) {
        int32_t *patch = batch->target + (size_t)image * (size_t)batch->target_capacity;
        if (length[image] > common) {
            ij_random random;
            ij_random_start(&random, seed, IJ_STREAM_MASK, (uint64_t)batch_number, chooses | (uint32_t)image);
            thin(&random, patch, length[image], common);
        }
        memmove(batch->target + (size_t)image * (size_t)common, patch, (size_t)common * sizeof *patch);
    }
    batch->target_length = common;
}
