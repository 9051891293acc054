/* What there is to read: the images of a source in a fixed order, with the class of each. Sources are folders, text
 * lists of paths, tar shards and IDX files; all give encoded bytes by the number of the sample. Nothing here decodes.
 */
#ifndef IJ_DATA_DATASET_H
#define IJ_DATA_DATASET_H

#include "engine/base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct ij_dataset ij_dataset;

/* A buffer that grows and is reused from sample to sample. Start from {0}; the owner calls ij_bytes_free. */
typedef struct ij_bytes {
    uint8_t *data;
    size_t size, capacity;
} ij_bytes;

void ij_bytes_free(ij_bytes *bytes);

/* Opens the data set at `path`:
 * - a folder: every image in it (by extension: jpg, jpeg, jpe, jfif, png in any case; names that begin with a dot are
 *   passed over). Class = first folder below `path`, any depth below that, in the order and with the numbers of
 *   torchvision's ImageFolder; a folder without such folders is unlabelled. Symbolic links are followed; loops and
 *   anything that is neither file nor folder are passed over.
 * - tar shards in WebDataset's convention: one .tar file, a range before{000..146}after of them, or a folder of them
 *   (and of no images). Members that share the path up to the file name's first dot are a sample: its .jpg, .jpeg or
 *   .png and, as text, its class in .cls. A shard that is damaged or cut off gives the samples before and a note.
 * - an IDX file of grey images, gzip or plain; labels from the file beside it (images-idx3 -> labels-idx1).
 * - a text file: a path a line, relative to the list's folder, with any bytes but newline (so names with newlines
 *   cannot be listed) and, on every line or none, a label after a tab, or after a space where it is a whole number. Or
 *   a table (CSV): a header that begins with "path,", then a path and what the header says a line, without quotes; the
 *   column "label", if there is one, is the label.
 * Labels that are all whole numbers are the classes; others are numbered in bytewise order.
 *
 * Folders of 1000 images and more, and shards, are remembered in the cache folder and listed again once anything has
 * changed: see index.h; IJEPA_CACHE=off prevents it.
 * IJ_EIO: nothing there, or no permission; IJ_EFORMAT: no image found, or not such a source; IJ_EINVAL: a range of
 * shards that is none. */
ij_status ij_dataset_open(ij_dataset **dataset, const char *path);
/* The one image file at `path`, JPEG or PNG, as a data set of it alone, unlabelled. IJ_EIO where there is no file. */
ij_status ij_dataset_open_image(ij_dataset **dataset, const char *path);
void ij_dataset_close(ij_dataset *dataset);

/* Number of samples, below 2^32. */
int64_t ij_dataset_count(const ij_dataset *dataset);

/* Writes the sample's path (NUL-terminated, cut to `capacity`) and returns its full length, as snprintf does. In tar
 * shards it is that of the shard, "/" and the member's; in IDX files that of the file, "/" and the entry's number. */
size_t ij_dataset_path(const ij_dataset *dataset, int64_t sample, char *path, size_t capacity);

/* The sample's class 0 .. classes-1, or -1 in an unlabelled data set. */
int ij_dataset_label(const ij_dataset *dataset, int64_t sample);

/* Number of classes; 0 in an unlabelled data set. */
int ij_dataset_classes(const ij_dataset *dataset);
const char *ij_dataset_class_name(const ij_dataset *dataset, int label);

/* Files and folders passed over while listing (other extensions, files beside class folders, special files, loops,
 * folders without permission), for a report. */
int64_t ij_dataset_ignored(const ij_dataset *dataset);

/* Sentences about damage found while listing, such as a shard that is cut off: to be shown once. */
int ij_dataset_notes(const ij_dataset *dataset);
const char *ij_dataset_note(const ij_dataset *dataset, int index);

/* Reads the sample's encoded bytes; entries of IDX files come as PGM. Any number of threads may read at the same time,
 * each with its own `bytes`. IJ_EIO where the file vanished, became shorter, may not be read or is no regular file any
 * more; IJ_EFORMAT where it is empty. Messages give the reason without the path. */
ij_status ij_dataset_read(const ij_dataset *dataset, int64_t sample, ij_bytes *bytes);

#endif
