/* The folder that a run writes to: its log, its checkpoint and the configuration it used. */
#ifndef IJ_FRONTEND_RUN_FOLDER_H
#define IJ_FRONTEND_RUN_FOLDER_H

#include "ini/config.h"

enum { IJ_PATH_MAX = 2 * IJ_CONFIG_TEXT + 64 };

typedef struct ij_run_folder {
    char log[IJ_PATH_MAX];        /* {folder}/{write_tag}_r0.csv */
    char checkpoint[IJ_PATH_MAX]; /* {folder}/{write_tag}-latest.safetensors */
    char config[IJ_PATH_MAX];     /* {folder}/{write_tag}-config.ini */
} ij_run_folder;

/* Makes the folder where it is missing and finds out whether files can be written there. */
ij_status ij_run_folder_open(ij_run_folder *folder, const ij_config *config);

/* Renames what an earlier run left under the same names, "~" added: a run never destroys another one's results, unless
 * it is the third. Tells in *kept whether there was anything. */
ij_status ij_run_folder_keep_previous(const ij_run_folder *folder, bool *kept);

ij_status ij_run_folder_write_config(const ij_run_folder *folder, const ij_config *config);

#endif
