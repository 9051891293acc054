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

static const char *family_name(ij_family family)
{
    return family == IJ_FAMILY_GPU ? "gpu" : "cpu";
}

/* ---- Choices as text --------------------------------------------------------------------------------------------- */

void ij_choice_print(const ij_group_info *info, const ij_choice *choice, char *text, size_t size)
{
    size_t used = 0;
    *text = 0;
    for (int i = 0; i < info->count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s=%d", i ? " " : "", info->params[i].macro,
                                 choice->value[i]);
}

static bool offers(const ij_param *param, int value)
{
    for (int i = 0; i < IJ_MOST_VALUES && param->values[i]; i++)
        if (param->values[i] == value)
            return true;
    return false;
}

const char *ij_choice_parse(const ij_group_info *info, const char *text, ij_choice *choice)
{
    int found = 0;
    memset(choice, 0, sizeof *choice);
    while (*(text += strspn(text, " \t"))) {
        size_t name = strcspn(text, "= \t");
        int i = 0;
        while (i < info->count && (strlen(info->params[i].macro) != name || strncmp(info->params[i].macro, text, name)))
            i++;
        if (i == info->count)
            return "a parameter that these kernels do not have";
        if (text[name] != '=')
            return "a parameter without a value";
        char *end;
        long value = strtol(text + name + 1, &end, 10);
        if (end == text + name + 1 || (*end && *end != ' ' && *end != '\t') || !offers(&info->params[i], (int)value))
            return "a value that the parameter does not have";
        choice->value[i] = (int)value;
        found |= 1 << i;
        text = end;
    }
    return found == (1 << info->count) - 1 ? NULL : "a parameter is missing";
}

ij_choice ij_choice_first(const ij_group_info *info)
{
    ij_choice choice = {{0}};
    for (int i = 0; i < info->count; i++)
        choice.value[i] = info->params[i].values[0];
    return choice;
}

bool ij_choice_next(const ij_group_info *info, ij_choice *choice)
{
    for (int i = info->count - 1; i >= 0; i--) {
        const int *values = info->params[i].values;
        int at = 0;
        while (at < IJ_MOST_VALUES && values[at] && values[at] != choice->value[i])
            at++;
        if (at + 1 < IJ_MOST_VALUES && values[at + 1]) {
            choice->value[i] = values[at + 1];
            return true;
        }
        choice->value[i] = values[0];
    }
    return false;
}

/* "gemm 1152 384"; a shape of zeros is not written. */
static void print_key(ij_family family, ij_group group, const int shape[2], const char *before, char *key, size_t size)
{
    int used = snprintf(key, size, "%s%s", before, ij_group_of(family, group)->name);
    for (int i = 0; i < 2 && shape[i]; i++)
        used += snprintf(key + used, size - (size_t)used, " %d", shape[i]);
}

/* The group and shape of "gemm 1152 384"; false where that is none. */
static bool parse_key(ij_family family, const char *key, ij_group *group, int shape[2])
{
    size_t name = strcspn(key, " ");
    for (int g = 0; g < IJ_GROUPS; g++) {
        const char *known = ij_group_of(family, (ij_group)g)->name;
        if (!known || strlen(known) != name || strncmp(known, key, name) != 0)
            continue;
        char *end;
        *group = (ij_group)g;
        shape[0] = (int)strtol(key + name, &end, 10);
        shape[1] = (int)strtol(end, &end, 10);
        return *end == 0;
    }
    return false;
}

/* ---- What a group's kernels are made of -------------------------------------------------------------------------- */

/* A source that cannot be read counts by its name alone; no kernel can be made of it. */
static uint64_t add_source(ij_family family, const char *source, uint64_t hash)
{
    char name[64], *text;
    if (ij_kernel_file(family, source, name, sizeof name))
        return hash;
    hash = XXH64(name, strlen(name), hash);
    if (ij_kernel_source_read(name, &text))
        return hash;
    hash = XXH64(text, strlen(text), hash);
    free(text);
    return hash;
}

