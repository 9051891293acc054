#include "ini/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void ij_findings_add(ij_findings *f, const char *where, const char *format, ...)
{
    char message[1600];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);

    f->count++;
    size_t room = sizeof f->text - f->used;
    int n = snprintf(f->text + f->used, room, "\n  %.1100s: %s", where, message);
    if (n < 0 || (size_t)n >= room)
        f->text[f->used] = '\0';
    else
        f->used += (size_t)n;
}

ij_status ij_findings_status(const ij_findings *f, const char *name)
{
    if (!f->count)
        return IJ_OK;
    return ij_fail(IJ_EINVAL, "%d error%s in the configuration %s:%s", f->count, f->count == 1 ? "" : "s", name,
                   f->text);
}
