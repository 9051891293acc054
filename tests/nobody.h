/* Root may read and write everything, so a test of missing permissions, run by root, becomes another user for it.
 * Include it after cmocka.h. */
#ifndef IJ_TESTS_NOBODY_H
#define IJ_TESTS_NOBODY_H

#include "tests/skip.h"

#include <unistd.h>

/* Not root any more until become_oneself(); the case is skipped where that is not allowed. `folder` stays within reach
 * of everybody. */
#define become_nobody(folder)                                                                                          \
    do {                                                                                                               \
        assert_int_equal(chmod(folder, 0755), 0);                                                                      \
        if (geteuid() == 0 && seteuid(65534) != 0)                                                                     \
            skip_because("root may do everything, and cannot become another user here");                               \
    } while (0)

/* Belongs into the teardown too, for a case that failed in between. */
static inline int become_oneself(void)
{
    return seteuid(getuid());
}

#endif
