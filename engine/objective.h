/* What the loss of a step is made of (docs/method.md "Loss" and "Pixels first"). */
#ifndef IJ_OBJECTIVE_H
#define IJ_OBJECTIVE_H

typedef enum ij_term { IJ_TERM_FEATURE, IJ_TERM_PIXEL, IJ_TERMS } ij_term;

typedef struct ij_objective {
    double weight[IJ_TERMS]; /* 0: not part of it */
} ij_objective;

#endif
