/* Time that only goes forward, for measuring, and durations in words. */
#ifndef IJ_FRONTEND_CLOCK_H
#define IJ_FRONTEND_CLOCK_H

#include <stddef.h>

/* Seconds since some fixed moment. */
double ij_clock(void);

/* "0:42", "1:02:03" or "2d 01:02:03". Returns `text`. */
const char *ij_clock_format(double seconds, char *text, size_t size);

#endif
