/* A configuration, or the reference of all its keys, as an INI text with comments. */
#include "ini/config.h"
#include "ini/schema.h"

#include <string.h>

static void print_section(const ij_key *key, const ij_key *previous, FILE *out)
{
    if (!previous || strcmp(key->section, previous->section))
        fprintf(out, "%s[%s]\n", previous ? "\n" : "", key->section);
}

static const char *origin_mark(int origin, char *buffer, size_t size)
{
    if (origin == IJ_ORIGIN_DEFAULT)
        return "default";
    if (origin == IJ_ORIGIN_SET)
        return "--set";
    snprintf(buffer, size, "line %d", origin);
    return buffer;
}

/* What fixes the key instead, so that it may not be set; NULL: nothing does. */
static const char *fixed_by(const ij_key *key, const ij_config *config)
{
    if (key->flags & IJ_CUSTOM && config->meta.model_name != IJ_CONFIG_CUSTOM)
        return "of the model";
    return config->optimization.ema_horizon > 0 && !strcmp(key->name, "ema") ? "ema_horizon counts" : NULL;
}

void ij_config_print(const ij_config *config, FILE *out)
{
    char value[IJ_CONFIG_TEXT + 8], mark[32];
    fprintf(out,
            "; %s, with every default filled in. A comment follows each value: where it comes from, what it is.\n\n",
            config->path);
    for (int i = 0; i < ij_schema_keys; i++) {
        const ij_key *key = &ij_schema[i];
        print_section(key, i ? key - 1 : NULL, out);
        ij_key_format(key, config, value, sizeof value);
        const char *fixed = fixed_by(key, config);
        char line[IJ_CONFIG_TEXT + 80];
        snprintf(line, sizeof line, "%s%s = %s", fixed ? "; " : "", key->name, value);
        fprintf(out, "%-34s ; %s: %s\n", line, fixed ? fixed : origin_mark(config->origin[i], mark, sizeof mark),
                key->help);
    }
}

void ij_config_print_values(const ij_config *config, FILE *out)
{
    char value[IJ_CONFIG_TEXT + 8];
    for (int i = 0; i < ij_schema_keys; i++) {
        const ij_key *key = &ij_schema[i];
        print_section(key, i ? key - 1 : NULL, out);
        ij_key_format(key, config, value, sizeof value);
        if (!fixed_by(key, config))
            fprintf(out, "%s = %s\n", key->name, value);
    }
}

void ij_config_print_keys(FILE *out)
{
    char accepts[256];
    for (int i = 0; i < ij_schema_keys; i++) {
        const ij_key *key = &ij_schema[i];
        print_section(key, i ? key - 1 : NULL, out);
        ij_key_describe(key, accepts, sizeof accepts);
        fprintf(out, "  %s = %s\n      %s\n      (%s)\n", key->name, *key->fallback ? key->fallback : "(empty)",
                key->help, accepts);
    }
}
