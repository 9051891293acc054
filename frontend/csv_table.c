#include "frontend/csv_table.h"

#include "engine/base/try.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ij_status no_memory(const char *path)
{
    return ij_fail(IJ_ENOMEM, "%s: no memory for its table", path);
}

/* Cuts the line's next cell off: *rest moves behind the comma, or becomes NULL after the last cell. */
static char *next_cell(char **rest)
{
    char *cell = *rest, *end = cell + strcspn(cell, ",\r\n");
    *rest = *end == ',' ? end + 1 : NULL;
    *end = '\0';
    return cell;
}

static ij_status read_names(ij_csv_table *t, char *line, const char *path)
{
    int commas = 0;
    for (const char *c = line; *c; c++)
        commas += *c == ',';
    t->names = calloc((size_t)commas + 1, sizeof *t->names);
    t->column = calloc((size_t)commas + 1, sizeof *t->column);
    if (!t->names || !t->column)
        return no_memory(path);
    for (char *rest = line; rest;) {
        const char *name = next_cell(&rest);
        if (!*name)
            return ij_fail(IJ_EFORMAT, "%s: its first line does not name its columns", path);
        if (!(t->names[t->columns++] = strdup(name)))
            return no_memory(path);
    }
    return IJ_OK;
}

static ij_status grow(ij_csv_table *t, int64_t capacity, const char *path)
{
    for (int i = 0; i < t->columns; i++) {
        double *longer = realloc(t->column[i], (size_t)capacity * sizeof *longer);
        if (!longer)
            return no_memory(path);
        t->column[i] = longer;
    }
    return IJ_OK;
}

static void read_row(ij_csv_table *t, char *line)
{
    char *rest = line;
    for (int i = 0; i < t->columns; i++) {
        const char *cell = rest ? next_cell(&rest) : "";
        char *end;
        double value = strtod(cell, &end);
        t->column[i][t->rows] = end != cell && !*end ? value : NAN;
    }
    t->rows++;
}

static ij_status read_all(ij_csv_table *t, FILE *file, char **line, const char *path)
{
    size_t room = 0;
    int64_t capacity = 0;
    for (ssize_t n; (n = getline(line, &room, file)) > 0 && (*line)[n - 1] == '\n';) {
        if (!t->columns) {
            TRY(read_names(t, *line, path));
            continue;
        }
        if (t->rows == capacity)
            TRY(grow(t, capacity = capacity ? 2 * capacity : 1024, path));
        read_row(t, *line);
    }
    if (ferror(file))
        return ij_fail(IJ_EIO, "cannot read %s: %s", path, strerror(errno));
    return t->columns ? IJ_OK : ij_fail(IJ_EFORMAT, "%s: has no line that names its columns", path);
}

ij_status ij_csv_table_read(ij_csv_table *t, const char *path)
{
    *t = (ij_csv_table){0};
    FILE *file = fopen(path, "r");
    if (!file)
        return ij_fail(IJ_EIO, "cannot read %s: %s", path, strerror(errno));
    char *line = NULL;
    ij_status status = read_all(t, file, &line, path);
    free(line);
    fclose(file);
    return status;
}

void ij_csv_table_free(ij_csv_table *t)
{
    for (int i = 0; i < t->columns; i++) {
        free(t->names[i]);
        free(t->column[i]);
    }
    free(t->names);
    free(t->column);
    *t = (ij_csv_table){0};
}

int ij_csv_table_find(const ij_csv_table *t, const char *name)
{
    for (int i = 0; i < t->columns; i++)
        if (!strcmp(t->names[i], name))
            return i;
    return -1;
}

ij_status ij_csv_table_spread(ij_csv_table *t, const int64_t *to, int64_t rows)
{
    for (int c = 0; c < t->columns; c++) {
        double *longer = realloc(t->column[c], (size_t)rows * sizeof *longer);
        if (!longer)
            return ij_fail(IJ_ENOMEM, "out of memory for a table of %lld rows", (long long)rows);
        t->column[c] = longer;
        int64_t from = t->rows - 1;
        for (int64_t row = rows - 1; row >= 0; row--) /* from the end, so that nothing is overwritten before it moved */
            longer[row] = from >= 0 && to[from] == row ? longer[from--] : NAN;
    }
    t->rows = rows;
    return IJ_OK;
}
