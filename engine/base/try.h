/* TRY(call): returns from this function with the status of a call that failed, so that a sequence of steps reads as a
 * sequence. */
#ifndef IJ_BASE_TRY_H
#define IJ_BASE_TRY_H

#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        ij_status try_status = (call);                                                                                 \
        if (try_status)                                                                                                \
            return try_status;                                                                                         \
    } while (0)

#endif
