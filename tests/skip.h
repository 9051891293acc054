/* How a CMocka program says that it leaves something out: one line "SKIPPED: WHAT: WHY" on standard output, which
 * tools/tests gathers into its table. A program that can do nothing at all prints "SKIPPED: WHY" and returns
 * 77. */
#ifndef IJ_TESTS_SKIP_H
#define IJ_TESTS_SKIP_H

#include "engine/base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the running case; its name is that of the function. */
#define skip_because(reason)                                                                                           \
    do {                                                                                                               \
        print_message("SKIPPED: %s: %s\n", __func__, reason);                                                          \
        skip();                                                                                                        \
    } while (0)

/* After ij_device_open has failed: says why a program that needs a device is skipped. A device that is there and cannot
 * be opened is no reason to skip: that ends the program as failed. */
static inline void skip_without_device(void)
{
    if (!strstr(ij_error(), "no OpenCL device found")) {
        fprintf(stderr, "FAILED: %s\n", ij_error());
        exit(1);
    }
    puts("SKIPPED: there is no OpenCL device here");
}

#endif
