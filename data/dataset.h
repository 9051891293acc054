/* What there is to read: the images of a folder in a fixed order, with the class of each. A folder of class folders
 * follows torchvision's ImageFolder (same order, same class numbers); a folder of images without subfolders is an
 * unlabelled data set. Samples are read as encoded bytes, so that other sources (lists, tar shards, IDX) fit behind the
 * same calls. Nothing here decodes. */
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

/* Lists every image under `path` (by extension: jpg, jpeg, jpe, jfif, png in any case; names that begin with a dot are
 * passed over). Class = first folder below `path`, any depth below that; symbolic links are followed, loops and
 * anything that is neither file nor folder are passed over. IJ_EIO: no such folder, or no permission; IJ_EFORMAT: no
 * image found. */
ij_status ij_dataset_open(ij_dataset **dataset, const char *path);
void ij_dataset_close(ij_dataset *dataset);

/* Number of samples, below 2^32. */
int64_t ij_dataset_count(const ij_dataset *dataset);

/* Writes the sample's path (NUL-terminated, cut to `capacity`) and returns its full length, as snprintf does. */
size_t ij_dataset_path(const ij_dataset *dataset, int64_t sample, char *path, size_t capacity);

/* The sample's class 0 .. classes-1, or -1 in an unlabelled data set. */
int ij_dataset_label(const ij_dataset *dataset, int64_t sample);

/* Number of classes; 0 in an unlabelled data set. */
int ij_dataset_classes(const ij_dataset *dataset);
const char *ij_dataset_class_name(const ij_dataset *dataset, int label);

/* Files and folders passed over while listing (other extensions, files beside class folders, special files, loops,
 * folders without permission), for a report. */
int64_t ij_dataset_ignored(const ij_dataset *dataset);

/* Reads the sample's encoded bytes. Any number of threads may read at the same time, each with its own `bytes`. IJ_EIO
 * where the file vanished, may not be read or is no regular file any more; IJ_EFORMAT where it is empty. Messages give
 * the reason without the path. */
ij_status ij_dataset_read(const ij_dataset *dataset, int64_t sample, ij_bytes *bytes);

#endif
