#include "tools/autotune/tune.h"

#include "engine/base/try.h"
#include "engine/peak.h"
#include "engine/tuning_db.h"
#include "tools/autotune/child.h"
#include "tools/autotune/search.h"

#include <stdio.h>
#include <string.h>

bool tune_over(const tuner *t)
{
    return *t->interrupted || ij_now() > t->deadline;
}

tune_outcome tune_try(tuner *t, int job, const char *choice, double *rate)
{
    const tune_job *j = &t->jobs[job];
    char trying[400], why[400];
    double seconds = 0.0;
    snprintf(trying, sizeof trying, "trying %s %s", t->table.rows[job].kernel, choice);
    table_draw(&t->table, trying);
    tune_outcome outcome =
        child_run(t->device, j, choice, t->number++, t->watchdog, t->interrupted, &seconds, why, sizeof why);
    t->outcomes[outcome]++;
    *rate = outcome == OUTCOME_FAST ? job_work(j) / seconds : 0.0;
    if (outcome != OUTCOME_FAST && outcome != OUTCOME_STOPPED) {
        t->table.rows[job].failed++;
        snprintf(t->last_failure, sizeof t->last_failure, "%s %s: %s", t->table.rows[job].kernel, choice, why);
    }
    return outcome;
}

static void remark_of(const tune_row *row, char *text, size_t size)
{
    if (row->start_rate > 0 && row->best_rate > row->start_rate)
        snprintf(text, size, "%.1f %s, %+.1f %%", 1e-9 * row->best_rate, table_unit(row),
                 100.0 * (row->best_rate / row->start_rate - 1.0));
    else
        snprintf(text, size, "%.1f %s", 1e-9 * row->best_rate, table_unit(row));
}

static ij_status keep_best(tuner *t, int job, const tune_search *s)
{
    tune_row *row = &t->table.rows[job];
    if (s->best < 0)
        return IJ_OK;
    const ij_tuned *tuned = &s->candidates[s->best].tuned;
    char remark[64];
    row->best_rate = s->candidates[s->best].rate;
    row->start_rate = s->start >= 0 ? s->candidates[s->start].rate : 0.0;
    ij_tuned_print(tuned, row->choice, sizeof row->choice);
    remark_of(row, remark, sizeof remark);
    return ij_tuning_db_keep(t->device, t->database, tuned, remark);
}

/* What an earlier run has tried need not be tried again. */
static void recall(tuner *t, int job, tune_search *s)
{
    for (int i = 0; i < s->count; i++) {
        char choice[128];
        tune_outcome outcome;
        double rate;
        ij_tuned_print(&s->candidates[i].tuned, choice, sizeof choice);
        if (!state_find(&t->state, t->device, &t->jobs[job], choice, &outcome, &rate))
            continue;
        search_tell(s, i, outcome, rate);
        t->table.rows[job].failed += outcome != OUTCOME_FAST;
    }
}

/* Until the job's time is over or nothing is left. */
static ij_status explore(tuner *t, int job, tune_search *s, double deadline)
{
    tune_row *row = &t->table.rows[job];
    int next, here = 0;
    while (!tune_over(t) && (here == 0 || ij_now() < deadline) && (!t->most || here < t->most) &&
           (next = search_next(s)) >= 0) {
        char choice[128];
        double rate;
        ij_tuned_print(&s->candidates[next].tuned, choice, sizeof choice);
        tune_outcome outcome = tune_try(t, job, choice, &rate);
        if (outcome == OUTCOME_STOPPED)
            break;
        here++;
        TRY(state_add(&t->state, t->device, &t->jobs[job], choice, outcome, rate));
        int best = s->best;
        search_tell(s, next, outcome, rate);
        row->tried = s->tried;
        row->left = s->count - s->tried;
        if (s->best != best)
            TRY(keep_best(t, job, s));
    }
    return IJ_OK;
}

bool tune_duel(tuner *t, int job, const char *const choice[2], double best[2])
{
    bool won = true;
    best[0] = best[1] = 0.0;
    for (int i = 0; i < TUNE_DUELS && won; i++) {
        double rate[2];
        for (int k = 0; k < 2; k++) {
            if (tune_try(t, job, choice[k], &rate[k]) != OUTCOME_FAST)
                return false;
            best[k] = rate[k] > best[k] ? rate[k] : best[k];
        }
        won = rate[1] >= TUNE_LEAST_GAIN * rate[0];
    }
    return won;
}

/* The best of many noisy measurements is too good to be true: it has to win against the start again. */
static ij_status confirm(tuner *t, int job, tune_search *s)
{
    if (s->best < 0 || s->start < 0 || s->best == s->start || *t->interrupted)
        return IJ_OK;
    char start[128], best[128];
    double rate[2];
    ij_tuned_print(&s->candidates[s->start].tuned, start, sizeof start);
    ij_tuned_print(&s->candidates[s->best].tuned, best, sizeof best);
    bool won = tune_duel(t, job, (const char *const[]){start, best}, rate);
    if (*t->interrupted)
        return IJ_OK; /* what was found so far stays */
    s->candidates[s->start].rate = rate[0] > 0 ? rate[0] : s->candidates[s->start].rate;
    s->candidates[s->best].rate = rate[1] > 0 ? rate[1] : s->candidates[s->best].rate;
    s->best = won ? s->best : s->start;
    return keep_best(t, job, s);
}

/* What else the machine did when the peak was measured may have held it down. */
static ij_status raise_peak(tuner *t)
{
    double peak;
    TRY(ij_measure_fma_peak(t->device, &peak));
    t->table.peak = 1e9 * peak > t->table.peak ? 1e9 * peak : t->table.peak;
    return IJ_OK;
}

ij_status tune_kernels(tuner *t, int job, double deadline)
{
    tune_row *row = &t->table.rows[job];
    tune_search s;
    ij_status status = search_open(&s, t->device, &t->jobs[job], t->clblast);
    row->working = true;
    if (!status)
        status = raise_peak(t);
    if (!status) {
        recall(t, job, &s);
        int tried = s.tried;
        row->tried = s.tried;
        row->left = s.count - s.tried;
        status = keep_best(t, job, &s);
        if (!status)
            status = explore(t, job, &s, deadline);
        if (!status && s.tried > tried)
            status = confirm(t, job, &s);
        if (s.best >= 0 && t->jobs[job].group == IJ_GROUP_DEVICE)
            ij_tuning_db_set_common(t->device, s.candidates[s.best].tuned.of, &s.candidates[s.best].tuned.choice);
    }
    search_close(&s);
    table_done(&t->table, job);
    return status;
}
