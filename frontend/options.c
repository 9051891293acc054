#include "frontend/options.h"

#include "frontend/message.h"

#include <stdlib.h>
#include <string.h>

bool ij_option_value(const char *name, int argc, char **argv, int *i, const char **value)
{
    size_t length = strlen(name);
    if (strncmp(argv[*i], name, length))
        return false;
    if (argv[*i][length] == '=') {
        *value = argv[*i] + length + 1;
        return true;
    }
    if (argv[*i][length])
        return false;
    *value = *i + 1 < argc ? argv[++*i] : NULL;
    return true;
}

static bool wrong(const char *command, const char *what, const char *argument)
{
    ij_complain("%s %s; see `ijepa %s --help`", what, argument, command);
    return false;
}

static bool read_options(ij_options *options, const char *command, int argc, char **argv, bool run)
{
    memset(options, 0, sizeof *options);
    for (int i = 0; i < argc; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            options->help = true;
            return true;
        }
    options->sets = calloc((size_t)argc + 1, sizeof *options->sets);
    if (!options->sets) {
        ij_complain("out of memory");
        return false;
    }
    for (int i = 0; i < argc; i++) {
        const char *value = NULL;
        if (ij_option_value("--set", argc, argv, &i, &value)) {
            if (!value)
                return wrong(command, "a section.key=value must follow", "--set");
            options->sets[options->n_sets++] = value;
        } else if (ij_option_value("--device", argc, argv, &i, &value)) {
            if (!value)
                return wrong(command, "a device must follow", "--device");
            snprintf(options->device, sizeof options->device, "run.device=%.*s", IJ_CONFIG_TEXT, value);
        } else if (ij_option_value("--tuning", argc, argv, &i, &value)) {
            if (!value)
                return wrong(command, "a file must follow", "--tuning");
            setenv("IJEPA_TUNING", value, 1); /* where the engine looks for its tuning database */
        } else if (run && !strcmp(argv[i], "--quiet")) {
            ij_log_set(IJ_LOG_WARNING);
        } else if (run && ij_option_value("--log-level", argc, argv, &i, &value)) {
            ij_log_level level;
            if (!value || !ij_log_read(value, &level))
                return wrong(command, "error, warning or info must follow", "--log-level");
            ij_log_set(level);
        } else if (run && !strcmp(argv[i], "--resume")) {
            options->resume = true;
        } else if (run && ij_option_value("--init", argc, argv, &i, &options->init)) {
            if (!options->init)
                return wrong(command, "a model's file or folder must follow", "--init");
        } else if (argv[i][0] == '-' && argv[i][1]) {
            return wrong(command, "unknown option", argv[i]);
        } else if (options->path) {
            return wrong(command, "one configuration at a time, not also", argv[i]);
        } else {
            options->path = argv[i];
        }
    }
    if (*options->device) /* last, so that it wins over --set run.device */
        options->sets[options->n_sets++] = options->device;
    if (!options->path) {
        ij_complain("which configuration? Name an INI file; see `ijepa %s --help`", command);
        return false;
    }
    return true;
}

bool ij_options_read(ij_options *options, const char *command, int argc, char **argv)
{
    return read_options(options, command, argc, argv, false);
}

bool ij_options_read_run(ij_options *options, const char *command, int argc, char **argv)
{
    return read_options(options, command, argc, argv, true);
}

void ij_options_free(ij_options *options)
{
    free(options->sets);
    options->sets = NULL;
}

bool ij_options_config(const ij_options *options, ij_config *config)
{
    if (ij_config_read(config, options->path, options->sets, options->n_sets)) {
        ij_complain("%s", ij_error());
        return false;
    }
    for (int i = 0; i < config->n_notes; i++)
        ij_tell(IJ_LOG_INFO, "note: %s", config->notes[i]);
    return true;
}
