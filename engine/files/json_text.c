#include "engine/files/json_text.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 16, MAX_VALUES = 1 << 20 };

/* Bytes of the character that begins at s, n bytes before the end: well-formed UTF-8 (RFC 3629), no control character
 * other than JSON's white space (RFC 8259); 0 where there is none such. */
static size_t character(const unsigned char *s, size_t n)
{
    unsigned char c = s[0];
    if (c < 0x80)
        return c >= 0x20 || c == '\t' || c == '\n' || c == '\r';
    size_t bytes = c >= 0xC2 && c <= 0xDF ? 2 : (c & 0xF0) == 0xE0 ? 3 : c >= 0xF0 && c <= 0xF4 ? 4 : 0;
    if (bytes == 0 || n < bytes)
        return 0;
    if ((c == 0xE0 && s[1] < 0xA0) || (c == 0xED && s[1] > 0x9F) || (c == 0xF0 && s[1] < 0x90) ||
        (c == 0xF4 && s[1] > 0x8F))
        return 0; /* overlong, a surrogate, or beyond U+10FFFF */
    for (size_t i = 1; i < bytes; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    return bytes;
}

static bool valid_text(const unsigned char *s, size_t n)
{
    for (size_t i = 0, bytes; i < n; i += bytes)
        if ((bytes = character(s + i, n - i)) == 0)
            return false;
    return true;
}

void ij_text_make_valid(char *text)
{
    size_t n = strlen(text), bytes;
    for (size_t i = 0; i < n; i += bytes)
        if ((bytes = character((unsigned char *)text + i, n - i)) == 0) {
            text[i] = '?';
            bytes = 1;
        }
}

/* Why cJSON should not be given this text; NULL where it may. A value begins after each '{', '[', ',' and ':' outside
 * strings, so that counting those bounds what cJSON allocates whatever the text is. */
static const char *refusal(const char *text, size_t length)
{
    size_t values = 1;
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (quoted) {
            if (c == '\\') {
                if (length - i > 5 && memcmp(text + i + 1, "u0000", 5) == 0)
                    return "holds a zero character";
                i++;
            }
            quoted = c != '"';
            continue;
        }
        quoted = c == '"';
        values += c == '{' || c == '[' || c == ',';
        depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
        if (depth > MAX_DEPTH)
            return "is nested deeper than any such text";
        if (values > MAX_VALUES)
            return "holds more than a million values";
    }
    return NULL;
}

ij_status ij_json_parse(cJSON **object, const char *what, const char *text, size_t length)
{
    *object = NULL;
    if (length == 0 || !valid_text((const unsigned char *)text, length))
        return ij_fail(IJ_EFORMAT, "%s is not JSON text in UTF-8", what);
    const char *reason = refusal(text, length);
    if (reason)
        return ij_fail(IJ_EFORMAT, "%s %s", what, reason);
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(text, length, &end, 0);
    bool whole = cJSON_IsObject(root);
    for (; whole && end < text + length; end++)
        whole = *end == ' ' || *end == '\n' || *end == '\r' || *end == '\t';
    if (!whole) {
        cJSON_Delete(root);
        return ij_fail(IJ_EFORMAT, "%s is not a valid JSON object (near byte %td of it)", what, end ? end - text : 0);
    }
    *object = root;
    return IJ_OK;
}

static int by_text(const void *a, const void *b)
{
    const char *const *s = a, *const *t = b;
    return strcmp(*s, *t);
}

ij_status ij_json_unique(const cJSON *object, const char *what)
{
    size_t n = 0;
    const cJSON *item;
    const char **names = malloc(((size_t)cJSON_GetArraySize(object) + 1) * sizeof *names);
    if (!names)
        return ij_fail(IJ_ENOMEM, "%s: no memory to check its names", what);
    cJSON_ArrayForEach(item, object) names[n++] = item->string;
    qsort(names, n, sizeof *names, by_text);
    ij_status status = IJ_OK;
    for (size_t i = 1; i < n && !status; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            status = ij_fail(IJ_EFORMAT, "%s has two entries named %s", what, names[i]);
    free(names);
    return status;
}

bool ij_json_whole(const cJSON *item, int64_t *value)
{
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble > 9007199254740992.0)
        return false;
    *value = (int64_t)item->valuedouble;
    return (double)*value == item->valuedouble;
}
