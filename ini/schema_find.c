/* Finding rows of the schema by name, exactly or by the least edit distance. */
#include "ini/schema.h"

#include <string.h>

int ij_schema_find(const char *section, const char *name)
{
    for (int i = 0; i < ij_schema_keys; i++)
        if (!strcmp(ij_schema[i].section, section) && !strcmp(ij_schema[i].name, name))
            return i;
    return -1;
}

bool ij_schema_has_section(const char *section)
{
    for (int i = 0; i < ij_schema_keys; i++)
        if (!strcmp(ij_schema[i].section, section))
            return true;
    return false;
}

/* Levenshtein's distance; names longer than the row are far from everything. */
static int distance(const char *a, const char *b)
{
    enum { LONGEST = 64 };
    size_t na = strlen(a), nb = strlen(b);
    if (na > LONGEST || nb > LONGEST)
        return LONGEST;
    int row[LONGEST + 1];
    for (size_t j = 0; j <= nb; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= na; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= nb; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[nb];
}

/* A suggestion helps only while most of the word is right. */
static bool near_enough(int d, const char *name)
{
    int length = (int)strlen(name);
    return d <= 2 ? d < length : d <= length / 3;
}

const char *ij_schema_nearest_section(const char *section)
{
    const char *best = NULL;
    int least = 0;
    for (int i = 0; i < ij_schema_keys; i++) {
        int d = distance(section, ij_schema[i].section);
        if (!best || d < least) {
            best = ij_schema[i].section;
            least = d;
        }
    }
    return near_enough(least, section) ? best : NULL;
}

const ij_key *ij_schema_nearest_key(const char *section, const char *name)
{
    const ij_key *best = NULL;
    int least = 0;
    for (int i = 0; i < ij_schema_keys; i++) {
        if (section && strcmp(section, ij_schema[i].section))
            continue;
        int d = distance(name, ij_schema[i].name);
        if (!best || d < least) {
            best = &ij_schema[i];
            least = d;
        }
    }
    return best && near_enough(least, name) ? best : NULL;
}
