#include "engine/tuning_db.h"

#include "engine/base/try.h"
#include "engine/program.h"
#include "engine/tuning_file.h"

#include <clblast_c.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

bool ij_tuning_db_path(char *path, size_t size)
{
    const char *own = getenv("IJEPA_TUNING"), *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (own && strcmp(own, "off") == 0)
        return false;
    if (own && *own)
        snprintf(path, size, "%s", own);
    else if (xdg && *xdg)
        snprintf(path, size, "%s/ijepa-cl/tuning.txt", xdg);
    else if (home && *home)
        snprintf(path, size, "%s/.local/share/ijepa-cl/tuning.txt", home);
    else
        return false;
    return true;
}

/* ---- Lines as text ----------------------------------------------------------------------------------------------- */

void ij_tuned_print(const ij_tuned *tuned, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "%s%s", tuned->of->name, tuned->of->count ? " " : "");
    if (used < size)
        ij_choice_print(tuned->of, &tuned->choice, text + used, size - used);
}

const char *ij_tuned_parse(ij_group group, const char *text, ij_tuned *tuned)
{
    size_t name = strcspn(text, " ");
    tuned->of = ij_implementation_named(group, text, name);
    return tuned->of ? ij_choice_parse(tuned->of, text + name, &tuned->choice) : "no implementation of this name";
}

/* "gemm 1152 384"; a shape of zeros is not written. */
static void print_key(ij_group group, const int shape[2], char *key, size_t size)
{
    int used = snprintf(key, size, "%s", ij_group_name(group));
    for (int i = 0; i < 2 && shape[i]; i++)
        used += snprintf(key + used, size - (size_t)used, " %d", shape[i]);
}

/* The group and shape of "gemm 1152 384"; false where that is none. */
static bool parse_key(const char *key, ij_group *group, int shape[2])
{
    size_t name = strcspn(key, " ");
    for (int g = 0; g < IJ_GROUPS; g++) {
        const char *known = ij_group_name((ij_group)g);
        if (strlen(known) != name || strncmp(known, key, name) != 0)
            continue;
        char *end;
        *group = (ij_group)g;
        shape[0] = (int)strtol(key + name, &end, 10);
        shape[1] = (int)strtol(end, &end, 10);
        return *end == 0;
    }
    return false;
}

static void print_sources_key(const ij_implementation *of, char *key, size_t size)
{
    snprintf(key, size, "sources %s %s", ij_group_name(of->group), of->name);
}

static void print_sources(const ij_device *device, const ij_implementation *of, char *text, size_t size)
{
    snprintf(text, size, "%016llx", (unsigned long long)ij_tuning_db_sources(device, of));
}

/* ---- What kernels are made of ------------------------------------------------------------------------------------ */

/* A file that cannot be read counts by its name alone; no kernel can be made of it. */
static uint64_t add_source(const char *file, uint64_t hash)
{
    char *text;
    hash = XXH64(file, strlen(file), hash);
    if (ij_kernel_source_read(file, &text))
        return hash;
    hash = XXH64(text, strlen(text), hash);
    free(text);
    return hash;
}

uint64_t ij_tuning_db_sources(const ij_device *device, const ij_implementation *of)
{
    const ij_implementation *common = of->common;
    uint64_t hash = XXH64(of->name, strlen(of->name), 0);
    if (common) {
        char shared[128];
        ij_choice_print(common, ij_choice_for(&device->tuning, common, 0, 0), shared, sizeof shared);
        hash = XXH64(shared, strlen(shared), hash);
    }
    for (int i = 0; i < IJ_MOST_BEFORE && ij_common_of(of)->before[i]; i++)
        hash = add_source(ij_common_of(of)->before[i], hash);
    for (int i = 0; i < IJ_MOST_SOURCES && of->sources[i]; i++)
        hash = add_source(of->sources[i], hash);
    return hash;
}

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* ---- Loading ----------------------------------------------------------------------------------------------------- */

IJ_PRINTF(2, 3) static void note(ij_device *device, const char *format, ...)
{
    char text[768];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t used = device->notes ? strlen(device->notes) : 0;
    char *longer = realloc(device->notes, used + strlen(text) + 2);
    if (!longer)
        return;
    sprintf(longer + used, "%s%s", used ? "\n" : "", text);
    device->notes = longer;
}

/* What loading one block needs. */
typedef struct loading {
    ij_device *device;
    const char *path;
    const ij_tuning_block *block;
    int left_out[IJ_MOST_IMPLEMENTATIONS]; /* stale lines, in the table's order */
} loading;

