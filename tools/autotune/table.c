#include "tools/autotune/table.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *table_unit(const tune_row *row)
{
    return row->moves ? "GB/s" : "GFLOP/s";
}

static void print_heading(void)
{
    printf("%-18s %-12s %6s %5s %4s %6s %16s %6s %7s  %s\n", "kernels", "shape", "share", "tried", "left", "failed",
           "best", "peak", "gain", "parameters");
}

static void print_row(const tune_table *t, const tune_row *r)
{
    char shape[32] = "", rate[32] = "-", peak[16] = "", gain[16] = "";
    if (r->shape[1])
        snprintf(shape, sizeof shape, "%d x %d", r->shape[0], r->shape[1]);
    else if (r->shape[0])
        snprintf(shape, sizeof shape, "%d", r->shape[0]);
    if (r->best_rate > 0) {
        snprintf(rate, sizeof rate, "%.1f %s", 1e-9 * r->best_rate, table_unit(r));
        snprintf(peak, sizeof peak, "%.1f%%", 100.0 * r->best_rate / (r->moves ? t->bandwidth : t->peak));
    }
    if (r->best_rate > 0 && r->start_rate > 0)
        snprintf(gain, sizeof gain, "%+.1f%%", 100.0 * (r->best_rate / r->start_rate - 1.0));
    printf("%-18s %-12s %5.1f%% %5d %4d %6d %16s %6s %7s  %s%s", r->kernel, shape, 100.0 * r->share, r->tried, r->left,
           r->failed, rate, peak, gain, r->choice, r->working ? " ..." : "");
}

void table_start(tune_table *t)
{
    t->terminal = isatty(STDOUT_FILENO);
    t->drawn = 0;
    if (!t->terminal)
        print_heading();
    fflush(stdout);
}

void table_draw(tune_table *t, const char *trying)
{
    if (!t->terminal)
        return;
    if (t->drawn)
        printf("\033[%dA", t->drawn);
    printf("\r");
    print_heading();
    for (int i = 0; i < t->count; i++) {
        print_row(t, &t->rows[i]);
        printf("\033[K\n");
    }
    printf("%s\033[K\n", trying);
    t->drawn = t->count + 2;
    fflush(stdout);
}

void table_done(tune_table *t, int row)
{
    t->rows[row].working = false;
    t->rows[row].done = true;
    if (t->terminal)
        return;
    print_row(t, &t->rows[row]);
    puts("");
    fflush(stdout);
}
