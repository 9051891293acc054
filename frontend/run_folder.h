/* The folder that a run writes to: its log, its checkpoints and the configuration it used. */
#ifndef IJ_FRONTEND_RUN_FOLDER_H
#define IJ_FRONTEND_RUN_FOLDER_H

#include "ini/config.h"

#include <stdint.h>

enum { IJ_PATH_MAX = 2 * IJ_CONFIG_TEXT + 64 };

typedef struct ij_run_folder {
    char base[IJ_CONFIG_TEXT], tag[IJ_CONFIG_TEXT];
    char log[IJ_PATH_MAX];    /* {base}/{tag}_r0.csv */
    char latest[IJ_PATH_MAX]; /* {base}/{tag}-latest.safetensors: a link to the newest checkpoint */
    char config[IJ_PATH_MAX]; /* {base}/{tag}-config.ini */
} ij_run_folder;

/* The names alone; nothing is made or looked at. */
void ij_run_folder_name(ij_run_folder *folder, const char *base, const char *tag);

/* The tag of the one run in an existing folder. IJ_EIO; IJ_EINVAL where there is none, or more than one. */
ij_status ij_run_folder_find_tag(const char *base, char *tag, size_t size);

/* Makes the folder where it is missing, finds out whether files can be written there, and locks it for this process.
 * What a run that was killed left half written is removed. */
ij_status ij_run_folder_open(ij_run_folder *folder, const ij_config *config);

/* Renames what an earlier run left under the same names, "~" added: a run never destroys another one's results, unless
 * it is the third. Tells in *kept whether there was anything. */
ij_status ij_run_folder_keep_previous(const ij_run_folder *folder, bool *kept);

ij_status ij_run_folder_write_config(const ij_run_folder *folder, const ij_config *config);

/* ---- Checkpoints: {base}/{tag}-step{steps taken}.safetensors -------------------------------------------------------
 */

/* Returns `path`, which holds IJ_PATH_MAX. */
const char *ij_run_folder_checkpoint(const ij_run_folder *folder, int64_t step, char *path);

/* The steps of the checkpoints there are, by their names, the newest first; *steps is malloc'ed, the caller frees. */
ij_status ij_run_folder_checkpoints(const ij_run_folder *folder, int64_t **steps, int *count);

/* After the checkpoint of `step` was written: the link points to it, and all are removed but the `last` newest and
 * those whose step is a multiple of `every` (0: none). IJ_EIO where one of these fails; the others are done all the
 * same. */
ij_status ij_run_folder_tidy(const ij_run_folder *folder, int64_t step, int last, int64_t every);

/* Renames a damaged checkpoint, ".damaged" added, so that it does not count any more; the link points to the good one.
 */
ij_status ij_run_folder_set_aside(const ij_run_folder *folder, int64_t damaged, int64_t good);

#endif
