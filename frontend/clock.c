#include "frontend/clock.h"

#include <stdio.h>
#include <time.h>

double ij_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

const char *ij_clock_format(double seconds, char *text, size_t size)
{
    if (!(seconds >= 0 && seconds < 1e9)) {
        snprintf(text, size, "?");
        return text;
    }
    long s = (long)(seconds + 0.5);
    long days = s / 86400, hours = s / 3600 % 24, minutes = s / 60 % 60;
    if (days)
        snprintf(text, size, "%ldd %02ld:%02ld:%02ld", days, hours, minutes, s % 60);
    else if (hours)
        snprintf(text, size, "%ld:%02ld:%02ld", hours, minutes, s % 60);
    else
        snprintf(text, size, "%ld:%02ld", minutes, s % 60);
    return text;
}
