/* What the loss of a step is made of (docs/method.md "Loss", "Pixels first", "Regularisers"). */
#ifndef IJ_OBJECTIVE_H
#define IJ_OBJECTIVE_H

typedef enum ij_term {
    IJ_TERM_FEATURE,
    IJ_TERM_PIXEL,
    IJ_TERM_VARIANCE,
    IJ_TERM_COVARIANCE,
    IJ_TERM_SIGREG,
    IJ_TERMS
} ij_term;

typedef struct ij_objective {
    double weight[IJ_TERMS]; /* 0: not part of it */
} ij_objective;

#endif
