/* Comma-separated values (RFC 4180): a record a line, fields with commas, quotes or line ends in quotes. */
#ifndef IJ_FRONTEND_CSV_H
#define IJ_FRONTEND_CSV_H

#include "engine/base/error.h"

#include <stddef.h>
#include <stdio.h>

/* Writes one field; the caller writes the commas and line ends. */
void ij_csv_write(FILE *out, const char *field);

/* A record that is read, its memory reused from record to record. Start from {0}; the owner calls ij_csv_free. */
typedef struct ij_csv {
    char *text;
    size_t *at; /* [fields] where each begins in text, NUL-terminated */
    int fields; /* 0: the file has ended */
    size_t used, text_capacity;
    int at_capacity;
} ij_csv;

/* The next record. IJ_EFORMAT where a quoted field does not end; IJ_EIO; IJ_ENOMEM. */
ij_status ij_csv_read(ij_csv *record, FILE *in);
const char *ij_csv_field(const ij_csv *record, int index);
void ij_csv_free(ij_csv *record);

#endif
