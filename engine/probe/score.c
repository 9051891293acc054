#include "engine/probe/score.h"

#include <stdlib.h>

ij_status ij_score_create(ij_score *score, int classes)
{
    *score = (ij_score){.classes = classes};
    score->confusion = calloc((size_t)classes * (size_t)classes, sizeof *score->confusion);
    return score->confusion ? IJ_OK
                            : ij_fail(IJ_ENOMEM, "no host memory for a table of %d x %d classes", classes, classes);
}

void ij_score_destroy(ij_score *score)
{
    free(score->confusion);
    *score = (ij_score){0};
}

void ij_score_add(ij_score *score, const double *rating, int label)
{
    int best = 0, before = 0; /* classes that come before the right one */
    for (int c = 1; c < score->classes; c++)
        if (rating[c] > rating[best] || rating[best] != rating[best])
            best = c;
    for (int c = 0; c < score->classes; c++)
        before += c != label && !(rating[c] < rating[label] || (c > label && rating[c] == rating[label]));
    score->n++;
    score->top1 += best == label;
    score->top5 += before < 5;
    score->confusion[(int64_t)label * score->classes + best]++;
}
