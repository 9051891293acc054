#include "frontend/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static ij_log_level shown = IJ_LOG_INFO;
static char speaker[40]; /* "NAME: " */

void ij_log_name(const char *name)
{
    snprintf(speaker, sizeof speaker, "%.36s: ", name);
}

void ij_log_set(ij_log_level most)
{
    shown = most;
}

bool ij_log_shows(ij_log_level level)
{
    return level <= shown;
}

bool ij_log_read(const char *name, ij_log_level *level)
{
    static const char *const names[] = {"error", "warning", "info"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(name, names[i])) {
            *level = (ij_log_level)i;
            return true;
        }
    return false;
}

static void print(const char *format, va_list args)
{
    fflush(stdout); /* what was said before appears before */
    fprintf(stderr, "ijepa: %s", speaker);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

void ij_complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print(format, args);
    va_end(args);
}

void ij_tell(ij_log_level level, const char *format, ...)
{
    if (!ij_log_shows(level))
        return;
    va_list args;
    va_start(args, format);
    print(format, args);
    va_end(args);
}

void ij_say(const char *format, ...)
{
    if (!ij_log_shows(IJ_LOG_INFO))
        return;
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
}
