#include "frontend/message.h"

#include <stdarg.h>
#include <stdio.h>

void ij_complain(const char *format, ...)
{
    fflush(stdout); /* what was said before appears before */
    va_list args;
    va_start(args, format);
    fputs("ijepa: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}
