/* One key's value: from text, to text, and in words. Strict: a value is read whole or refused with the reason. */
#include "ini/config.h"
#include "ini/schema.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool in_range(const ij_key *key, double v)
{
    bool above = key->flags & IJ_OPEN_MIN ? v > key->min : v >= key->min;
    bool below = key->flags & IJ_OPEN_MAX ? v < key->max : v <= key->max;
    return above && below; /* false for NaN */
}

static void describe_range(const ij_key *key, char *text, size_t size)
{
    const char *above = key->flags & IJ_OPEN_MIN ? "above" : "at least";
    const char *below = key->flags & IJ_OPEN_MAX ? "below" : "at most";
    snprintf(text, size, "%s %.15g, %s %.15g", above, key->min, below, key->max);
}

void ij_key_describe(const ij_key *key, char *text, size_t size)
{
    char range[96];
    describe_range(key, range, sizeof range);
    switch (key->type) {
    case IJ_KEY_INT:
    case IJ_KEY_LONG:
        snprintf(text, size, "%sa whole number, %s", key->flags & IJ_AUTO ? "auto, or " : "", range);
        break;
    case IJ_KEY_BYTES:
        snprintf(text, size, "a number of bytes, such as 6G or 512M");
        break;
    case IJ_KEY_REAL:
        snprintf(text, size, "a number, %s", range);
        break;
    case IJ_KEY_PAIR:
        snprintf(text, size, "two numbers%s, %s", key->flags & IJ_ASCENDING ? ", the smaller first" : "", range);
        break;
    case IJ_KEY_BOOL:
        snprintf(text, size, "true or false");
        break;
    case IJ_KEY_TEXT:
        snprintf(text, size, "text");
        break;
    case IJ_KEY_CHOICE: {
        size_t used = (size_t)snprintf(text, size, "one of");
        for (const char *const *c = key->choices; *c && used < size; c++)
            used += (size_t)snprintf(text + used, size - used, "%s %s", c == key->choices ? "" : ",", *c);
        break;
    }
    }
}

static const char *skip_space(const char *s)
{
    while (*s == ' ' || *s == '\t')
        s++;
    return s;
}

/* strtod also takes "nan", "inf" and hexadecimal: only decimal numbers are meant here. */
static bool read_real(const char **text, double *value)
{
    const char *s = skip_space(*text);
    size_t length = strspn(s, "+-.0123456789eE");
    if (!length)
        return false;
    char *end;
    *value = strtod(s, &end);
    if (end != s + length || !isfinite(*value))
        return false;
    *text = skip_space(end);
    return true;
}

static bool read_long(const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno || end == text || *skip_space(end))
        return false;
    *value = v;
    return true;
}

static const char units[] = "KMGT";

/* "6G", "1.5G", "4096". */
static bool read_bytes(const char *text, int64_t *value)
{
    char *end;
    double v = strtod(text, &end);
    if (end == text || strspn(text, "0123456789.") != (size_t)(end - text) || !isfinite(v))
        return false;
    const char *unit = *end ? strchr(units, *end) : NULL;
    for (int i = 0; unit && i <= unit - units; i++)
        v *= 1024;
    if (*skip_space(end + (unit != NULL)) || v >= 9e15)
        return false;
    *value = (int64_t)v;
    return true;
}

/* "0.15, 0.2", "0.15 0.2" or, as in YAML, "[0.15, 0.2]". */
static bool read_pair(const char *text, double value[2])
{
    const char *s = skip_space(text);
    bool bracket = *s == '[';
    if (bracket)
        s++;
    if (!read_real(&s, &value[0]))
        return false;
    if (*s == ',')
        s++;
    if (!read_real(&s, &value[1]))
        return false;
    if (bracket && *s++ != ']')
        return false;
    return !*skip_space(s);
}

static bool read_bool(const char *text, bool *value)
{
    static const char *const names[2][4] = {{"false", "no", "off", "0"}, {"true", "yes", "on", "1"}};
    for (int v = 0; v < 2; v++)
        for (int i = 0; i < 4; i++)
            if (!strcasecmp(text, names[v][i])) {
                *value = v;
                return true;
            }
    return false;
}

