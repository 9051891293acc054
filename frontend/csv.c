#include "frontend/csv.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void ij_csv_write(FILE *out, const char *field)
{
    size_t length = strlen(field);
    bool spaced = length && (field[0] == ' ' || field[length - 1] == ' ');
    if (!spaced && !strpbrk(field, ",\"\r\n")) {
        fputs(field, out);
        return;
    }
    putc('"', out);
    for (; *field; field++) {
        if (*field == '"')
            putc('"', out);
        putc(*field, out);
    }
    putc('"', out);
}

static bool put(ij_csv *r, char c)
{
    if (r->used == r->text_capacity) {
        size_t capacity = r->text_capacity ? 2 * r->text_capacity : 256;
        char *text = realloc(r->text, capacity);
        if (!text)
            return false;
        r->text = text;
        r->text_capacity = capacity;
    }
    r->text[r->used++] = c;
    return true;
}

static bool begin_field(ij_csv *r)
{
    if (r->fields == r->at_capacity) {
        int capacity = r->at_capacity ? 2 * r->at_capacity : 8;
        size_t *at = realloc(r->at, (size_t)capacity * sizeof *at);
        if (!at)
            return false;
        r->at = at;
        r->at_capacity = capacity;
    }
    r->at[r->fields++] = r->used;
    return true;
}

static ij_status no_memory(void)
{
    return ij_fail(IJ_ENOMEM, "no memory for a line of a table");
}

/* Up to the quote that ends the field. */
static ij_status read_quoted(ij_csv *r, FILE *in)
{
    for (;;) {
        int c = getc(in);
        if (c == EOF)
            return ij_fail(IJ_EFORMAT, "a quoted field does not end");
        if (c == '"') {
            c = getc(in);
            if (c != '"') {
                ungetc(c, in);
                return IJ_OK;
            }
        }
        if (!put(r, (char)c))
            return no_memory();
    }
}

/* A field and what ends it: ',', '\n' or EOF. */
static ij_status read_field(ij_csv *r, FILE *in, int *end)
{
    if (!begin_field(r))
        return no_memory();
    int c = getc(in);
    if (c == '"') {
        ij_status status = read_quoted(r, in);
        if (status)
            return status;
        c = getc(in);
    }
    for (; c != ',' && c != '\n' && c != EOF; c = getc(in))
        if (!put(r, (char)c))
            return no_memory();
    if (c != ',' && r->used > r->at[r->fields - 1] && r->text[r->used - 1] == '\r')
        r->used--; /* the line ended as on Windows */
    *end = c;
    return put(r, 0) ? IJ_OK : no_memory();
}

ij_status ij_csv_read(ij_csv *r, FILE *in)
{
    r->used = 0;
    r->fields = 0;
    int end = getc(in);
    if (end != EOF) {
        ungetc(end, in);
        do {
            ij_status status = read_field(r, in, &end);
            if (status)
                return status;
        } while (end == ',');
    }
    return ferror(in) ? ij_fail(IJ_EIO, "%s", strerror(errno)) : IJ_OK;
}

const char *ij_csv_field(const ij_csv *r, int index)
{
    return index < r->fields ? r->text + r->at[index] : "";
}

void ij_csv_free(ij_csv *r)
{
    free(r->text);
    free(r->at);
    *r = (ij_csv){0};
}
