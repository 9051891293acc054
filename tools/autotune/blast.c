#include "tools/autotune/blast.h"

#include "engine/base/random.h"
#include "engine/base/try.h"
#include "engine/tuning_db.h"

#include <stdio.h>
#include <string.h>

/* Parameters of cl/xgemm in CLBlast's order, with the values of its own tuner (src/tuning/kernels/xgemm.hpp) for the
 * kernel that shares tiles through local memory (GEMMK 0). */
enum { GEMMK, KREG, KWG, KWI, MDIMA, MDIMC, MWG, NDIMB, NDIMC, NWG, SA, SB, STRM, STRN, VWM, VWN, COUNT };
enum { MOST_VALUES = 5, PATIENCE = 100000 };
static const struct {
    const char *name;
    int count, values[MOST_VALUES];
} parameters[COUNT] = {
    [GEMMK] = {"GEMMK", 1, {0}},
    [KREG] = {"KREG", 1, {1}},
    [KWG] = {"KWG", 2, {16, 32}},
    [KWI] = {"KWI", 2, {2, 8}},
    [MDIMA] = {"MDIMA", 3, {8, 16, 32}},
    [MDIMC] = {"MDIMC", 4, {4, 8, 16, 32}},
    [MWG] = {"MWG", 4, {16, 32, 64, 128}},
    [NDIMB] = {"NDIMB", 3, {8, 16, 32}},
    [NDIMC] = {"NDIMC", 4, {4, 8, 16, 32}},
    [NWG] = {"NWG", 4, {16, 32, 64, 128}},
    [SA] = {"SA", 2, {0, 1}},
    [SB] = {"SB", 2, {0, 1}},
    [STRM] = {"STRM", 2, {0, 1}},
    [STRN] = {"STRN", 2, {0, 1}},
    [VWM] = {"VWM", 4, {1, 2, 4, 8}},
    [VWN] = {"VWN", 4, {1, 2, 4, 8}},
};

typedef struct blast_choice {
    int value[COUNT];
} blast_choice;

void blast_add_job(tuner *t, const ij_workload *w, const ij_kernel_time *times, int count)
{
    static tune_job products[MOST_JOBS];
    if (jobs_of_step(w, times, count, "gemm", products) == 0 || t->job_count == MOST_JOBS)
        return;
    t->jobs[t->job_count] = products[0]; /* the largest share comes first */
    t->jobs[t->job_count++].clblast = true;
}

/* CLBlast's own rules for what can be built. */
static bool is_legal(const ij_device *d, const int *v)
{
    int items = v[MDIMC] * v[NDIMC];
    size_t local = (size_t)(v[SA] * v[KWG] * v[MWG] + v[SB] * v[KWG] * v[NWG]) * sizeof(float);
    return v[KWG] % v[KWI] == 0 && v[MWG] % (v[MDIMC] * v[VWM]) == 0 && v[NWG] % (v[NDIMC] * v[VWN]) == 0 &&
           v[MWG] % (v[MDIMA] * v[VWM]) == 0 && v[NWG] % (v[NDIMB] * v[VWN]) == 0 && items % v[MDIMA] == 0 &&
           items % v[NDIMB] == 0 && v[KWG] % (items / v[MDIMA]) == 0 && v[KWG] % (items / v[NDIMB]) == 0 &&
           (size_t)items <= d->info.max_work_group && local <= d->info.local_bytes;
}

static int draw(ij_random *r, int parameter)
{
    return parameters[parameter].values[ij_random_below(r, (uint32_t)parameters[parameter].count)];
}

/* One at random or, with `near`, one that differs from it in at most three parameters: few of them may change alone.
 * False where none was found. */
static bool next_choice(const ij_device *d, ij_random *r, const blast_choice *near, blast_choice *choice)
{
    for (int attempt = 0; attempt < PATIENCE; attempt++) {
        for (int i = 0; i < COUNT; i++)
            choice->value[i] = near ? near->value[i] : draw(r, i);
        for (uint32_t changes = near ? 1 + ij_random_below(r, 3) : 0; changes > 0; changes--) {
            int i = (int)ij_random_below(r, COUNT);
            choice->value[i] = draw(r, i);
        }
        bool same = near && memcmp(near, choice, sizeof *near) == 0;
        if (!same && is_legal(d, choice->value))
            return true;
    }
    return false;
}

static void print_choice(const blast_choice *choice, char *text, size_t size)
{
    size_t used = 0;
    for (int i = 0; i < COUNT && used < size; i++)
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s=%d", i ? " " : "", parameters[i].name, choice->value[i]);
}

/* Tries parameters, or CLBlast's own where `choice` is NULL; an earlier run's result will do. */
static ij_status try_parameters(tuner *t, int job, const blast_choice *choice, tune_outcome *outcome, double *rate)
{
    char text[320] = "clblast ";
    if (choice)
        print_choice(choice, text + strlen(text), sizeof text - strlen(text));
    else
        text[strlen(text) - 1] = 0;
    if (state_find(&t->state, t->device, &t->jobs[job], text, outcome, rate))
        return IJ_OK;
    *outcome = tune_try(t, job, text, rate);
    if (*outcome == OUTCOME_STOPPED)
        return IJ_OK;
    t->table.rows[job].tried++;
    return state_add(&t->state, t->device, &t->jobs[job], text, *outcome, *rate);
}

/* As for our own kernels: the best has to win against the start again before it is kept. */
static ij_status keep_if_better(tuner *t, int job, const blast_choice *best)
{
    tune_row *row = &t->table.rows[job];
    double again[2];
    char text[320] = "clblast ", remark[64];
    print_choice(best, text + strlen(text), sizeof text - strlen(text));
    bool won = tune_duel(t, job, (const char *const[]){"clblast", text}, again);
    if (!won)
        return IJ_OK;
    row->start_rate = again[0];
    row->best_rate = again[1];
    snprintf(row->choice, sizeof row->choice, "%s", text + strlen("clblast "));
    snprintf(remark, sizeof remark, "%.1f GFLOP/s, %+.1f %%", 1e-9 * again[1], 100.0 * (again[1] / again[0] - 1.0));
    return ij_tuning_db_keep_clblast_parameters(t->device, t->database, "Xgemm", text + strlen("clblast "), remark);
}

ij_status blast_tune(tuner *t, int job, double deadline)
{
    enum { RANDOM_START = 12, MOST_TRIED = 400 };
    tune_row *row = &t->table.rows[job];
    blast_choice choice, best = {{0}};
    tune_outcome outcome;
    ij_random random;
    ij_random_start(&random, 1, IJ_STREAM_TEST, 0, 0);
    row->working = true;
    TRY(try_parameters(t, job, NULL, &outcome, &row->start_rate));
    row->best_rate = row->start_rate;
    bool found = false;
    int limit = t->most ? t->most : MOST_TRIED;
    for (int i = 0; i < limit && !tune_over(t) && ij_now() < deadline; i++) {
        double rate;
        if (!next_choice(t->device, &random, found && i >= RANDOM_START ? &best : NULL, &choice))
            break;
        TRY(try_parameters(t, job, &choice, &outcome, &rate));
        row->left = limit - i - 1;
        if (outcome != OUTCOME_FAST || rate <= row->best_rate)
            continue;
        best = choice;
        found = true;
        row->best_rate = rate;
        print_choice(&best, row->choice, sizeof row->choice);
    }
    row->best_rate = row->start_rate; /* until it is confirmed */
    *row->choice = 0;
    ij_status status = found && !*t->interrupted ? keep_if_better(t, job, &best) : IJ_OK;
    table_done(&t->table, job);
    return status;
}
