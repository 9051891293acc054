/* The search for the best implementation and choice of one job: the starts, some at random, then what lies beside the
 * best. */
#ifndef IJ_AUTOTUNE_SEARCH_H
#define IJ_AUTOTUNE_SEARCH_H

#include "engine/base/random.h"
#include "tools/autotune/job.h"
#include "tools/autotune/outcome.h"

typedef struct tune_candidate {
    ij_tuned tuned;
    bool starts; /* what its implementation begins with */
    bool tried;
    double rate; /* flops a second; 0 where it is not known or not good */
} tune_candidate;

typedef struct tune_search {
    tune_candidate *candidates; /* the legal ones; own */
    int count, tried;
    int start, best; /* indices; the start is what the engine would take now. best -1: none is good so far */
    int random_left; /* random candidates before the local search */
    ij_random random;
} tune_search;

/* Lists the legal choices of every implementation that the device offers beside what it takes now; `clblast`: the
 * library's too. IJ_ENOMEM. */
ij_status search_open(tune_search *search, const ij_device *device, const tune_job *job, bool clblast);
void search_close(tune_search *search);

/* The next candidate to try, or -1 where all are tried. */
int search_next(tune_search *search);
/* What became of it. */
void search_tell(tune_search *search, int candidate, tune_outcome outcome, double rate);

#endif
