#include "engine/tuning_file.h"

#include "engine/base/try.h"
#include "engine/files/whole_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char heading[] = "# Tuning of ijepa-cl: the kernel parameters that tools/autotune measured, for each "
                              "device. The engine reads it when\n"
                              "# it opens the device. A line may be removed; what is not here starts from the "
                              "defaults.\n";

void ij_tuning_file_free(ij_tuning_file *file)
{
    for (int i = 0; i < file->count; i++)
        free(file->blocks[i].lines);
    free(file->blocks);
    memset(file, 0, sizeof *file);
}

/* ---- Blocks and lines -------------------------------------------------------------------------------------------- */

/* Room for one element more in an array of `count`; false where memory is short. */
static bool grow(void **array, int count, size_t size)
{
    void *longer = realloc(*array, (size_t)(count + 1) * size);
    if (!longer)
        return false;
    *array = longer;
    memset((char *)longer + (size_t)count * size, 0, size);
    return true;
}

static ij_tuning_block *add_block(ij_tuning_file *file)
{
    return grow((void **)&file->blocks, file->count, sizeof *file->blocks) ? &file->blocks[file->count++] : NULL;
}

static ij_tuning_line *add_line(ij_tuning_block *block)
{
    return grow((void **)&block->lines, block->count, sizeof *block->lines) ? &block->lines[block->count++] : NULL;
}

ij_tuning_block *ij_tuning_file_find(ij_tuning_file *file, const char *device, const char *driver)
{
    for (int i = 0; i < file->count; i++) {
        ij_tuning_block *b = &file->blocks[i];
        if (!strcmp(b->device, device) && !strcmp(b->driver, driver))
            return b;
    }
    return NULL;
}

ij_tuning_block *ij_tuning_file_make(ij_tuning_file *file, const char *device, const char *driver)
{
    ij_tuning_block *b = ij_tuning_file_find(file, device, driver);
    if (b || !(b = add_block(file)))
        return b;
    snprintf(b->device, sizeof b->device, "%s", device);
    snprintf(b->driver, sizeof b->driver, "%s", driver);
    return b;
}

const char *ij_tuning_block_get(const ij_tuning_block *block, const char *key)
{
    for (int i = 0; i < block->count; i++)
        if (!strcmp(block->lines[i].key, key))
            return block->lines[i].value;
    return NULL;
}

ij_status ij_tuning_block_set(ij_tuning_block *block, const char *key, const char *value, const char *remark)
{
    int i = 0;
    while (i < block->count && strcmp(block->lines[i].key, key) != 0)
        i++;
    ij_tuning_line *line = i < block->count ? &block->lines[i] : add_line(block);
    if (!line)
        return ij_fail(IJ_ENOMEM, "out of memory for the tuning database");
    snprintf(line->key, sizeof line->key, "%s", key);
    snprintf(line->value, sizeof line->value, "%s", value);
    snprintf(line->remark, sizeof line->remark, "%s", remark ? remark : "");
    return IJ_OK;
}

static bool starts_with(const char *text, const char *word)
{
    size_t length = strlen(word);
    return strncmp(text, word, length) == 0 && (text[length] == 0 || text[length] == ' ');
}

void ij_tuning_block_remove(ij_tuning_block *block, const char *key, const char *value)
{
    int kept = 0;
    for (int i = 0; i < block->count; i++)
        if (!starts_with(block->lines[i].key, key) || !starts_with(block->lines[i].value, value))
            block->lines[kept++] = block->lines[i];
    block->count = kept;
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

static char *trim(char *text)
{
    text += strspn(text, " \t\r\n");
    size_t n = strlen(text);
    while (n && strchr(" \t\r\n", text[n - 1]))
        text[--n] = 0;
    return text;
}

static ij_status keep_text(ij_tuning_block *block, const char *text)
{
    ij_tuning_line *line = add_line(block);
    if (!line)
        return ij_fail(IJ_ENOMEM, "out of memory for the tuning database");
    snprintf(line->value, sizeof line->value, "%s", text);
    return IJ_OK;
}

/* A line within a block. */
static ij_status read_line(ij_tuning_block *block, char *text)
{
    char *colon = strchr(text, ':');
    if (*text == '#' || !colon || colon == text)
        return keep_text(block, text);
    *colon = 0;
    char *hash = strchr(colon + 1, '#'), *remark = "";
    if (hash) {
        *hash = 0;
        remark = trim(hash + 1);
    }
    char *key = trim(text), *value = trim(colon + 1);
    if (!strcmp(key, "driver"))
        snprintf(block->driver, sizeof block->driver, "%s", value);
    else
        return ij_tuning_block_set(block, key, value, remark);
    return IJ_OK;
}

static ij_status read_lines(ij_tuning_file *file, FILE *in)
{
    char text[1024];
    ij_tuning_block *block = NULL;
    while (fgets(text, sizeof text, in)) {
        char *line = trim(text), *end = strrchr(line, ']');
        if (*line == '[' && end) {
            *end = 0;
            if (!(block = add_block(file)))
                return ij_fail(IJ_ENOMEM, "out of memory for the tuning database");
            snprintf(block->device, sizeof block->device, "%s", line + 1);
        } else if (block && *line) {
            TRY(read_line(block, line));
        }
    }
    return IJ_OK;
}

ij_status ij_tuning_file_read(ij_tuning_file *file, const char *path)
{
    memset(file, 0, sizeof *file);
    FILE *in = fopen(path, "r");
    if (!in)
        return errno == ENOENT ? IJ_OK : ij_fail(IJ_EIO, "%s: %s", path, strerror(errno));
    errno = 0;
    ij_status status = read_lines(file, in);
    if (!status && ferror(in))
        status = ij_fail(IJ_EIO, "%s: cannot read the tuning database: %s", path, strerror(errno));
    fclose(in);
    return status;
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

static void print(const ij_tuning_file *file, FILE *out)
{
    fputs(heading, out);
    for (int i = 0; i < file->count; i++) {
        const ij_tuning_block *b = &file->blocks[i];
        fprintf(out, "\n[%s]\ndriver: %s\n", b->device, b->driver);
        for (int j = 0; j < b->count; j++) {
            const ij_tuning_line *l = &b->lines[j];
            if (!*l->key)
                fprintf(out, "%s\n", l->value);
            else
                fprintf(out, "%s: %s%s%s\n", l->key, l->value, *l->remark ? "  # " : "", l->remark);
        }
    }
}

static void make_folders(const char *path)
{
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(folder, 0777); /* where it fails, opening the file says why */
        *slash = '/';
    }
}

/* All of the file as text, malloc'ed; NULL where memory is short. */
static char *text_of(const ij_tuning_file *file, size_t *bytes)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, bytes);
    if (!out)
        return NULL;
    print(file, out);
    bool good = !ferror(out);
    if (fclose(out) == 0 && good)
        return text;
    free(text);
    return NULL;
}

ij_status ij_tuning_file_write(const ij_tuning_file *file, const char *path)
{
    size_t bytes;
    char *text = text_of(file, &bytes);
    if (!text)
        return ij_fail(IJ_ENOMEM, "out of memory for the tuning database");
    make_folders(path);
    ij_whole_file *whole;
    ij_status status = ij_whole_file_create(&whole, path);
    if (!status) {
        status = ij_whole_file_write(whole, text, bytes);
        if (status)
            ij_whole_file_abandon(whole);
        else
            status = ij_whole_file_finish(whole);
    }
    free(text);
    return status ? ij_fail_in(status, "the tuning database: ") : IJ_OK;
}
