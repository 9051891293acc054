#include "tools/autotune/search.h"

#include "engine/tuning_db.h"

#include <stdlib.h>
#include <string.h>

enum { RANDOM_START = 8 };

static bool same(const ij_choice *a, const ij_choice *b, int count)
{
    return memcmp(a->value, b->value, (size_t)count * sizeof *a->value) == 0;
}

ij_status search_open(tune_search *s, const ij_device *device, const tune_job *job)
{
    const ij_tuning *t = &device->tuning;
    const ij_choice *now = ij_choice_for(t, job->group, job->shape[0], job->shape[1]);
    memset(s, 0, sizeof *s);
    s->info = ij_group_of(t->family, job->group);
    s->start = s->best = -1;
    ij_choice choice = ij_choice_first(s->info);
    do {
        if (ij_choice_illegal(t, job->group, &choice, device->info.local_bytes))
            continue;
        tune_candidate *longer = realloc(s->candidates, (size_t)(s->count + 1) * sizeof *longer);
        if (!longer)
            return ij_fail(IJ_ENOMEM, "out of memory for a list of candidates");
        s->candidates = longer;
        if (same(&choice, now, s->info->count))
            s->start = s->count;
        longer[s->count++] = (tune_candidate){.choice = choice};
    } while (ij_choice_next(s->info, &choice));
    s->random_left = s->count / 3 < RANDOM_START ? s->count / 3 : RANDOM_START;
    ij_random_start(&s->random, 1, IJ_STREAM_TEST, (uint64_t)job->shape[0], (uint32_t)job->shape[1]);
    return IJ_OK;
}

void search_close(tune_search *s)
{
    free(s->candidates);
    memset(s, 0, sizeof *s);
}

/* How far apart two values lie in their parameter's list. */
static int steps_between(const ij_param *p, int a, int b)
{
    int at_a = 0, at_b = 0;
    for (int i = 0; i < IJ_MOST_VALUES && p->values[i]; i++) {
        at_a = p->values[i] == a ? i : at_a;
        at_b = p->values[i] == b ? i : at_b;
    }
    return abs(at_a - at_b);
}

/* Steps between two choices, over all parameters. */
static int distance(const tune_search *s, const ij_choice *a, const ij_choice *b)
{
    int sum = 0;
    for (int i = 0; i < s->info->count; i++)
        sum += steps_between(&s->info->params[i], a->value[i], b->value[i]);
    return sum;
}

/* One of the untried candidates at random, or of those nearest to the best. */
static int pick(tune_search *s, bool near)
{
    int chosen = -1, nearest = 1 << 30;
    uint32_t among = 0;
    for (int i = 0; i < s->count; i++) {
        if (s->candidates[i].tried)
            continue;
        int d = near ? distance(s, &s->candidates[i].choice, &s->candidates[s->best].choice) : 0;
        if (d < nearest) {
            nearest = d;
            among = 0;
        }
        if (d == nearest && ij_random_below(&s->random, ++among) == 0)
            chosen = i;
    }
    return chosen;
}

int search_next(tune_search *s)
{
    if (s->start >= 0 && !s->candidates[s->start].tried)
        return s->start;
    if (s->best < 0)
        return pick(s, false);
    if (s->random_left > 0) {
        s->random_left--;
        return pick(s, false);
    }
    return pick(s, true);
}

void search_tell(tune_search *s, int candidate, tune_outcome outcome, double rate)
{
    tune_candidate *c = &s->candidates[candidate];
    if (outcome == OUTCOME_STOPPED)
        return;
    s->tried += !c->tried;
    c->tried = true;
    c->rate = outcome == OUTCOME_FAST ? rate : 0.0;
    if (c->rate > 0 && (s->best < 0 || c->rate > s->candidates[s->best].rate))
        s->best = candidate;
}
