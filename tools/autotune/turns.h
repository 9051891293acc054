/* One job after the other, each with its share of the time. */
#ifndef IJ_AUTOTUNE_TURNS_H
#define IJ_AUTOTUNE_TURNS_H

#include "tools/autotune/tune.h"

/* All jobs; what is found is in the database as soon as it is known. Fails only where nothing can be kept. */
ij_status tune_all(tuner *t);

#endif
