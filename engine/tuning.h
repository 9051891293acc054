/* What a device's kernels are built with: which implementation each operation takes and with which parameters, for all
 * shapes and for single ones. It starts from what implementations say of themselves; the database of measured choices
 * (tuning_db.h) refines it. */
#ifndef IJ_TUNING_H
#define IJ_TUNING_H

#include "engine/implementation.h"

/* A choice measured for one shape. */
typedef struct ij_tuned {
    const ij_implementation *of;
    int shape[2];
    ij_choice choice;
} ij_tuned;

struct ij_tuning {
    const ij_device_info *device;
    const ij_implementation *row[IJ_GROUPS];  /* what an operation takes where nothing is tuned */
    ij_choice start[IJ_MOST_IMPLEMENTATIONS]; /* of every implementation, in the table's order */
    int shrunk[IJ_MOST_IMPLEMENTATIONS];      /* fallbacks that were used, see ij_tuning_shrink */
    ij_tuned *tuned;                          /* better ones for single shapes; owned */
    int tuned_count;
};

/* The start, for a device that outlives the tuning. `tuned` is empty. */
void ij_tuning_start(ij_tuning *t, const ij_device_info *device);

/* Takes other implementations: words "OPERATION=NAME", or NAME for every operation that has one of that name;
 * `product` stands for gemm and gradient, `attention` for both its directions. NULL, or why not, in a text that the
 * next call overwrites. Before anything is tuned. */
const char *ij_tuning_take(ij_tuning *t, const char *words);

/* Takes one implementation for its operation, and where that changes the layout of weights or what kernels have in
 * common, what follows from it. */
void ij_tuning_take_one(ij_tuning *t, const ij_implementation *of);

/* Whether a shape of the operation may be computed by it beside the others: it can be built, and weights lie as it
 * wants them. */
bool ij_tuning_allows(const ij_tuning *t, const ij_implementation *of);

/* Why a choice cannot be built beside the common parameters, or NULL. */
const char *ij_choice_illegal(const ij_tuning *t, const ij_implementation *of, const ij_choice *choice);

/* Bytes of local memory that the implementation's kernels take with a choice: see ij_implementation. */
size_t ij_tuning_local_bytes(const ij_tuning *t, const ij_implementation *of, const ij_choice *choice, int width);

/* Parameters to begin with. */
ij_choice *ij_tuning_start_of(ij_tuning *t, const ij_implementation *of);

/* What computes a shape: what was tuned for it, else what the operation takes. */
const ij_implementation *ij_row_for(const ij_tuning *t, ij_group group, int shape0, int shape1);
/* An implementation's parameters for a shape: tuned ones, else those it begins with. */
const ij_choice *ij_choice_for(const ij_tuning *t, const ij_implementation *of, int shape0, int shape1);

/* The value of a parameter of an implementation, or of what it has in common, in the choice for a shape. */
int ij_param_value(const ij_tuning *t, const ij_implementation *of, const char *macro, int shape0, int shape1);

/* Build options " -DMACRO=value..." of the common parameters and the implementation's own, appended to `options`; false
 * where they do not fit. */
bool ij_tuning_options(const ij_tuning *t, const ij_implementation *of, int shape0, int shape1, char *options,
                       size_t size);

/* After parameters that cannot be built: forgets what was tuned for the implementation or, where nothing was, begins
 * with its next smaller parameters for all shapes; false where there are none. */
bool ij_tuning_shrink(ij_tuning *t, const ij_implementation *of);

/* Adds or replaces the choice for an operation's shape; false where memory is short. */
bool ij_tuning_put(ij_tuning *t, ij_tuned tuned);

#endif
