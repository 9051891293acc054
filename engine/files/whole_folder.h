/* A folder that appears under its name only when it is whole: it is filled beside it and renamed. */
#ifndef IJ_WHOLE_FOLDER_H
#define IJ_WHOLE_FOLDER_H

#include "engine/base/error.h"

typedef struct ij_whole_folder ij_whole_folder;

/* `path` does not exist or is an empty folder (IJ_EINVAL otherwise); the folder it lies in exists. */
ij_status ij_whole_folder_create(ij_whole_folder **folder, const char *path);
/* Where the file `name` is to be written, with ij_whole_file_create or the like; lives until the next call. NULL where
 * memory or the four places for names are used up. */
const char *ij_whole_folder_place(ij_whole_folder *folder, const char *name);
/* Writes a small file. */
ij_status ij_whole_folder_write(ij_whole_folder *folder, const char *name, const char *text);
ij_status ij_whole_folder_finish(ij_whole_folder *folder); /* frees it, whatever comes of it */
void ij_whole_folder_abandon(ij_whole_folder *folder);     /* removes what was written, frees it; NULL is fine */

#endif
