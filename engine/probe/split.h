/* Which images take part: fixed by a seed, whatever the order of calls. */
#ifndef IJ_PROBE_SPLIT_H
#define IJ_PROBE_SPLIT_H

#include "engine/base/error.h"
#include "engine/probe/labelled.h"

#include <stdint.h>

/* order [n]: a permutation of 0 .. n-1. */
void ij_split_shuffle(int64_t *order, int64_t n, uint64_t seed, uint32_t draw);

/* Draws images of every class: `shots` of each (IJ_EINVAL where a class has fewer), or where that is 0 its `share`,
 * one at least. chosen [labelled->n] gets their numbers, ascending, *count how many there are. Another `draw` gives
 * others. */
ij_status ij_split_few(const ij_labelled *labelled, int64_t shots, double share, uint64_t seed, uint32_t draw,
                       int64_t *chosen, int64_t *count);

#endif
