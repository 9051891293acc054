/* Kernel parameters: which there are, which values are legal together, which a device starts with. The one place that
 * the engine and the autotuner both read. A parameter is a macro of the kernels in cl/; kernels that share parameters
 * form a group. The database of measured choices (tuning_db.h) refines the defaults. */
#ifndef IJ_TUNING_H
#define IJ_TUNING_H

#include <stdbool.h>
#include <stddef.h>

/* CPU: a work-item owns a register tile, panels are packed, no barriers. GPU: a work-group tiles through local memory.
 * One contract: the same host functions (engine/ops), the same results within rounding. */
typedef enum ij_family { IJ_FAMILY_CPU, IJ_FAMILY_GPU } ij_family;

typedef enum ij_group {
    IJ_GROUP_DEVICE,    /* what all kernels of a device share: the layout of weights hangs on it */
    IJ_GROUP_GEMM,      /* products with weight panels, forward and to the input; shape N, K */
    IJ_GROUP_GRADIENT,  /* products for weight gradients; shape N, K of the weight */
    IJ_GROUP_ATTENTION, /* shape: head width */
    IJ_GROUP_ATTENTION_BACKWARD,
    IJ_GROUP_ROWS, /* LayerNorm and other passes over rows */
    IJ_GROUPS
} ij_group;

enum { IJ_MOST_PARAMS = 8, IJ_MOST_VALUES = 12, IJ_MOST_SOURCES = 9 };

typedef struct ij_param {
    const char *macro, *meaning;
    int values[IJ_MOST_VALUES]; /* those worth trying, ascending; ends with 0 */
} ij_param;

typedef struct ij_group_info {
    const char *name; /* "gemm": for command lines and the database */
    ij_param params[IJ_MOST_PARAMS];
    int count;
    /* What the group's kernels are made of, besides the family's common.cl: sources as ij_kernel_create names them,
     * which builds no other with this group; ends with NULL. What was measured with a group holds while they stay the
     * same. */
    const char *sources[IJ_MOST_SOURCES];
} ij_group_info;

/* Values of a group's parameters, in the table's order. */
typedef struct ij_choice {
    int value[IJ_MOST_PARAMS];
} ij_choice;

/* A choice measured for one shape. */
typedef struct ij_tuned {
    ij_group group;
    int shape[2];
    ij_choice choice;
} ij_tuned;

/* What a device's kernels are built with. */
typedef struct ij_tuning {
    ij_family family;
    ij_choice choice[IJ_GROUPS]; /* defaults of every group */
    ij_tuned *tuned;             /* better ones for single shapes; owned */
    int tuned_count;
    size_t local_bytes;    /* what the defaults keep to, 0 for no limit */
    size_t max_work_group; /* GPU: likewise */
    unsigned sub_groups;   /* GPU: the sum of the sub-group sizes that kernels may ask for */
} ij_tuning;

const ij_group_info *ij_group_of(ij_family family, ij_group group);

/* Whether a source is one of the group's. */
bool ij_group_has_source(const ij_group_info *info, const char *source);

/* The start: from the family and the device's native vector width in floats. `tuned` is empty. */
ij_tuning ij_tuning_default(ij_family family, int vector_width);

/* Refines the defaults by a device's properties; all but local_bytes count for the GPU family alone. sub_groups: as in
 * ij_tuning. */
void ij_tuning_fit(ij_tuning *t, const char *vendor, size_t max_work_group, size_t local_bytes, unsigned sub_groups);

/* Whether `choice` of `group` can be built beside the device's choice: NULL, or the reason why not.
 * local_bytes: the device's local memory. */
const char *ij_choice_illegal(const ij_tuning *t, ij_group group, const ij_choice *choice, size_t local_bytes);

/* Bytes of local memory that a group's kernels take with a choice, the one that takes the most: what legality and the
 * choice of blocks go by. width: the head width of attention, the widest row of LayerNorm; else of no account. */
size_t ij_tuning_local_bytes(const ij_tuning *t, ij_group group, const ij_choice *choice, int width);

/* The choice for a shape: a tuned one, else the group's default. */
const ij_choice *ij_choice_for(const ij_tuning *t, ij_group group, int shape0, int shape1);

/* The value of the parameter `macro` in the choice for a shape; the macro must be one of the group's. */
int ij_param_value(const ij_tuning *t, ij_group group, const char *macro, int shape0, int shape1);

/* Build options " -DMACRO=value..." of the device's group and this one, appended to `options`; false where they do not
 * fit. */
bool ij_tuning_options(const ij_tuning *t, ij_group group, int shape0, int shape1, char *options, size_t size);

/* Adds or replaces the choice for a shape; false where memory is short. */
bool ij_tuning_put(ij_tuning *t, ij_tuned tuned);

/* Shorthands for what the layout of weights hangs on. */
int ij_tuning_vw(const ij_tuning *t);
int ij_tuning_tn(const ij_tuning *t);

/* Columns that a work-group adds up where a matrix's columns are summed, and work-items of one that passes over rows.
 */
int ij_tuning_columns(const ij_tuning *t);
int ij_tuning_row_items(const ij_tuning *t);

#endif
