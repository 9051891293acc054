/* Where samples can come from: each function lists one kind of source into a listing. `root` is the folder that
 * everything is relative to ("" is the working folder). Nothing here reads pixels, but for compressed IDX files. Not
 * for use outside data/. */
#ifndef IJ_DATA_SOURCE_H
#define IJ_DATA_SOURCE_H

#include "data/listing.h"
#include "engine/base/error.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A new string "root/path"; the slash only between two that are not empty. NULL where there is no memory. */
char *ij_source_join(const char *root, const char *path);

/* ---- Folders ---------------------------------------------------------------------------------------------------- */

/* A folder of class folders, or of images. Leaves the listing without samples where there are none. */
ij_status ij_folder_list(ij_listing *listing, const char *root);

/* ---- Lists ------------------------------------------------------------------------------------------------------ */

/* The text file root/name: a path a line, and its label after a tab, or after a space where the label is a number. A
 * path may hold spaces and any bytes but NUL and newline; one that is not absolute is relative to the list's folder.
 * Where the first line is a header "path,...", a table: see dataset.h. */
ij_status ij_list_list(ij_listing *listing, const char *root, const char *name);

/* The same from an open file that is the listing's container 0; `name` is for messages. */
ij_status ij_list_read(ij_listing *listing, FILE *file, const char *name);

/* ---- Tar shards ------------------------------------------------------------------------------------------------- */

/* Every *.tar in the folder `root`, by name. Leaves the listing as it is where there are none. */
ij_status ij_tar_list_folder(ij_listing *listing, const char *root);

/* The shard root/name, or with name = before{000..146}after all shards of that range. A damaged shard gives the samples
 * before the damage and a note. */
ij_status ij_tar_list(ij_listing *listing, const char *root, const char *name);

/* The samples of one open shard of `size` bytes, which is the listing's last container; `name` is for notes. Labels are
 * interned in `labels` and stay provisional until ij_labels_resolve. */
struct ij_labels;
ij_status ij_tar_read(ij_listing *listing, struct ij_labels *labels, int file, uint64_t size, const char *name);

/* ---- IDX files -------------------------------------------------------------------------------------------------- */

/* Grey images of one size. */
typedef struct ij_idx {
    int rows, columns;
    uint8_t *pixels; /* [images, rows, columns] where the file is compressed; else NULL and they stay in the file */
} ij_idx;

enum { IJ_IDX_HEADER = 16 }; /* bytes before the pixels of an images file */

/* The images of root/name, gzip or plain, and the labels beside it: the file whose name has labels-idx1 in the place of
 * images-idx3. The caller frees idx->pixels. */
ij_status ij_idx_list(ij_listing *listing, ij_idx *idx, const char *root, const char *name);

#endif