/* A choice that others begin with and that is not possible beside the common one gives way to the largest values that
 * are. */
static void make_legal(ij_tuning *t, const ij_implementation *of)
{
    ij_choice *start = ij_tuning_start_of(t, of);
    if (!ij_choice_illegal(t, of, start))
        return;
    ij_choice choice = ij_choice_first(of);
    do {
        if (!ij_choice_illegal(t, of, &choice))
            *start = choice;
    } while (ij_choice_next(of, &choice));
}

void ij_tuning_db_set_common(ij_device *device, const ij_implementation *common, const ij_choice *choice)
{
    ij_tuning *t = &device->tuning;
    *ij_tuning_start_of(t, common) = *choice;
    t->tuned_count = 0;
    for (const ij_implementation *const *i = ij_implementations; *i; i++)
        if ((*i)->common == common)
            make_legal(t, *i);
}

static bool is_stale(const loading *l, const ij_implementation *of)
{
    char key[64], now[32];
    print_sources_key(of, key, sizeof key);
    print_sources(l->device, of, now, sizeof now);
    const char *then = ij_tuning_block_get(l->block, key);
    return of->group != IJ_GROUP_DEVICE && (!then || strcmp(then, now) != 0);
}

static void put_line(loading *l, const ij_tuning_line *line, ij_group group, const int shape[2])
{
    ij_tuning *t = &l->device->tuning;
    ij_tuned tuned = {.shape = {shape[0], shape[1]}};
    const char *why = ij_tuned_parse(group, line->value, &tuned);
    if (tuned.of && !ij_tuning_allows(t, tuned.of))
        return;
    if (tuned.of && is_stale(l, tuned.of)) {
        int i = 0;
        while (ij_implementations[i] != tuned.of)
            i++;
        l->left_out[i]++;
        return;
    }
    if (!why)
        why = ij_choice_illegal(t, tuned.of, &tuned.choice);
    if (why)
        note(l->device, "%s: \"%s: %s\" is ignored: %s", l->path, line->key, line->value, why);
    else if (group == IJ_GROUP_DEVICE)
        ij_tuning_db_set_common(l->device, tuned.of, &tuned.choice);
    else
        ij_tuning_put(t, tuned); /* where memory is short the default serves */
}

ij_status ij_tuning_db_override_clblast(const ij_device *device, const char *kernel, const char *parameters)
{
    enum { MOST = 32 };
    char text[256], *names[MOST], *rest = text;
    size_t values[MOST], count = 0;
    snprintf(text, sizeof text, "%s", parameters);
    while (*(rest += strspn(rest, " ")) && count < MOST) {
        char *equals = strchr(rest, '=');
        if (!equals)
            return ij_fail(IJ_EINVAL, "CLBlast's parameters are NAME=value ..., not \"%s\"", parameters);
        *equals = 0;
        names[count] = rest;
        values[count++] = strtoul(equals + 1, &rest, 10);
    }
    CLBlastStatusCode code =
        CLBlastOverrideParameters(device->id, kernel, CLBlastPrecisionSingle, count, (const char **)names, values);
    if (code == CLBlastSuccess)
        return IJ_OK;
    return ij_fail(IJ_EINVAL, "CLBlast refuses the parameters of its kernel %s (error %d)", kernel, (int)code);
}

static void load_clblast_parameters(loading *l, const char *kernel, const ij_tuning_line *line)
{
    if (ij_tuning_db_override_clblast(l->device, kernel, line->value))
        note(l->device, "%s: \"%s\" is ignored: %s", l->path, line->key, ij_error());
}

static void load_line(loading *l, const ij_tuning_line *line)
{
    ij_group group;
    int shape[2];
    if (!*line->key || starts(line->key, "sources ") || strcmp(line->key, "device") == 0)
        return;
    if (starts(line->key, "clblast "))
        load_clblast_parameters(l, line->key + strlen("clblast "), line);
    else if (parse_key(line->key, &group, shape))
        put_line(l, line, group, shape);
    else
        note(l->device, "%s: \"%s\" is ignored: no kernels of this name", l->path, line->key);
}

/* Blocks of earlier versions say of which family of kernels they are. */
static bool is_old(const ij_tuning_block *block)
{
    return ij_tuning_block_get(block, "family") != NULL;
}

