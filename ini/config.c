/* Reading a configuration: inih splits the lines, the schema gives them a meaning, check.c relates them. */
#include "ini/config.h"

#include "ini/check.h"
#include "ini/findings.h"
#include "ini/presets.h"
#include "ini/schema.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

/* What goes on while a text is read. inih asks `next_line` for lines and calls `on_pair` for each key of them. */
typedef struct reading {
    ij_config *config;
    ij_findings *findings;
    bool bad[IJ_CONFIG_MAX_KEYS]; /* set, but to no valid value */
    const char *text;             /* what is left of it */
    size_t size;
    int line;             /* number of the line that inih has */
    bool expects_pair;    /* that line must turn out to be a key and its value */
    bool section_unknown; /* its keys are not looked at */
} reading;

static const char *here(const reading *r, char *buffer, size_t size)
{
    snprintf(buffer, size, "%s:%d", r->config->path, r->line);
    return buffer;
}

const char *ij_config_where(const ij_config *config, const char *dotted_key, char *buffer, size_t size)
{
    char section[64];
    const char *dot = strchr(dotted_key, '.');
    size_t length = dot ? (size_t)(dot - dotted_key) : 0;
    int index = -1;
    if (dot && length < sizeof section) {
        memcpy(section, dotted_key, length);
        section[length] = '\0';
        index = ij_schema_find(section, dot + 1);
    }
    int origin = index < 0 ? IJ_ORIGIN_DEFAULT : config->origin[index];
    if (origin == IJ_ORIGIN_SET)
        snprintf(buffer, size, "--set");
    else if (origin == IJ_ORIGIN_DEFAULT)
        snprintf(buffer, size, "%s, default", config->path);
    else
        snprintf(buffer, size, "%s:%d", config->path, origin);
    return buffer;
}

/* ---- One value ------------------------------------------------------------------------------------------------- */

static void unknown_key(reading *r, const char *where, const char *section, const char *name)
{
    const ij_key *elsewhere = ij_schema_nearest_key(NULL, name);
    const ij_key *nearest = ij_schema_nearest_key(section, name);
    if (elsewhere && !strcmp(elsewhere->name, name))
        ij_findings_add(r->findings, where, "[%s] has no key %s; it belongs to [%s]", section, name,
                        elsewhere->section);
    else if (nearest)
        ij_findings_add(r->findings, where, "[%s] has no key %s; did you mean %s?", section, name, nearest->name);
    else if (elsewhere)
        ij_findings_add(r->findings, where, "[%s] has no key %s; did you mean %s of [%s]?", section, name,
                        elsewhere->name, elsewhere->section);
    else
        ij_findings_add(r->findings, where, "[%s] has no key %s; `ijepa config --help` lists the keys", section, name);
}

static void assign(reading *r, const char *where, int origin, const char *section, const char *name, const char *value)
{
    int index = ij_schema_find(section, name);
    if (index < 0) {
        unknown_key(r, where, section, name);
        return;
    }
    int before = r->config->origin[index];
    if (origin > 0 && before > 0) {
        ij_findings_add(r->findings, where, "[%s] %s is set a second time; line %d set it first", section, name,
                        before);
        return;
    }
    char why[640];
    r->config->origin[index] = origin;
    r->bad[index] = !ij_key_read(&ij_schema[index], value, r->config, why, sizeof why);
    if (r->bad[index])
        ij_findings_add(r->findings, where, "[%s] %s %s", section, name, why);
}

/* ---- The file -------------------------------------------------------------------------------------------------- */

static int on_pair(void *user, const char *section, const char *name, const char *value)
{
    reading *r = user;
    char where[IJ_CONFIG_TEXT + 16];
    r->expects_pair = false;
    here(r, where, sizeof where);
    if (r->section_unknown)
        return 1;
    if (!*section)
        ij_findings_add(r->findings, where, "%s stands before the first [section]", name);
    else
        assign(r, where, r->line, section, name, value ? value : "");
    return 1; /* errors are collected here, not by inih */
}

