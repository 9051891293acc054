/* How far a run is, in one line that fits a terminal of any width. Pure text: nothing here prints. */
#ifndef IJ_FRONTEND_PROGRESS_LINE_H
#define IJ_FRONTEND_PROGRESS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What there is to tell. NaN: not known, and left out. */
typedef struct ij_progress_figures {
    int64_t epoch, iteration; /* from 1 */
    int64_t epochs, iterations;
    double done;    /* share of the run's steps, 0 .. 1 */
    double loss;    /* smoothed */
    double knn;     /* share of images that the nearest neighbours label rightly */
    double rate;    /* images a second */
    double of_peak; /* share of the device's measured fp32 peak */
    double left;    /* seconds */
} ij_progress_figures;

/* Writes the line, of at most `width` columns, which it fills with a bar where much is left; 0: as long as it becomes,
 * without a bar. Where the figures do not all fit, the less important ones are shortened, then left out. `colour`: with
 * terminal codes, which take no columns. Returns `text`. */
const char *ij_progress_line(const ij_progress_figures *figures, int width, bool colour, char *text, size_t size);

/* Where a step takes long: how far it is, as far as that fits into `width` columns (0: all). Numbers of steps count from
 * 1; `left`: seconds of this step. Returns `text`. */
const char *ij_progress_part_line(int64_t step, int64_t steps, int done, int images, double left, int width, char *text,
                                  size_t size);

#endif
