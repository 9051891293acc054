/* Reads text lists of paths, and tables (CSV) whose first line is a header that begins with "path". */
#include "data/labels.h"
#include "data/source.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A line's path and label; label.length is 0 where it has none. */
typedef struct part {
    const char *bytes;
    size_t length;
} part;

static bool is_number(part p)
{
    for (size_t i = 0; i < p.length; i++)
        if (p.bytes[i] < '0' || p.bytes[i] > '9')
            return false;
    return p.length > 0;
}

/* The label is what follows the last tab, or the last space where that is a number. */
static void split(part line, part *path, part *label)
{
    *path = line;
    *label = (part){NULL, 0};
    for (size_t i = line.length; i-- > 0;) {
        char c = line.bytes[i];
        part rest = {line.bytes + i + 1, line.length - i - 1};
        if (c == ' ' && !label->length && is_number(rest)) {
            *path = (part){line.bytes, i};
            *label = rest;
        }
        if (c == '\t') {
            *path = (part){line.bytes, i};
            *label = rest;
            return;
        }
    }
}

/* Takes the first field off what is left of a table's line; bytes is NULL where nothing is. */
static part next_field(part *rest)
{
    part first = *rest;
    const char *comma = first.bytes ? memchr(first.bytes, ',', first.length) : NULL;
    *rest = (part){NULL, 0};
    if (comma) {
        *rest = (part){comma + 1, first.length - (size_t)(comma + 1 - first.bytes)};
        first.length = (size_t)(comma - first.bytes);
    }
    return first;
}

/* A field of a table's line; empty where it has no so many. */
static part field(part line, int index)
{
    part found = next_field(&line);
    for (; index > 0; index--)
        found = next_field(&line);
    return found;
}

static bool is_word(part p, const char *word)
{
    return p.length == strlen(word) && memcmp(p.bytes, word, p.length) == 0;
}

/* What a list's lines hold: a path and perhaps a label, or the fields of a table. */
typedef struct form {
    bool table;
    int label; /* the field that is the label; 0: none is */
} form;

/* The form that a first line announces; without a header it is a line like the others. */
static form form_of(part line)
{
    form f = {0};
    part name = next_field(&line);
    f.table = line.bytes && is_word(name, "path");
    for (int i = 1; f.table && !f.label && line.bytes; i++)
        if (is_word(next_field(&line), "label"))
            f.label = i;
    return f;
}

static ij_status bad_line(const char *name, long number, const char *what)
{
    return ij_fail(IJ_EFORMAT, "%s, line %ld: %s", name, number, what);
}

static ij_status add_line(ij_listing *listing, ij_labels *labels, form f, part line, const char *name, long number)
{
    part path, label = {NULL, 0};
    ij_sample sample = {.label = -1};
    if (memchr(line.bytes, 0, line.length))
        return bad_line(name, number, "a zero byte: this is no text");
    if (f.table && line.bytes[0] == '"')
        return bad_line(name, number, "a path in quotes: tables of images have none, so no commas in paths");
    if (!f.table)
        split(line, &path, &label);
    else {
        path = field(line, 0);
        label = f.label ? field(line, f.label) : label;
    }
    while (path.length && path.bytes[path.length - 1] == ' ' && label.length)
        path.length--;
    if (path.length == 0)
        return bad_line(name, number, "a label without a path");
    if (path.length >= PATH_MAX)
        return bad_line(name, number, "a path cannot be so long");
    if (label.length > IJ_LABEL_BYTES)
        return bad_line(name, number, "a label of more than 256 bytes");
    if (listing->sample_count && (listing->samples[0].label >= 0) != (label.length > 0))
        return bad_line(name, number,
                        label.length ? "a label, and none in the lines above" : "no label after the path");
    ij_status status = label.length ? ij_labels_intern(labels, label.bytes, label.length, &sample.label) : IJ_OK;
    if (status)
        return ij_fail_in(status, "%s, line %ld: ", name, number);
    status = ij_listing_add_text(listing, path.bytes, path.length, &sample.name);
    return status ? status : ij_listing_add_sample(listing, sample);
}

static ij_status read_lines(ij_listing *listing, ij_labels *labels, FILE *file, const char *name)
{
    char *text = NULL;
    size_t capacity = 0;
    ij_status status = IJ_OK;
    ssize_t length;
    form f = {0};
    for (long number = 1; !status && (length = getline(&text, &capacity, file)) > 0; number++) {
        part line = {text, (size_t)length};
        if (number == 1 && line.length >= 3 && memcmp(line.bytes, "\xEF\xBB\xBF", 3) == 0)
            line = (part){line.bytes + 3, line.length - 3}; /* the mark that some editors put before UTF-8 */
        if (line.length && line.bytes[line.length - 1] == '\n')
            line.length--;
        if (line.length && line.bytes[line.length - 1] == '\r')
            line.length--;
        if (number == 1)
            f = form_of(line);
        if (line.length && !(number == 1 && f.table))
            status = add_line(listing, labels, f, line, name, number);
    }
    if (!status && ferror(file))
        status = ij_fail(IJ_EIO, "%s: %s", name, strerror(errno));
    free(text);
    return status;
}

ij_status ij_list_read(ij_listing *listing, FILE *file, const char *name)
{
    ij_labels *labels;
    ij_status status = ij_labels_create(&labels);
    if (!status)
        status = read_lines(listing, labels, file, name);
    if (!status && (status = ij_labels_resolve(labels, listing)))
        ij_fail_in(status, "%s: ", name);
    ij_labels_destroy(labels);
    return status;
}

ij_status ij_list_list(ij_listing *listing, const char *root, const char *name)
{
    struct stat info;
    char *path = ij_source_join(root, name);
    FILE *file = path ? fopen(path, "rb") : NULL;
    ij_status status = IJ_OK;
    if (!path)
        status = ij_fail(IJ_ENOMEM, "no memory to read the list %s", name);
    else if (!file || fstat(fileno(file), &info) != 0)
        status = ij_fail(IJ_EIO, "cannot read the list %s: %s", path, strerror(errno));
    listing->kind = IJ_SOURCE_LIST;
    if (!status) /* its path is that of the folder that the lines are relative to */
        status = ij_listing_add_container(listing, "", &info);
    if (!status)
        status = ij_list_read(listing, file, path);
    if (!status && listing->sample_count == 0)
        status = ij_fail(IJ_EFORMAT, "%s is an empty list: it should hold a path a line", path);
    if (file)
        fclose(file);
    free(path);
    return status;
}
