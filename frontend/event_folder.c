#include "frontend/event_folder.h"

#include "engine/base/try.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Whether the name is events.out.tfevents.{seconds}.{tag}; the seconds are `count` characters at *digits. */
static bool is_event_file(const char *name, const char *tag, const char **digits, int *count)
{
    static const char beginning[] = "events.out.tfevents.";
    if (strncmp(name, beginning, strlen(beginning)) != 0)
        return false;
    *digits = name + strlen(beginning);
    *count = (int)strspn(*digits, "0123456789");
    return *count > 0 && (*digits)[*count] == '.' && !strcmp(*digits + *count + 1, tag);
}

/* Whether the name is {tag}-events-{seconds}~. */
static bool is_kept_one(const char *name, const char *tag)
{
    static const char middle[] = "-events-";
    size_t tag_length = strlen(tag);
    if (strncmp(name, tag, tag_length) != 0 || strncmp(name + tag_length, middle, strlen(middle)) != 0)
        return false;
    const char *digits = name + tag_length + strlen(middle);
    size_t count = strspn(digits, "0123456789");
    return count > 0 && !strcmp(digits + count, "~");
}

typedef enum work { COUNT, REMOVE_KEPT, RENAME } work;

static ij_status work_on(const char *folder, const char *tag, const char *name, work what, int *found)
{
    char from[PATH_MAX], to[PATH_MAX];
    const char *digits;
    int count;
    snprintf(from, sizeof from, "%s/%s", folder, name);
    if (what == REMOVE_KEPT) {
        if (is_kept_one(name, tag))
            unlink(from);
        return IJ_OK;
    }
    if (!is_event_file(name, tag, &digits, &count))
        return IJ_OK;
    ++*found;
    snprintf(to, sizeof to, "%s/%s-events-%.*s~", folder, tag, count, digits);
    if (what == RENAME && rename(from, to))
        return ij_fail(IJ_EIO, "cannot rename %s, which an earlier run left: %s", from, strerror(errno));
    return IJ_OK;
}

static ij_status for_all(const char *folder, const char *tag, work what, int *found)
{
    DIR *open = opendir(folder);
    ij_status status = IJ_OK;
    if (!open)
        return ij_fail(IJ_EIO, "cannot read the run folder %s: %s", folder, strerror(errno));
    for (struct dirent *entry; !status && (entry = readdir(open));)
        status = work_on(folder, tag, entry->d_name, what, found);
    closedir(open);
    return status;
}

ij_status ij_event_folder_keep(const char *folder, const char *tag, bool *kept)
{
    int found = 0;
    TRY(for_all(folder, tag, COUNT, &found));
    if (!found)
        return IJ_OK;
    *kept = true;
    TRY(for_all(folder, tag, REMOVE_KEPT, &found));
    return for_all(folder, tag, RENAME, &found);
}