uint64_t ij_tuning_db_sources(const ij_device *device, ij_group group)
{
    const ij_tuning *t = &device->tuning;
    const ij_group_info *info = ij_group_of(t->family, group);
    char layout[128] = "";
    ij_choice_print(ij_group_of(t->family, IJ_GROUP_DEVICE), &t->choice[IJ_GROUP_DEVICE], layout, sizeof layout);
    uint64_t hash = add_source(t->family, "common", XXH64(layout, strlen(layout), 0));
    for (int i = 0; i < IJ_MOST_SOURCES && info->sources[i]; i++)
        hash = add_source(t->family, info->sources[i], hash);
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
    bool stale[IJ_GROUPS];
    int left_out[IJ_GROUPS]; /* stale lines */
} loading;

static void put_choice(loading *l, const ij_tuning_line *line, ij_group group, const int shape[2])
{
    ij_tuning *t = &l->device->tuning;
    ij_tuned tuned = {.group = group, .shape = {shape[0], shape[1]}};
    const char *why = ij_choice_parse(ij_group_of(t->family, group), line->value, &tuned.choice);
    if (!why)
        why = ij_choice_illegal(t, group, &tuned.choice, l->device->info.local_bytes);
    if (why)
        note(l->device, "%s: \"%s: %s\" is ignored: %s", l->path, line->key, line->value, why);
    else if (group == IJ_GROUP_DEVICE)
        ij_tuning_db_set_layout(l->device, &tuned.choice);
    else
        ij_tuning_put(t, tuned); /* where memory is short the default serves */
}

/* A default that is not possible beside the device's choice gives way to the largest values that are. */
static void make_default_legal(ij_device *device, ij_group group)
{
    ij_tuning *t = &device->tuning;
    const ij_group_info *info = ij_group_of(t->family, group);
    if (!ij_choice_illegal(t, group, &t->choice[group], device->info.local_bytes))
        return;
    ij_choice choice = ij_choice_first(info);
    do {
        if (!ij_choice_illegal(t, group, &choice, device->info.local_bytes))
            t->choice[group] = choice;
    } while (ij_choice_next(info, &choice));
}

void ij_tuning_db_set_layout(ij_device *device, const ij_choice *choice)
{
    device->tuning.choice[IJ_GROUP_DEVICE] = *choice;
    device->tuning.tuned_count = 0;
    for (int g = IJ_GROUP_DEVICE + 1; g < IJ_GROUPS; g++)
        make_default_legal(device, (ij_group)g);
}

static void compare_sources(loading *l)
{
    for (int g = 0; g < IJ_GROUPS; g++) {
        const char *name = ij_group_of(l->device->tuning.family, (ij_group)g)->name;
        char key[64], now[32];
        snprintf(key, sizeof key, "sources %s", name ? name : "");
        snprintf(now, sizeof now, "%016llx", (unsigned long long)ij_tuning_db_sources(l->device, (ij_group)g));
        const char *then = ij_tuning_block_get(l->block, key);
        l->stale[g] = g != IJ_GROUP_DEVICE && (!then || strcmp(then, now) != 0);
    }
}

static void put_clblast(loading *l, ij_group group, const int shape[2])
{
    ij_device *d = l->device;
    ij_tuned *longer = realloc(d->clblast, (size_t)(d->clblast_count + 1) * sizeof *longer);
    if (!longer)
        return;
    d->clblast = longer;
    longer[d->clblast_count++] = (ij_tuned){.group = group, .shape = {shape[0], shape[1]}};
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
    ij_family family = l->device->tuning.family;
    ij_group group;
    int shape[2];
    if (!*line->key || starts(line->key, "sources ") || !strcmp(line->key, "device"))
        return;
    if (starts(line->key, "clblast ")) {
        const char *what = line->key + strlen("clblast ");
        if (!parse_key(family, what, &group, shape))
            load_clblast_parameters(l, what, line);
        else if (!strcmp(line->value, "faster") && !l->stale[group])
            put_clblast(l, group, shape);
        return;
    }
    if (!parse_key(family, line->key, &group, shape))
        note(l->device, "%s: \"%s\" is ignored: no kernels of this name", l->path, line->key);
    else if (l->stale[group])
        l->left_out[group]++;
    else
        put_choice(l, line, group, shape);
}

