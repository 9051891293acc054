/* An evaluation of a frozen encoder (docs/evaluation.md): the same heads on the features of the trained model, of its
 * random start and on raw pixels, for the last layer and the last four, pooled to one and to 2 x 2 means. Features come
 * from the cache where they were computed before. */
#ifndef IJ_FRONTEND_EVALUATION_H
#define IJ_FRONTEND_EVALUATION_H

#include "engine/device.h"
#include "engine/files/model_file.h"
#include "engine/probe/linear.h"
#include "engine/probe/ridge.h"
#include "frontend/labelled_set.h"

#include <stdbool.h>

enum { IJ_EVAL_KS = 4, IJ_EVAL_FEW = 2, IJ_EVAL_DRAWS = 5, IJ_EVAL_ROWS = 9, IJ_EVAL_COUNTS = 64 };
extern const int ij_eval_k[IJ_EVAL_KS]; /* 10, 20, 100, 200 */

typedef enum ij_eval_source { IJ_EVAL_TRAINED, IJ_EVAL_RANDOM, IJ_EVAL_PIXELS, IJ_EVAL_SOURCES } ij_eval_source;
typedef enum ij_eval_head {
    IJ_EVAL_LINEAR,
    IJ_EVAL_KNN,
    IJ_EVAL_FEW_LABELS,
    IJ_EVAL_RIDGE,
    IJ_EVAL_HEADS
} ij_eval_head;

/* What few labels gave: the share of right answers in each draw. */
typedef struct ij_eval_few {
    double share;                             /* of the training set; 0: shots */
    int64_t shots, images;                    /* of each class; in all */
    double top1[IJ_EVAL_DRAWS], mean, spread; /* spread: the standard deviation of a draw */
} ij_eval_few;

/* One kind of features, measured. */
typedef struct ij_eval_row {
    ij_eval_source source;
    int layers, cells; /* 1 or 4; 1 (mean) or 2 (2x2). Of pixels 0 */
    int width;
    ij_linear_result linear; /* these four where there are classes and the head is wanted */
    ij_score nearest[IJ_EVAL_KS];
    ij_eval_few few[IJ_EVAL_FEW];
    ij_ridge_class_result ridge;
    ij_ridge_value_result value; /* where there is a target */
} ij_eval_row;

typedef struct ij_evaluation {
    /* Set by the caller: */
    ij_device *device;
    ij_model_file *file;
    ij_labelled_set *train, *test;                       /* matched; images that cannot be read are dropped from them */
    bool heads[IJ_EVAL_HEADS], sources[IJ_EVAL_SOURCES]; /* what is wanted */
    int64_t shots;                                       /* 0: 1 % and 10 % */
    uint64_t seed;                                       /* of what is drawn here */
    struct ij_ranks *ranks; /* who compute features together, and rank 0 measures; NULL: nobody else does */

    /* Results, ij_evaluation_free frees them: */
    ij_eval_row rows[IJ_EVAL_ROWS];
    int count;
    int few;             /* entries of `few` */
    bool start_is_known; /* the random start is the one that the model comes from, */
    uint64_t start_seed; /* of this seed */
    int pixels;          /* a side of the images that pixels are taken from */
    int64_t unreadable;
} ij_evaluation;

ij_status ij_evaluation_run(ij_evaluation *evaluation);
void ij_evaluation_free(ij_evaluation *evaluation);

/* "trained", "random start", "raw pixels". */
const char *ij_eval_source_name(ij_eval_source source);

/* The trained row whose held-out images were most often right by the linear probe: chosen without a look at the test
 * set. NULL without classes, a linear probe or trained rows. */
const ij_eval_row *ij_evaluation_best(const ij_evaluation *evaluation);

/* What people read, within 80 columns. */
void ij_evaluation_print(const ij_evaluation *evaluation);
/* All of it as JSON, which the caller frees. `model` is its name. IJ_ENOMEM. */
ij_status ij_evaluation_json(const ij_evaluation *evaluation, const char *model, const char *target, char **json);

#endif
