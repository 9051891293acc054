/* Collapse is the failure that self-distillation can always fall into: every image gets the same features, and the loss
 * looks splendid. It shows in how much a batch's features differ, and before that in how many directions they do. */
#ifndef IJ_FRONTEND_COLLAPSE_H
#define IJ_FRONTEND_COLLAPSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What was seen of a run so far; zero at first. */
typedef struct ij_collapse {
    bool began;
    double first_std; /* target_std of the first step seen */
    double most_rank; /* the highest effective rank seen */
    bool told_std, told_rank;
} ij_collapse;

/* Bytes that a warning takes at most, its final zero included. */
enum { IJ_COLLAPSE_TEXT = 512 };

/* Takes what step `step` measured; `rank` is NaN where nobody looked. True where it is time for a warning: `text` says
 * what was seen and what to try. Once for each of the two signs in a run, and nothing more after that of the spread. */
bool ij_collapse_see(ij_collapse *collapse, int64_t step, double target_std, double rank, char text[IJ_COLLAPSE_TEXT]);

#endif
