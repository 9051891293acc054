/* How far a count of images is: "120 of 5000 images  85 images/s  0:57 left", one line rewritten in place on a
 * terminal, a plain line every ten seconds elsewhere; on stderr, since results go to stdout. */
#ifndef IJ_FRONTEND_TALLY_H
#define IJ_FRONTEND_TALLY_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ij_tally {
    int64_t of;
    bool terminal, visible; /* a line is on the terminal */
    double started, last;   /* ij_clock */
} ij_tally;

void ij_tally_start(ij_tally *tally, int64_t of);
/* `done` are done. Prints when it is time to. */
void ij_tally_step(ij_tally *tally, int64_t done);
/* Removes the line from a terminal, so that something else can be printed. */
void ij_tally_clear(ij_tally *tally);

#endif
