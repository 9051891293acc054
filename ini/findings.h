/* The errors found while a configuration is read, one line each, so that all of them can be shown at once. */
#ifndef IJ_INI_FINDINGS_H
#define IJ_INI_FINDINGS_H

#include "engine/base/error.h"

#include <stddef.h>

typedef struct ij_findings {
    int count;            /* errors found */
    size_t used;          /* bytes of `text` */
    char text[12 * 1024]; /* what fits into an error message beside its first line */
} ij_findings;

/* Adds one error. `where` is its place, "run.ini:12" or "--set". Errors that no longer fit are only counted. */
void ij_findings_add(ij_findings *f, const char *where, const char *format, ...) IJ_PRINTF(3, 4);

/* IJ_OK where nothing was found; otherwise sets the message for all of them and returns IJ_EINVAL. */
ij_status ij_findings_status(const ij_findings *f, const char *name);

#endif
