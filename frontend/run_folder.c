#include "frontend/run_folder.h"

#include "engine/files/whole_file.h"
#include "frontend/event_folder.h"
#include "frontend/message.h"
#include "frontend/run_lock.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* mkdir -p. `path` is restored. */
static int make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int failed = mkdir(path, 0777) && errno != EEXIST;
        *slash = '/';
        if (failed)
            return -1;
    }
    return mkdir(path, 0777) && errno != EEXIST ? -1 : 0;
}

/* access() answers by permission bits alone: full or read-only disks show only when a file is made. */
static int try_to_write(const ij_run_folder *folder)
{
    char probe[IJ_PATH_MAX + 64]; /* as long as the longest name that will be wanted */
    snprintf(probe, sizeof probe, "%s/%s-step00000000000000.safetensors.XXXXXX", folder->base, folder->tag);
    int file = mkstemp(probe);
    if (file < 0)
        return -1;
    int failed = close(file);
    unlink(probe);
    return failed;
}

/* Whether a file's name is {tag}-step{number}.safetensors{ending}; the number. */
static bool is_checkpoint(const ij_run_folder *folder, const char *name, const char *ending, int64_t *step)
{
    static const char middle[] = "-step", extension[] = ".safetensors";
    size_t tag = strlen(folder->tag);
    if (strncmp(name, folder->tag, tag) != 0 || strncmp(name + tag, middle, strlen(middle)) != 0)
        return false;
    char *end;
    const char *digits = name + tag + strlen(middle);
    errno = 0;
    *step = strtoll(digits, &end, 10);
    if (*digits < '0' || *digits > '9' || errno || strncmp(end, extension, strlen(extension)) != 0)
        return false;
    char full[IJ_PATH_MAX];
    snprintf(full, sizeof full, "%s-step%08lld.safetensors%s", folder->tag, (long long)*step, ending);
    return strcmp(name, full) == 0; /* none but the names that a run gives */
}

/* Whether it is what is left of a checkpoint's, or the link's, half-done writing: "... .safetensors.{process}.tmp". */
static bool is_half_written(const ij_run_folder *folder, const char *name)
{
    size_t tag = strlen(folder->tag), length = strlen(name);
    const char *at = strstr(name, ".safetensors.");
    return strncmp(name, folder->tag, tag) == 0 && name[tag] == '-' && at && length > 4 &&
           strcmp(name + length - 4, ".tmp") == 0;
}

/* Calls `each` for every name in the folder. */
static ij_status for_each_file(const ij_run_folder *folder, void (*each)(void *user, const char *name), void *user)
{
    DIR *open = opendir(folder->base);
    if (!open)
        return ij_fail(IJ_EIO, "cannot read the run folder %s: %s", folder->base, strerror(errno));
    for (struct dirent *entry; (entry = readdir(open));)
        each(user, entry->d_name);
    closedir(open);
    return IJ_OK;
}

static void join(const ij_run_folder *folder, const char *name, const char *ending, char path[IJ_PATH_MAX])
{
    snprintf(path, IJ_PATH_MAX, "%s/%s%s", folder->base, name, ending);
}

static void remove_half_written(void *user, const char *name)
{
    char path[IJ_PATH_MAX];
    join(user, name, "", path);
    if (is_half_written(user, name))
        unlink(path);
}

void ij_run_folder_name(ij_run_folder *folder, const char *base, const char *tag)
{
    snprintf(folder->base, sizeof folder->base, "%s", base);
    snprintf(folder->tag, sizeof folder->tag, "%s", tag);
    snprintf(folder->log, sizeof folder->log, "%s/%s_r0.csv", base, tag);
    snprintf(folder->latest, sizeof folder->latest, "%s/%s-latest.safetensors", base, tag);
    snprintf(folder->config, sizeof folder->config, "%s/%s-config.ini", base, tag);
}

/* The tag of a log, configuration or checkpoint by its name's ending; false for other files. */
static bool find_tag(const char *name, char *tag, size_t size)
{
    static const char *const endings[] = {"_r0.csv", "-config.ini", "-latest.safetensors"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t length = strlen(name), ending = strlen(endings[i]);
        if (length <= ending || strcmp(name + length - ending, endings[i]) != 0)
            continue;
        snprintf(tag, size, "%.*s", (int)(length - ending), name);
        return true;
    }
    return false;
}

typedef struct tags {
    char first[IJ_CONFIG_TEXT], other[IJ_CONFIG_TEXT];
} tags;

