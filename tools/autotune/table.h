/* The live table: on a terminal redrawn in place, otherwise a line whenever a job ends. */
#ifndef IJ_AUTOTUNE_TABLE_H
#define IJ_AUTOTUNE_TABLE_H

#include "tools/autotune/job.h"
#include "tools/autotune/outcome.h"

/* A job as the table shows it. */
typedef struct tune_row {
    const char *kernel;
    int shape[2];
    double share;
    int tried, left, failed;
    bool moves;                   /* rates are of bytes, not of flops */
    double start_rate, best_rate; /* a second; 0: not known yet */
    char choice[320];             /* the best one */
    bool working, done;
} tune_row;

typedef struct tune_table {
    bool terminal;
    int drawn;              /* lines on the terminal that are the table's */
    double peak, bandwidth; /* flops and bytes a second */
    tune_row rows[MOST_JOBS];
    int count;
} tune_table;

/* "GFLOP/s" or "GB/s". */
const char *table_unit(const tune_row *row);

void table_start(tune_table *table);
/* Shows the table as it is now; `trying` says what is under way. */
void table_draw(tune_table *table, const char *trying);
/* Row `row` is done: a line for those who read no terminal. */
void table_done(tune_table *table, int row);

#endif
