/* The images that an evaluation learns from or is tested on: some of a data set, with a class or a number each. */
#ifndef IJ_FRONTEND_LABELLED_SET_H
#define IJ_FRONTEND_LABELLED_SET_H

#include "data/dataset.h"
#include "engine/base/error.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct ij_labelled_set {
    const char *path;
    ij_dataset *dataset;
    int64_t *samples; /* [n] numbers in the data set, ascending */
    int *labels;      /* [n]; all 0 where there are no classes */
    double *target;   /* [n] or NULL */
    int64_t n;
    int classes; /* of the training set, for the test set too; 0: none */
} ij_labelled_set;

/* Opens `path` and takes at most `limit` images of each class (0: all; without classes: of all). `column` (NULL: none)
 * names a column of numbers of a list file with a header; then the images need not have classes, else IJ_EINVAL.
 * ij_labelled_set_close also after a failure. */
ij_status ij_labelled_set_open(ij_labelled_set *set, const char *path, int64_t limit, const char *column);
void ij_labelled_set_close(ij_labelled_set *set);

/* Parts the images of a set: `share` of each class, chosen by `seed`, one at least, stay in `test`, the others in
 * `train`. Both are the same data set, opened alike. IJ_EINVAL where nothing is left of a class, IJ_ENOMEM. */
ij_status ij_labelled_set_part(ij_labelled_set *train, ij_labelled_set *test, double share, uint64_t seed);

/* Numbers the classes of `test` as `train` does, by their names. IJ_EINVAL for a class that `train` does not have. */
ij_status ij_labelled_set_match(ij_labelled_set *test, const ij_labelled_set *train);

/* Makes the targets of both sets classes, where all are whole numbers and the training set has at most `most` of them,
 * one at least of each of the test set's; false where not, and nothing is changed. */
bool ij_labelled_set_count(ij_labelled_set *train, ij_labelled_set *test, int most);

/* Keeps only the images numbered `samples` [n] in the data set, ascending, all of them images of the set. */
void ij_labelled_set_keep(ij_labelled_set *set, const int64_t *samples, int64_t n);

/* Tells sets apart: which images, where they lie, when their files changed; not the classes. */
uint64_t ij_labelled_set_identity(const ij_labelled_set *set);

/* The name of a class, or its number as the target has it, in text [64]. */
const char *ij_labelled_set_class(const ij_labelled_set *set, int label, char text[64]);

#endif