static void note_tag(void *user, const char *name)
{
    tags *t = user;
    char tag[IJ_CONFIG_TEXT];
    if (!find_tag(name, tag, sizeof tag))
        return;
    if (!*t->first)
        snprintf(t->first, sizeof t->first, "%s", tag);
    else if (strcmp(t->first, tag) != 0)
        snprintf(t->other, sizeof t->other, "%s", tag);
}

ij_status ij_run_folder_find_tag(const char *base, char *tag, size_t size)
{
    tags t = {"", ""};
    ij_run_folder folder;
    ij_run_folder_name(&folder, base, "");
    ij_status status = for_each_file(&folder, note_tag, &t);
    if (status)
        return status;
    if (!*t.first)
        return ij_fail(IJ_EINVAL,
                       "there is no run in %s: no file is named TAG_r0.csv, TAG-config.ini or "
                       "TAG-latest.safetensors",
                       base);
    if (*t.other)
        return ij_fail(IJ_EINVAL, "there is more than one run in %s (%s, %s): choose one with --tag TAG", base, t.first,
                       t.other);
    snprintf(tag, size, "%s", t.first);
    return IJ_OK;
}

ij_status ij_run_folder_open(ij_run_folder *folder, const ij_config *config)
{
    const char *base = config->logging.folder, *tag = config->logging.write_tag;
    char path[IJ_CONFIG_TEXT], where[IJ_CONFIG_TEXT + 32];
    snprintf(path, sizeof path, "%s", base);
    ij_run_folder_name(folder, base, tag);
    if (make_folders(path) || try_to_write(folder)) {
        int error = errno;
        return ij_fail(IJ_EIO,
                       "cannot write to the run folder %s: %s; choose another with --set logging.folder=FOLDER (%s)",
                       base, strerror(error), ij_config_where(config, "logging.folder", where, sizeof where));
    }
    bool locked;
    ij_status status = ij_run_lock(base, &locked);
    if (!status && !locked)
        ij_tell(IJ_LOG_INFO, "note: %s is on a file system without locks: nothing keeps a second run out of it", base);
    return status || !locked ? status : for_each_file(folder, remove_half_written, folder);
}

/* ---- An earlier run ------------------------------------------------------------------------------------------------
 */

/* Renames `from`, "~" added; nothing to rename is no failure. */
static ij_status keep(const char *from, bool *kept)
{
    char aside[IJ_PATH_MAX + 1];
    snprintf(aside, sizeof aside, "%s~", from);
    if (!rename(from, aside))
        *kept = true;
    else if (errno != ENOENT)
        return ij_fail(IJ_EIO, "cannot rename %s, which an earlier run left: %s", from, strerror(errno));
    return IJ_OK;
}

/* The link's new name points to the checkpoint's new name. Files of before there were links are renamed as they are. */
static ij_status keep_link(const ij_run_folder *folder, bool *kept)
{
    char to[IJ_PATH_MAX], aside[IJ_PATH_MAX + 1];
    ssize_t n = readlink(folder->latest, to, sizeof to - 2);
    if (n < 0)
        return keep(folder->latest, kept);
    to[n] = '~';
    to[n + 1] = '\0';
    snprintf(aside, sizeof aside, "%s~", folder->latest);
    unlink(aside);
    if (unlink(folder->latest) || symlink(to, aside))
        return ij_fail(IJ_EIO, "cannot rename %s, which an earlier run left: %s", folder->latest, strerror(errno));
    return IJ_OK;
}

static void remove_older(void *user, const char *name)
{
    char path[IJ_PATH_MAX];
    int64_t step;
    join(user, name, "", path);
    if (is_checkpoint(user, name, "~", &step))
        unlink(path);
}

/* Whether a log ends with its first line. */
static bool holds_no_step(const char *log)
{
    FILE *file = fopen(log, "r");
    int lines = 0;
    for (int c; file && lines < 2 && (c = getc(file)) != EOF;)
        lines += c == '\n';
    if (file)
        fclose(file);
    return file && lines < 2;
}

ij_status ij_run_folder_keep_previous(const ij_run_folder *folder, bool *kept)
{
    char path[IJ_PATH_MAX];
    int64_t *steps;
    int count;
    *kept = false;
    ij_status status = ij_run_folder_checkpoints(folder, &steps, &count);
    if (!status && !count && access(folder->latest, F_OK) && holds_no_step(folder->log))
        return IJ_OK; /* of a run that came to nothing: it is not worth an earlier one's place */
    if (!status && count)
        status = for_each_file(folder, remove_older, (void *)folder);
    for (int i = 0; i < count && !status; i++)
        status = keep(ij_run_folder_checkpoint(folder, steps[i], path), kept);
    free(steps);
    if (!status)
        status = keep_link(folder, kept);
    if (!status)
        status = keep(folder->log, kept);
    if (!status)
        status = ij_event_folder_keep(folder->base, folder->tag, kept);
    return status ? status : keep(folder->config, kept);
}

