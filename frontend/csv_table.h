/* A table of numbers from a CSV file whose first line names the columns: a run's log, also one that is being written.
 * Whoever reads it asks for columns by name, so that logs of older and newer versions serve alike. */
#ifndef IJ_FRONTEND_CSV_TABLE_H
#define IJ_FRONTEND_CSV_TABLE_H

#include "engine/base/error.h"

#include <stdint.h>

typedef struct ij_csv_table {
    int columns;
    int64_t rows;
    char **names;    /* [columns] */
    double **column; /* [columns][rows]; NaN where a cell is empty, missing or no number */
} ij_csv_table;

/* Reads whole lines: a last one without its newline is still being written, and is left out. IJ_EIO where the file
 * cannot be read, IJ_EFORMAT where it has no line of names. The caller calls ij_csv_table_free in any case. */
ij_status ij_csv_table_read(ij_csv_table *table, const char *path);
void ij_csv_table_free(ij_csv_table *table);

/* The column's number; -1 where there is none of that name. */
int ij_csv_table_find(const ij_csv_table *table, const char *name);

/* Makes it a table of `rows` rows: row i becomes row to[i], ascending and below `rows`; those in between are without
 * values. IJ_ENOMEM. */
ij_status ij_csv_table_spread(ij_csv_table *table, const int64_t *to, int64_t rows);

#endif
