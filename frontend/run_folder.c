#include "frontend/run_folder.h"

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
static int try_to_write(const char *folder)
{
    char probe[IJ_PATH_MAX];
    snprintf(probe, sizeof probe, "%s/.ijepa-XXXXXX", folder);
    int file = mkstemp(probe);
    if (file < 0)
        return -1;
    close(file);
    unlink(probe);
    return 0;
}

ij_status ij_run_folder_open(ij_run_folder *folder, const ij_config *config)
{
    const char *base = config->logging.folder, *tag = config->logging.write_tag;
    char path[IJ_CONFIG_TEXT], where[IJ_CONFIG_TEXT + 32];
    snprintf(path, sizeof path, "%s", base);
    snprintf(folder->log, sizeof folder->log, "%s/%s_r0.csv", base, tag);
    snprintf(folder->checkpoint, sizeof folder->checkpoint, "%s/%s-latest.safetensors", base, tag);
    snprintf(folder->config, sizeof folder->config, "%s/%s-config.ini", base, tag);
    if (make_folders(path) || try_to_write(path)) {
        int error = errno;
        return ij_fail(IJ_EIO,
                       "cannot write to the run folder %s: %s; choose another with --set logging.folder=FOLDER (%s)",
                       base, strerror(error), ij_config_where(config, "logging.folder", where, sizeof where));
    }
    return IJ_OK;
}

ij_status ij_run_folder_keep_previous(const ij_run_folder *folder, bool *kept)
{
    const char *const names[] = {folder->log, folder->checkpoint, folder->config};
    *kept = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char aside[IJ_PATH_MAX + 1];
        snprintf(aside, sizeof aside, "%s~", names[i]);
        if (!rename(names[i], aside))
            *kept = true;
        else if (errno != ENOENT)
            return ij_fail(IJ_EIO, "cannot rename %s, which an earlier run left: %s", names[i], strerror(errno));
    }
    return IJ_OK;
}

ij_status ij_run_folder_write_config(const ij_run_folder *folder, const ij_config *config)
{
    FILE *file = fopen(folder->config, "w");
    if (!file)
        return ij_fail(IJ_EIO, "cannot write %s: %s", folder->config, strerror(errno));
    ij_config_print(config, file);
    int failed = ferror(file);
    errno = 0;
    if (fclose(file) || failed)
        return ij_fail(IJ_EIO, "cannot write %s: %s", folder->config, errno ? strerror(errno) : "is the disk full?");
    return IJ_OK;
}
