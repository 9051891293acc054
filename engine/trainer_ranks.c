/* What the ranks of a run have in common: the order in which they add up, their weights. */
#include "engine/base/try.h"
#include "engine/ranks/ranks.h"
#include "engine/trainer.h"
#include "engine/trainer_state.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

ij_status ij_trainer_agree_on_order(ij_trainer *t)
{
    int own = ij_gemm_rows_together(&t->model.gemm), first = own;
    if (!t->config.ranks)
        return IJ_OK;
    ij_ranks_from_first(t->config.ranks, &first, sizeof first);
    double others = own != first;
    ij_ranks_add(t->config.ranks, &others, 1);
    return others > 0 ? ij_exchange_officially(&t->exchange) : IJ_OK;
}

bool ij_trainer_reorders(const ij_trainer *t)
{
    return t->exchange.official != NULL;
}

ij_exchange_times ij_trainer_exchange(const ij_trainer *t)
{
    ij_exchange_times times = {.exposed = t->exchange.exposed, .busy = t->exchange.busy, .steps = t->exchange.steps};
    for (int i = 0; i < t->exchange.count; i++)
        times.bytes += ij_segment_bytes(&t->exchange.segments[i]);
    int ranks = ij_ranks_count(t->config.ranks);
    times.bytes = times.bytes * 2 * (uint64_t)(ranks - 1) / (uint64_t)ranks;
    return times;
}

/* Room for the largest tensor. */
static ij_status make_room(const ij_trainer *t, float **values)
{
    int64_t most = 0;
    for (int i = 0; i < ij_trainer_tensor_count(t); i++)
        most = ij_trainer_tensor(t, i)->elements > most ? ij_trainer_tensor(t, i)->elements : most;
    *values = malloc((size_t)most * sizeof **values);
    return *values ? IJ_OK : ij_fail(IJ_ENOMEM, "out of memory for the weights of other ranks");
}

static bool is_target(const ij_tensor_info *info)
{
    return strncmp(info->name, "target_encoder.", 15) == 0;
}

ij_status ij_trainer_share_state(ij_trainer *t)
{
    static const ij_store stores[] = {IJ_STORE_WEIGHT, IJ_STORE_MOMENT1, IJ_STORE_MOMENT2};
    ij_ranks *ranks = t->config.ranks;
    float *values;
    ij_status status = make_room(t, &values);
    for (int i = 0; i < ij_trainer_tensor_count(t) && !status; i++) {
        const ij_tensor_info *info = ij_trainer_tensor(t, i);
        for (int s = 0; s < (is_target(info) ? 1 : 3) && !status; s++) {
            if (ij_ranks_own(ranks) == 0)
                status = ij_trainer_read(t, i, stores[s], values);
            if (status)
                break;
            ij_ranks_from_first(ranks, values, (size_t)info->elements * sizeof *values);
            if (ij_ranks_own(ranks) > 0)
                status = ij_trainer_write(t, i, stores[s], values);
        }
    }
    free(values);
    return status;
}

ij_status ij_trainer_agrees(ij_trainer *t, bool *agrees)
{
    ij_ranks *ranks = t->config.ranks;
    float *values;
    XXH64_hash_t sum = 0, first;
    TRY(make_room(t, &values));
    ij_status status = IJ_OK;
    for (int i = 0; i < ij_trainer_tensor_count(t) && !status; i++) {
        status = ij_trainer_read(t, i, IJ_STORE_WEIGHT, values);
        if (!status)
            sum = XXH3_64bits_withSeed(values, (size_t)ij_trainer_tensor(t, i)->elements * sizeof *values, sum);
    }
    free(values);
    TRY(status);
    first = sum;
    ij_ranks_from_first(ranks, &first, sizeof first);
    double others = first != sum;
    ij_ranks_add(ranks, &others, 1);
    *agrees = others == 0;
    return IJ_OK;
}
