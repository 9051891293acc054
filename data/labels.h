/* Class names on their way to class numbers, for sources that give each sample's label as text. Where all labels are
 * whole numbers they are the classes; otherwise names are numbered in bytewise order, as class folders are. Not for use
 * outside data/. */
#ifndef IJ_DATA_LABELS_H
#define IJ_DATA_LABELS_H

#include "data/listing.h"
#include "engine/base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct ij_labels ij_labels;

enum { IJ_LABEL_BYTES = 256 }; /* a longer label is no label */

/* Classes at most. Fuzzing sets it lower: naming so many for one large number would take most of the time. */
#ifndef IJ_LABEL_MOST
#define IJ_LABEL_MOST (1 << 18)
#endif

ij_status ij_labels_create(ij_labels **labels);
void ij_labels_destroy(ij_labels *labels);

/* The provisional number of a label of 1 .. IJ_LABEL_BYTES bytes, without NUL: the same for the same bytes. IJ_EFORMAT
 * where there are too many. */
ij_status ij_labels_intern(ij_labels *labels, const char *bytes, size_t length, int32_t *number);

/* Turns the samples' provisional numbers into classes and names these. Samples without a label (-1) are dropped and
 * counted as ignored where others have one. IJ_EFORMAT where a class number is IJ_LABEL_MOST or more. */
ij_status ij_labels_resolve(const ij_labels *labels, ij_listing *listing);

#endif