static void load_block(ij_device *device, const char *path, const ij_tuning_block *block)
{
    loading l = {.device = device, .path = path, .block = block};
    static const int none[2];
    for (int i = 0; i < block->count; i++) /* the device's group comes first: others are legal, or not, beside it */
        if (!strcmp(block->lines[i].key, "device"))
            put_choice(&l, &block->lines[i], IJ_GROUP_DEVICE, none);
    compare_sources(&l);
    for (int i = 0; i < block->count; i++)
        load_line(&l, &block->lines[i]);
    for (int g = 0; g < IJ_GROUPS; g++)
        if (l.left_out[g])
            note(device,
                 "%s: %d line%s of %s %s stale (the kernels have changed since) and ignored: run autotune again", path,
                 l.left_out[g], l.left_out[g] == 1 ? "" : "s", ij_group_of(device->tuning.family, (ij_group)g)->name,
                 l.left_out[g] == 1 ? "is" : "are");
}

void ij_tuning_db_load(ij_device *device)
{
    char path[4096];
    ij_tuning_file file;
    if (!ij_tuning_db_path(path, sizeof path))
        return;
    const char *family = family_name(device->tuning.family);
    if (ij_tuning_file_read(&file, path)) {
        note(device, "the tuning database is ignored: %s", ij_error());
    } else {
        const ij_tuning_block *block = ij_tuning_file_find(&file, device->info.name, device->info.driver, family);
        if (block)
            load_block(device, path, block);
        for (int i = 0; i < file.count && !block; i++)
            if (!strcmp(file.blocks[i].device, device->info.name) && !strcmp(file.blocks[i].family, family)) {
                note(device,
                     "%s: the tuning of this device is stale (driver %s, and now it is %s) and ignored: run "
                     "autotune again",
                     path, file.blocks[i].driver, device->info.driver);
                break;
            }
    }
    ij_tuning_file_free(&file);
}

bool ij_tuning_db_clblast(const ij_device *device, ij_group group, int shape0, int shape1)
{
    for (int i = 0; i < device->clblast_count; i++) {
        const ij_tuned *c = &device->clblast[i];
        if (c->group == group && c->shape[0] == shape0 && c->shape[1] == shape1)
            return true;
    }
    return false;
}

/* ---- Keeping ----------------------------------------------------------------------------------------------------- */

/* Others may write too, and a person edit: the file is read again each time, and only one line of it changed. `group`
 * IJ_GROUPS: the line belongs to none. */
static ij_status keep(const ij_device *device, const char *path, ij_group group, const char *key, const char *value,
                      const char *remark)
{
    ij_tuning_file file;
    char full[128], today[16] = "", sources[64], now[32];
    time_t seconds = time(NULL);
    struct tm day;
    if (gmtime_r(&seconds, &day))
        strftime(today, sizeof today, "%Y-%m-%d", &day);
    snprintf(full, sizeof full, "%s%s%s", remark, *remark ? ", " : "", today);

    ij_status status = ij_tuning_file_read(&file, path);
    ij_tuning_block *block = NULL;
    if (!status) {
        block = ij_tuning_file_make(&file, device->info.name, device->info.driver, family_name(device->tuning.family));
        status = block ? IJ_OK : ij_fail(IJ_ENOMEM, "out of memory for the tuning database");
    }
    if (!status && group != IJ_GROUPS && group != IJ_GROUP_DEVICE) {
        const char *name = ij_group_of(device->tuning.family, group)->name;
        snprintf(sources, sizeof sources, "sources %s", name);
        snprintf(now, sizeof now, "%016llx", (unsigned long long)ij_tuning_db_sources(device, group));
        const char *then = ij_tuning_block_get(block, sources);
        if (!then || strcmp(then, now) != 0)
            ij_tuning_block_remove(block, name);
        status = ij_tuning_block_set(block, sources, now, NULL);
    }
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
    print_key(device->tuning.family, tuned->group, tuned->shape, "", key, sizeof key);
    ij_choice_print(ij_group_of(device->tuning.family, tuned->group), &tuned->choice, value, sizeof value);
    return keep(device, path, tuned->group, key, value, remark);
}

ij_status ij_tuning_db_keep_clblast(const ij_device *device, const char *path, ij_group group, const int shape[2],
                                    bool faster, const char *remark)
{
    char key[64];
    print_key(device->tuning.family, group, shape, "clblast ", key, sizeof key);
    return keep(device, path, group, key, faster ? "faster" : "slower", remark);
}

ij_status ij_tuning_db_keep_clblast_parameters(const ij_device *device, const char *path, const char *kernel,
                                               const char *parameters, const char *remark)
{
    char key[64];
    snprintf(key, sizeof key, "clblast %s", kernel);
    return keep(device, path, IJ_GROUPS, key, parameters, remark);
}
