#include "frontend/collapse.h"

#include <math.h>
#include <stdio.h>

/* Of the first target_std, and whatever that was: after a LayerNorm features of a healthy model differ by some tenths.
 */
static const double least_share = 0.01, least_std = 1e-3;
/* Of the highest rank seen. A small model may begin with a rank of 2 or 3, which is no fall. */
static const double least_rank = 0.25;

static bool spread_fell(ij_collapse *c, double target_std)
{
    if (isnan(target_std)) /* no target encoder ran */
        return false;
    if (!c->began)
        c->first_std = target_std;
    c->began = true;
    return target_std < least_std || target_std < least_share * c->first_std;
}

static bool rank_fell(ij_collapse *c, double rank)
{
    if (isnan(rank))
        return false;
    c->most_rank = fmax(c->most_rank, rank);
    return rank < least_rank * c->most_rank;
}

bool ij_collapse_see(ij_collapse *c, int64_t step, double target_std, double rank, char text[IJ_COLLAPSE_TEXT])
{
    bool spread = spread_fell(c, target_std), directions = rank_fell(c, rank);
    if (c->told_std)
        return false;
    if (spread) {
        c->told_std = true;
        snprintf(
            text, IJ_COLLAPSE_TEXT,
            "the features collapse: target_std fell to %.3g (%.3g at first) at step %lld, so all images look alike "
            "to the model; try a smaller learning rate, a longer warm-up or a larger ema",
            target_std, c->first_std, (long long)step);
        return true;
    }
    if (!directions || c->told_rank)
        return false;
    c->told_rank = true;
    snprintf(
        text, IJ_COLLAPSE_TEXT,
        "the features lose rank: at step %lld they use %.1f directions, %.1f at most before, while target_std is "
        "%.3g; a collapse may follow. Try a smaller learning rate, a longer warm-up, a larger ema or larger target "
        "blocks (mask.pred_mask_scale, or block_side where they are scattered)",
        (long long)step, rank, c->most_rank, target_std);
    return true;
}