static void begin_section(reading *r, const char *line, size_t length)
{
    char where[IJ_CONFIG_TEXT + 16], name[64];
    here(r, where, sizeof where);
    const char *end = memchr(line, ']', length);
    if (!end) {
        ij_findings_add(r->findings, where, "a [section] without its closing bracket");
        return;
    }
    size_t n = (size_t)(end - line) - 1;
    snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), line + 1);
    r->section_unknown = !ij_schema_has_section(name);
    if (!r->section_unknown)
        return;
    const char *nearest = ij_schema_nearest_section(name);
    if (nearest)
        ij_findings_add(r->findings, where, "there is no section [%s]; did you mean [%s]?", name, nearest);
    else
        ij_findings_add(r->findings, where, "there is no section [%s]; `ijepa config --help` lists them", name);
}

/* inih says nothing of a line that is neither section nor pair until it is done: it is noticed here, when the next line
 * is asked for and no pair came of this one. */
static void end_line(reading *r)
{
    char where[IJ_CONFIG_TEXT + 16];
    if (r->expects_pair)
        ij_findings_add(r->findings, here(r, where, sizeof where),
                        "neither a [section], nor key = value, nor a ; comment");
    r->expects_pair = false;
}

/* inih's reader: the next line, as fgets gives it, without indentation (which inih would take for a continuation). */
static char *next_line(char *buffer, int capacity, void *user)
{
    reading *r = user;
    end_line(r);
    if (!r->size)
        return NULL;
    const char *newline = memchr(r->text, '\n', r->size);
    size_t length = newline ? (size_t)(newline - r->text) : r->size;
    const char *line = r->text;
    r->text += length + (newline != NULL);
    r->size -= length + (newline != NULL);
    r->line++;

    while (length && (*line == ' ' || *line == '\t')) {
        line++;
        length--;
    }
    while (length && (line[length - 1] == '\r' || line[length - 1] == ' ' || line[length - 1] == '\t'))
        length--;
    char where[IJ_CONFIG_TEXT + 16];
    if (length + 2 > (size_t)capacity) {
        ij_findings_add(r->findings, here(r, where, sizeof where), "the line is longer than %d characters",
                        capacity - 2);
        length = 0;
    }
    if (length && *line == '[')
        begin_section(r, line, length);
    else
        r->expects_pair = length && *line != ';' && *line != '#';
    memcpy(buffer, line, length);
    buffer[length] = '\n';
    buffer[length + 1] = '\0';
    return buffer;
}

static ij_status read_lines(reading *r)
{
    static const char bom[3] = {'\xef', '\xbb', '\xbf'};
    if (r->size >= sizeof bom && !memcmp(r->text, bom, sizeof bom)) {
        r->text += sizeof bom;
        r->size -= sizeof bom;
    }
    if (memchr(r->text, '\0', r->size))
        return ij_fail(IJ_EINVAL, "%s is no INI file: it holds zero bytes", r->config->path);
#ifdef IJEPA_INIH_RUNTIME
    ini_max_line = 4 * IJ_CONFIG_TEXT; /* 200 where inih has no such variable: long paths do not fit then */
#endif
    if (ini_parse_stream(next_line, r, on_pair, r) == -2)
        return ij_fail(IJ_ENOMEM, "out of memory reading %s", r->config->path);
    return IJ_OK;
}

/* ---- Overrides ------------------------------------------------------------------------------------------------- */