/* Text may stand in double quotes. What could not be written to a file and read back is refused. */
static bool read_text(const char *text, char *value, char *why, size_t why_size)
{
    size_t length = strlen(text);
    if (length >= 2 && text[0] == '"' && text[length - 1] == '"') {
        text++;
        length -= 2;
    }
    if (length >= IJ_CONFIG_TEXT) {
        snprintf(why, why_size, "is longer than %d characters", IJ_CONFIG_TEXT - 1);
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        bool comment = text[i] == ';' && (i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t');
        if ((unsigned char)text[i] < ' ' || comment) {
            snprintf(why, why_size, "holds a control character, or a ';' that would begin a comment");
            return false;
        }
    }
    memcpy(value, text, length);
    value[length] = '\0';
    return true;
}

static bool read_choice(const ij_key *key, const char *text, int *value)
{
    for (int i = 0; key->choices[i]; i++)
        if (!strcmp(text, key->choices[i])) {
            *value = i;
            return true;
        }
    return false;
}

bool ij_key_read(const ij_key *key, const char *text, void *config, char *why, size_t why_size)
{
    void *place = (char *)config + key->offset;
    char expected[256];
    ij_key_describe(key, expected, sizeof expected);
    snprintf(why, why_size, "= %.200s: %s is expected", text, expected);
    if (!*text && key->type != IJ_KEY_TEXT)
        snprintf(why, why_size, "has no value: %s is expected", expected);

    switch (key->type) {
    case IJ_KEY_INT:
    case IJ_KEY_LONG: {
        int64_t v = 0;
        bool is_auto = key->flags & IJ_AUTO && strcmp(text, "auto") == 0;
        if (!is_auto && (!read_long(text, &v) || !in_range(key, (double)v)))
            return false;
        if (key->type == IJ_KEY_INT)
            *(int *)place = (int)v;
        else
            *(int64_t *)place = v;
        return true;
    }
    case IJ_KEY_BYTES:
        return read_bytes(text, place);
    case IJ_KEY_REAL: {
        double v;
        const char *s = text;
        if (!read_real(&s, &v) || *s || !in_range(key, v))
            return false;
        *(double *)place = v;
        return true;
    }
    case IJ_KEY_PAIR: {
        double v[2];
        if (!read_pair(text, v) || !in_range(key, v[0]) || !in_range(key, v[1]))
            return false;
        if (key->flags & IJ_ASCENDING && v[1] < v[0])
            return false;
        memcpy(place, v, sizeof v);
        return true;
    }
    case IJ_KEY_BOOL:
        return read_bool(text, place);
    case IJ_KEY_TEXT:
        return read_text(text, place, why, why_size);
    case IJ_KEY_CHOICE:
        return read_choice(key, text, place);
    }
    return false;
}

/* The shortest decimal that reads back as the same double. */
static int format_real(double v, char *text, size_t size)
{
    int n = 0;
    for (int digits = 6; digits <= 17; digits++) {
        n = snprintf(text, size, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    return n;
}

/* In the largest unit that it is a whole number of. */
static void format_bytes(int64_t bytes, char *text, size_t size)
{
    int unit = -1;
    while (bytes && bytes % 1024 == 0 && units[unit + 1]) {
        bytes /= 1024;
        unit++;
    }
    char suffix[2] = {unit < 0 ? '\0' : units[unit], '\0'};
    snprintf(text, size, "%lld%s", (long long)bytes, suffix);
}

void ij_key_format(const ij_key *key, const void *config, char *text, size_t size)
{
    const void *place = (const char *)config + key->offset;
    char a[40], b[40];
    switch (key->type) {
    case IJ_KEY_INT:
        if (key->flags & IJ_AUTO && *(const int *)place == 0)
            snprintf(text, size, "auto");
        else
            snprintf(text, size, "%d", *(const int *)place);
        break;
    case IJ_KEY_BYTES:
        format_bytes(*(const int64_t *)place, text, size);
        break;
    case IJ_KEY_LONG:
        snprintf(text, size, "%lld", (long long)*(const int64_t *)place);
        break;
    case IJ_KEY_REAL:
        format_real(*(const double *)place, text, size);
        break;
    case IJ_KEY_PAIR:
        format_real(((const double *)place)[0], a, sizeof a);
        format_real(((const double *)place)[1], b, sizeof b);
        snprintf(text, size, "%s, %s", a, b);
        break;
    case IJ_KEY_BOOL:
        snprintf(text, size, "%s", *(const bool *)place ? "true" : "false");
        break;
    case IJ_KEY_TEXT:
        snprintf(text, size, "%s", (const char *)place);
        break;
    case IJ_KEY_CHOICE:
        snprintf(text, size, "%s", key->choices[*(const int *)place]);
        break;
    }
}
