/* Messages for people, on stderr, all in one form: "ijepa: what happened". */
#ifndef IJ_FRONTEND_MESSAGE_H
#define IJ_FRONTEND_MESSAGE_H

#include "engine/base/error.h"

/* Prints "ijepa: ", the message and a newline. */
void ij_complain(const char *format, ...) IJ_PRINTF(1, 2);

#endif
