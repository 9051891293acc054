#include "tools/autotune/turns.h"

#include "engine/base/try.h"
#include "tools/autotune/blast.h"

ij_status tune_all(tuner *t)
{
    double shares = 0.0;
    for (int i = 0; i < t->job_count; i++) {
        tune_row *row = &t->table.rows[t->table.count++];
        const char *name = ij_group_name(t->jobs[i].group);
        *row = (tune_row){.kernel = t->jobs[i].clblast ? "clblast" : name,
                          .shape = {t->jobs[i].shape[0], t->jobs[i].shape[1]},
                          .share = t->jobs[i].share,
                          .moves = job_moves(&t->jobs[i])};
        shares += t->jobs[i].share;
    }
    table_start(&t->table);
    for (int i = 0; i < t->job_count && !tune_over(t); i++) {
        double now = ij_now(), part = t->jobs[i].share / shares; /* what a job does not use the others get */
        double deadline = now + (t->deadline - now) * part;
        TRY(t->jobs[i].clblast ? blast_tune(t, i, deadline) : tune_kernels(t, i, deadline));
        shares -= t->jobs[i].share;
    }
    table_draw(&t->table, "");
    return IJ_OK;
}
