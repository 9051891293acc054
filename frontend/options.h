/* The command line of the subcommands that take a configuration: CONFIG.ini [--set section.key=value]... [--device D]
 * [--tuning FILE], and for some [--resume] [--init FILE] [--quiet] [--log-level L], which set how much is told. */
#ifndef IJ_FRONTEND_OPTIONS_H
#define IJ_FRONTEND_OPTIONS_H

#include "ini/config.h"

#include <stdbool.h>

typedef struct ij_options {
    const char *path;  /* of the configuration */
    const char **sets; /* "section.key=value", in the order of the command line; --device is one of them */
    int n_sets;
    char device[IJ_CONFIG_TEXT + 16];
    bool resume;
    const char *init;
    bool help; /* asked for: nothing else is looked at */
} ij_options;

/* Whether argument *i is `name`; its value is what follows, as "--name value" or "--name=value", and *i is moved past
 * it. A missing value sets *value to NULL. */
bool ij_option_value(const char *name, int argc, char **argv, int *i, const char **value);

/* Reads the arguments; they must outlive the options. On wrong usage complains and returns false. `command` is the
 * subcommand's name for messages. ij_options_free is due in any case. */
bool ij_options_read(ij_options *options, const char *command, int argc, char **argv);
/* The same with --resume, --init, --quiet and --log-level. */
bool ij_options_read_run(ij_options *options, const char *command, int argc, char **argv);
void ij_options_free(ij_options *options);

/* Reads the configuration that the options name and prints its notes. Complains and returns false on failure. */
bool ij_options_config(const ij_options *options, ij_config *config);

#endif
