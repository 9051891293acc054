/* Looks through a data set with all processors: headers only, or every pixel. Counts kinds and sizes and tells of what
 * cannot be read. */
#ifndef IJ_FRONTEND_SURVEY_H
#define IJ_FRONTEND_SURVEY_H

#include "data/dataset.h"
#include "data/format.h"
#include "engine/base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* What is asked for, and who is told. Both calls come from the caller's thread. */
typedef struct ij_survey_config {
    const ij_dataset *dataset;
    int64_t most;       /* images to look at, evenly spread over the data set; 0: all */
    bool decode;        /* every pixel, not only the header */
    int64_t max_pixels; /* larger images are unreadable; 0: Pillow's limit */
    void (*unreadable)(void *context, int64_t sample, const char *reason); /* in the data set's order */
    void (*progress)(void *context, int64_t done, int64_t of);             /* from time to time */
    void *context;
} ij_survey_config;

/* Smallest, median and largest, in pixels; the median of a side beyond 65535 pixels counts as 65535. */
typedef struct ij_survey_range {
    int least, median, most;
} ij_survey_range;

typedef struct ij_survey {
    int64_t looked, unreadable;
    int64_t formats[IJ_FORMATS]; /* of the readable ones */
    ij_survey_range width, height;
} ij_survey;

/* Fills `survey`. Unreadable images are no failure; IJ_ENOMEM is. */
ij_status ij_survey_run(ij_survey *survey, const ij_survey_config *config);

#endif
