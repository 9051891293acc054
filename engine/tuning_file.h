/* The tuning database as text: blocks of "key: value  # remark" lines, one block a device and driver. Knows
 * nothing of what the lines mean; tuning_db.h does. What it does not understand it keeps as it is. */
#ifndef IJ_TUNING_FILE_H
#define IJ_TUNING_FILE_H

#include "engine/base/error.h"

/* A line; without a key `value` is text that is kept and not understood (a person's comment, say). */
typedef struct ij_tuning_line {
    char key[64], value[256], remark[128];
} ij_tuning_line;

typedef struct ij_tuning_block {
    char device[256], driver[128];
    ij_tuning_line *lines; /* own */
    int count;
} ij_tuning_block;

typedef struct ij_tuning_file {
    ij_tuning_block *blocks; /* own */
    int count;
} ij_tuning_file;

/* A file that does not exist is an empty one. IJ_EIO, IJ_ENOMEM. ij_tuning_file_free is due in any case. */
ij_status ij_tuning_file_read(ij_tuning_file *file, const char *path);
void ij_tuning_file_free(ij_tuning_file *file);

/* Written beside `path`, flushed, then renamed: readers see the old file or the new one. Makes the folders. */
ij_status ij_tuning_file_write(const ij_tuning_file *file, const char *path);

/* The block of a device, or NULL. */
ij_tuning_block *ij_tuning_file_find(ij_tuning_file *file, const char *device, const char *driver);
/* The same, made if need be; NULL where memory is short. */
ij_tuning_block *ij_tuning_file_make(ij_tuning_file *file, const char *device, const char *driver);

/* The value of a key, or NULL. */
const char *ij_tuning_block_get(const ij_tuning_block *block, const char *key);
/* Adds or replaces a line. IJ_ENOMEM. */
ij_status ij_tuning_block_set(ij_tuning_block *block, const char *key, const char *value, const char *remark);
/* Removes the lines whose key starts with the word `key` and whose value starts with the word `value`. */
void ij_tuning_block_remove(ij_tuning_block *block, const char *key, const char *value);

#endif
