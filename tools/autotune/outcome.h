/* What became of a candidate. */
#ifndef IJ_AUTOTUNE_OUTCOME_H
#define IJ_AUTOTUNE_OUTCOME_H

typedef enum tune_outcome {
    OUTCOME_FAST,    /* correct, and timed */
    OUTCOME_WRONG,   /* other numbers than the reference's */
    OUTCOME_FAILED,  /* did not build, or OpenCL refused it */
    OUTCOME_CRASHED, /* took its process with it */
    OUTCOME_HUNG,    /* ended by the watchdog */
    OUTCOME_STOPPED, /* ended because the person asked for it: nothing is known */
    OUTCOMES
} tune_outcome;

#endif