/* ---- Checkpoints ---------------------------------------------------------------------------------------------------
 */

const char *ij_run_folder_checkpoint(const ij_run_folder *folder, int64_t step, char *path)
{
    snprintf(path, IJ_PATH_MAX, "%s/%s-step%08lld.safetensors", folder->base, folder->tag, (long long)step);
    return path;
}

typedef struct listing {
    const ij_run_folder *folder;
    int64_t *steps;
    int count;
    bool failed;
} listing;

static void list_checkpoint(void *user, const char *name)
{
    listing *l = user;
    int64_t step;
    if (l->failed || !is_checkpoint(l->folder, name, "", &step))
        return;
    int64_t *longer = realloc(l->steps, (size_t)(l->count + 1) * sizeof *longer);
    l->failed = !longer;
    if (!longer)
        return;
    l->steps = longer;
    l->steps[l->count++] = step;
}

static int newest_first(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

ij_status ij_run_folder_checkpoints(const ij_run_folder *folder, int64_t **steps, int *count)
{
    listing l = {.folder = folder};
    ij_status status = for_each_file(folder, list_checkpoint, &l);
    if (!status && l.failed)
        status = ij_fail(IJ_ENOMEM, "out of memory for the list of checkpoints");
    if (l.count)
        qsort(l.steps, (size_t)l.count, sizeof *l.steps, newest_first);
    *steps = l.steps;
    *count = l.count;
    return status;
}

/* A link under another name, renamed: the name always points to something. */
static ij_status point_latest(const ij_run_folder *folder, int64_t step)
{
    char checkpoint[IJ_PATH_MAX];
    ij_run_folder_checkpoint(folder, step, checkpoint);
    char temporary[IJ_PATH_MAX + 32];
    const char *slash = strrchr(checkpoint, '/');
    snprintf(temporary, sizeof temporary, "%s.%ld.tmp", folder->latest, (long)getpid());
    unlink(temporary);
    if (symlink(slash ? slash + 1 : checkpoint, temporary) || rename(temporary, folder->latest)) {
        int error = errno;
        unlink(temporary);
        return ij_fail(IJ_EIO, "cannot point %s to %s: %s", folder->latest, checkpoint, strerror(error));
    }
    return IJ_OK;
}

ij_status ij_run_folder_tidy(const ij_run_folder *folder, int64_t step, int last, int64_t every)
{
    char path[IJ_PATH_MAX];
    int64_t *steps;
    int count;
    ij_status status = point_latest(folder, step);
    ij_status listed = ij_run_folder_checkpoints(folder, &steps, &count);
    for (int i = last; i < count && !listed; i++) {
        if ((every && steps[i] % every == 0) || steps[i] == step)
            continue;
        if (unlink(ij_run_folder_checkpoint(folder, steps[i], path)))
            status = ij_fail(IJ_EIO, "cannot remove the old checkpoint %s: %s", path, strerror(errno));
    }
    free(steps);
    return status ? status : listed;
}

ij_status ij_run_folder_set_aside(const ij_run_folder *folder, int64_t damaged, int64_t good)
{
    char path[IJ_PATH_MAX], aside[IJ_PATH_MAX + 16];
    snprintf(aside, sizeof aside, "%s.damaged", ij_run_folder_checkpoint(folder, damaged, path));
    if (rename(path, aside))
        return ij_fail(IJ_EIO, "cannot rename %s: %s", path, strerror(errno));
    return point_latest(folder, good);
}

ij_status ij_run_folder_write_config(const ij_run_folder *folder, const ij_config *config)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (out)
        ij_config_print(config, out);
    ij_status status =
        out && fclose(out) == 0 ? IJ_OK : ij_fail(IJ_ENOMEM, "out of memory for the configuration's text");
    ij_whole_file *file = NULL;
    if (!status)
        status = ij_whole_file_create(&file, folder->config);
    if (!status && (status = ij_whole_file_write(file, text, size)))
        ij_whole_file_abandon(file);
    else if (!status)
        status = ij_whole_file_finish(file);
    free(text);
    return status;
}