static void apply_set(reading *r, const char *set)
{
    char copy[2 * IJ_CONFIG_TEXT];
    if (strlen(set) >= sizeof copy) {
        ij_findings_add(r->findings, "--set", "the value is longer than %d characters", IJ_CONFIG_TEXT - 1);
        return;
    }
    strcpy(copy, set);
    char *equals = strchr(copy, '=');
    if (!equals) {
        ij_findings_add(r->findings, "--set", "%s has no value: write --set section.key=value", copy);
        return;
    }
    char *value = equals + 1 + strspn(equals + 1, " \t");
    for (char *end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t'); end--)
        end[-1] = '\0';
    *equals = '\0';
    char *dot = strchr(copy, '.');
    if (!dot) {
        const ij_key *nearest = ij_schema_nearest_key(NULL, copy);
        if (nearest)
            ij_findings_add(r->findings, "--set", "%s needs its section: did you mean %s.%s?", copy, nearest->section,
                            nearest->name);
        else
            ij_findings_add(r->findings, "--set", "%s: write --set section.key=value", copy);
        return;
    }
    *dot = '\0';
    if (ij_schema_has_section(copy)) {
        assign(r, "--set", IJ_ORIGIN_SET, copy, dot + 1, value);
        return;
    }
    const char *nearest = ij_schema_nearest_section(copy);
    ij_findings_add(r->findings, "--set", "there is no section %s%s%s%s", copy, nearest ? "; did you mean " : "",
                    nearest ? nearest : "", nearest ? "?" : "");
}

/* ---- The whole ------------------------------------------------------------------------------------------------- */

static void set_defaults(ij_config *config)
{
    char why[640];
    for (int i = 0; i < ij_schema_keys; i++)
        (void)ij_key_read(&ij_schema[i], ij_schema[i].fallback, config, why, sizeof why);
}

ij_status ij_config_parse(ij_config *config, const char *name, const char *text, size_t size, const char *const *sets,
                          int n_sets)
{
    ij_findings *findings = calloc(1, sizeof *findings);
    if (!findings)
        return ij_fail(IJ_ENOMEM, "out of memory reading %s", name);
    memset(config, 0, sizeof *config);
    snprintf(config->path, sizeof config->path, "%s", name);
    set_defaults(config);

    reading r = {.config = config, .findings = findings, .text = text, .size = size};
    ij_status status = read_lines(&r);
    if (!status) {
        for (int i = 0; i < n_sets; i++)
            apply_set(&r, sets[i]);
        ij_config_check(config, r.bad, findings);
        status = ij_findings_status(findings, name);
    }
    free(findings);
    return status;
}

static ij_status read_whole(FILE *file, const char *path, char **text, size_t *size)
{
    enum { LIMIT = 1 << 20 };
    char *buffer = malloc(LIMIT + 1);
    if (!buffer)
        return ij_fail(IJ_ENOMEM, "out of memory reading %s", path);
    errno = 0;
    size_t n = fread(buffer, 1, LIMIT + 1, file);
    if (ferror(file) || n > LIMIT) {
        int error = errno;
        free(buffer);
        if (n > LIMIT)
            return ij_fail(IJ_EINVAL, "%s is no configuration: it is larger than 1 MiB", path);
        return ij_fail(IJ_EIO, "cannot read the configuration %s: %s", path, strerror(error));
    }
    *text = buffer;
    *size = n;
    return IJ_OK;
}

/* Names in *opened the file that it is: `path`, or the preset of that name, which it writes into `preset`. */
static ij_status open_config(const char *path, char *preset, size_t size, const char **opened, FILE **file)
{
    *opened = path;
    *file = fopen(path, "rb");
    int error = errno;
    if (!*file && error == ENOENT && ij_presets_find(path, preset, size)) {
        *opened = preset;
        *file = fopen(preset, "rb");
        error = errno;
    }
    if (*file)
        return IJ_OK;
    bool searched = error == ENOENT && !strchr(path, '/') && ij_presets_folder(preset, size);
    return ij_fail(IJ_EIO, "cannot open the configuration %s: %s%s%s", *opened, strerror(error),
                   searched ? "; nor is there such a preset in " : "", searched ? preset : "");
}

ij_status ij_config_read(ij_config *config, const char *path, const char *const *sets, int n_sets)
{
    char preset[IJ_CONFIG_TEXT];
    FILE *file;
    ij_status opened = open_config(path, preset, sizeof preset, &path, &file);
    if (opened)
        return opened;
    char *text = NULL;
    size_t size = 0;
    ij_status status = read_whole(file, path, &text, &size);
    fclose(file);
    if (!status)
        status = ij_config_parse(config, path, text, size, sets, n_sets);
    free(text);
    return status;
}