static void load_block(ij_device *device, const char *path, const ij_tuning_block *block)
{
    loading l = {.device = device, .path = path, .block = block};
    static const int none[2];
    if (is_old(block)) {
        note(device,
             "%s: the tuning of this device was written by an earlier version and is ignored: run autotune again",
             path);
        return;
    }
    for (int i = 0; i < block->count; i++) /* what is common comes first: others are legal, or not, beside it */
        if (strcmp(block->lines[i].key, "device") == 0)
            put_line(&l, &block->lines[i], IJ_GROUP_DEVICE, none);
    for (int i = 0; i < block->count; i++)
        load_line(&l, &block->lines[i]);
    for (int i = 0; ij_implementations[i]; i++)
        if (l.left_out[i])
            note(device,
                 "%s: %d line%s of %s %s %s stale (the kernels have changed since) and ignored: run autotune again",
                 path, l.left_out[i], l.left_out[i] == 1 ? "" : "s", ij_group_name(ij_implementations[i]->group),
                 ij_implementations[i]->name, l.left_out[i] == 1 ? "is" : "are");
}

void ij_tuning_db_load(ij_device *device)
{
    char path[4096];
    ij_tuning_file file;
    if (!ij_tuning_db_path(path, sizeof path))
        return;
    if (ij_tuning_file_read(&file, path)) {
        note(device, "the tuning database is ignored: %s", ij_error());
    } else {
        const ij_tuning_block *block = ij_tuning_file_find(&file, device->info.name, device->info.driver);
        if (block)
            load_block(device, path, block);
        for (int i = 0; i < file.count && !block; i++)
            if (strcmp(file.blocks[i].device, device->info.name) == 0) {
                note(device,
                     "%s: the tuning of this device is stale (driver %s, and now it is %s) and ignored: run "
                     "autotune again",
                     path, file.blocks[i].driver, device->info.driver);
                break;
            }
    }
    ij_tuning_file_free(&file);
}

/* ---- Keeping ----------------------------------------------------------------------------------------------------- */

/* Lines of an implementation's other sources make room. */
static ij_status renew_sources(const ij_device *device, ij_tuning_block *block, const ij_implementation *of)
{
    char key[64], now[32];
    print_sources_key(of, key, sizeof key);
    print_sources(device, of, now, sizeof now);
    const char *then = ij_tuning_block_get(block, key);
    if (!then || strcmp(then, now) != 0)
        ij_tuning_block_remove(block, ij_group_name(of->group), of->name);
    return ij_tuning_block_set(block, key, now, NULL);
}

/* Others may write too, and a person edit: the file is read again each time, and only one line of it changed. `of`
 * NULL: the line is no implementation's. */
static ij_status keep(const ij_device *device, const char *path, const ij_implementation *of, const char *key,
                      const char *value, const char *remark)
{
    ij_tuning_file file;
    char full[128], today[16] = "";
    time_t seconds = time(NULL);
    struct tm day;
    if (gmtime_r(&seconds, &day))
        strftime(today, sizeof today, "%Y-%m-%d", &day);
    snprintf(full, sizeof full, "%s%s%s", remark, *remark ? ", " : "", today);

    ij_status status = ij_tuning_file_read(&file, path);
    ij_tuning_block *block = NULL;
    if (!status) {
        block = ij_tuning_file_make(&file, device->info.name, device->info.driver);
        status = block ? IJ_OK : ij_fail(IJ_ENOMEM, "out of memory for the tuning database");
    }
    if (!status && is_old(block))
        block->count = 0;
    if (!status && of && of->group != IJ_GROUP_DEVICE)
        status = renew_sources(device, block, of);
    if (!status)
        status = ij_tuning_block_set(block, key, value, full);
    if (!status)
        status = ij_tuning_file_write(&file, path);
    ij_tuning_file_free(&file);
    return status;
}

ij_status ij_tuning_db_keep(const ij_device *device, const char *path, const ij_tuned *tuned, const char *remark)
{
    char key[64], value[256];
    print_key(tuned->of->group, tuned->shape, key, sizeof key);
    ij_tuned_print(tuned, value, sizeof value);
    return keep(device, path, tuned->of, key, value, remark);
}

ij_status ij_tuning_db_keep_clblast_parameters(const ij_device *device, const char *path, const char *kernel,
                                               const char *parameters, const char *remark)
{
    char key[64];
    snprintf(key, sizeof key, "clblast %s", kernel);
    return keep(device, path, NULL, key, parameters, remark);
}
