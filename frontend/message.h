/* What the program tells people: messages on stderr, all in one form, "ijepa: what happened"; what it does on stdout.
 * How much of it is wanted is set once. */
#ifndef IJ_FRONTEND_MESSAGE_H
#define IJ_FRONTEND_MESSAGE_H

#include "engine/base/error.h"

#include <stdbool.h>

typedef enum ij_log_level { IJ_LOG_ERROR, IJ_LOG_WARNING, IJ_LOG_INFO } ij_log_level;

/* IJ_LOG_INFO, all there is, until set. */
void ij_log_set(ij_log_level most);
/* Who speaks, where there are several: "ijepa: NAME: what happened". */
void ij_log_name(const char *name);
bool ij_log_shows(ij_log_level level);
/* Reads a level's name: error, warning or info. False where it is none. */
bool ij_log_read(const char *name, ij_log_level *level);

/* Prints "ijepa: ", the message and a newline: something failed. */
void ij_complain(const char *format, ...) IJ_PRINTF(1, 2);
/* The same for what is not a failure, where its level is wanted. */
void ij_tell(ij_log_level level, const char *format, ...) IJ_PRINTF(2, 3);
/* Prints on stdout where IJ_LOG_INFO is wanted, nothing added. */
void ij_say(const char *format, ...) IJ_PRINTF(1, 2);

#endif
