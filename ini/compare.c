/* Whether a run can go on under a configuration: two configurations, key by key, by the schema's flags. */
#include "ini/config.h"
#include "ini/schema.h"

#include <string.h>

static void add_line(char *text, size_t size, const ij_config *now, const ij_key *key, const char *is, const char *was)
{
    char dotted[64], where[IJ_CONFIG_TEXT + 32];
    size_t used = strlen(text);
    snprintf(dotted, sizeof dotted, "%s.%s", key->section, key->name);
    snprintf(text + used, size - used, "\n  [%s] %s = %s (%s), the run's is %s", key->section, key->name,
             *is ? is : "(empty)", ij_config_where(now, dotted, where, sizeof where), *was ? was : "(empty)");
}

int ij_config_compare(const ij_config *run, const ij_config *now, char *contradictions, char *changes, size_t size)
{
    char was[IJ_CONFIG_TEXT + 8], is[IJ_CONFIG_TEXT + 8];
    int count = 0;
    *contradictions = *changes = '\0';
    for (int i = 0; i < ij_schema_keys; i++) {
        const ij_key *key = &ij_schema[i];
        if (key->flags & IJ_FREE)
            continue;
        ij_key_format(key, run, was, sizeof was);
        ij_key_format(key, now, is, sizeof is);
        if (!strcmp(was, is))
            continue;
        bool later = key->flags & IJ_LATER;
        add_line(later ? changes : contradictions, size, now, key, is, was);
        count += !later;
    }
    return count;
}
