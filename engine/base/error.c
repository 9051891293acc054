#include "engine/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[16384];

ij_status ij_fail(ij_status status, const char *format, ...)
{
    char text[sizeof message]; /* the arguments may point into the old message */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(message, text, strlen(text) + 1);
    return status;
}

ij_status ij_fail_in(ij_status status, const char *format, ...)
{
    char text[sizeof message];
    va_list args;
    va_start(args, format);
    int used = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (used >= 0 && (size_t)used < sizeof text)
        snprintf(text + used, sizeof text - (size_t)used, "%s", message);
    memcpy(message, text, strlen(text) + 1);
    return status;
}

const char *ij_error(void)
{
    return message;
}
