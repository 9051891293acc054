#include "tools/autotune/search.h"

#include "engine/base/try.h"

#include <stdlib.h>
#include <string.h>

enum { RANDOM_START = 8 };

static bool same(const ij_choice *a, const ij_choice *b, int count)
{
    return memcmp(a->value, b->value, (size_t)count * sizeof *a->value) == 0;
}

/* All of one implementation. */
static ij_status add_choices(tune_search *s, const ij_tuning *t, const tune_job *job, const ij_implementation *of)
{
    const int *shape = job->shape;
    const ij_choice *start = ij_choice_for(t, of, shape[0], shape[1]);
    bool now = ij_row_for(t, job->group, shape[0], shape[1]) == of;
    ij_choice choice = ij_choice_first(of);
    do {
        if (ij_choice_illegal(t, of, &choice))
            continue;
        tune_candidate *longer = realloc(s->candidates, (size_t)(s->count + 1) * sizeof *longer);
        if (!longer)
            return ij_fail(IJ_ENOMEM, "out of memory for a list of candidates");
        s->candidates = longer;
        bool starts = same(&choice, start, of->count);
        if (starts && now)
            s->start = s->count;
        longer[s->count++] =
            (tune_candidate){.tuned = {.of = of, .shape = {shape[0], shape[1]}, .choice = choice}, .starts = starts};
    } while (ij_choice_next(of, &choice));
    return IJ_OK;
}

/* What is common to kernels is tuned beside the implementations there are: no other one is tried. */
static bool is_tried(const ij_tuning *t, const tune_job *job, const ij_implementation *of, bool clblast)
{
    if (of->group != job->group || !ij_tuning_allows(t, of))
        return false;
    if (of == t->row[job->group])
        return true;
    bool library = !of->common, offered = !of->offers || of->offers(t->device);
    return job->group != IJ_GROUP_DEVICE && offered && (clblast || !library);
}

ij_status search_open(tune_search *s, const ij_device *device, const tune_job *job, bool clblast)
{
    memset(s, 0, sizeof *s);
    s->start = s->best = -1;
    for (const ij_implementation *const *of = ij_implementations; *of; of++)
        if (is_tried(&device->tuning, job, *of, clblast))
            TRY(add_choices(s, &device->tuning, job, *of));
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

/* Steps between two choices, over all parameters; those of two implementations are far apart. */
static int distance(const ij_tuned *a, const ij_tuned *b)
{
    enum { FAR = 1000 };
    int sum = 0;
    for (int i = 0; i < a->of->count && a->of == b->of; i++)
        sum += steps_between(&a->of->params[i], a->choice.value[i], b->choice.value[i]);
    return a->of == b->of ? sum : FAR;
}

/* One of the untried candidates at random, or of those nearest to the best. */
static int pick(tune_search *s, bool near)
{
    int chosen = -1, nearest = 1 << 30;
    uint32_t among = 0;
    for (int i = 0; i < s->count; i++) {
        if (s->candidates[i].tried)
            continue;
        int d = near ? distance(&s->candidates[i].tuned, &s->candidates[s->best].tuned) : 0;
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
    for (int i = 0; i < s->count; i++)
        if (s->candidates[i].starts && !s->candidates[i].tried)
            return i;
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
