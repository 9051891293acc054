/* An implementation: one way to compute an operation, with the kernels, parameters and limits that belong to it. The
 * table ij_implementations (engine/ops/implementations.c) lists all of them; the first of an operation that offers
 * itself is what a device takes, unless the tuning database or IJEPA_IMPL says otherwise (tuning.h). */
#ifndef IJ_IMPLEMENTATION_H
#define IJ_IMPLEMENTATION_H

#include "engine/device.h"

#include <stdbool.h>
#include <stddef.h>

/* Operations that are implemented, tuned and chosen on their own. */
typedef enum ij_group {
    IJ_GROUP_DEVICE,    /* no operation: what the kernels of other implementations have in common */
    IJ_GROUP_GEMM,      /* products with a weight, forward and to the input; shape N, K */
    IJ_GROUP_GRADIENT,  /* products for weight gradients; shape N, K of the weight */
    IJ_GROUP_ATTENTION, /* shape: head width */
    IJ_GROUP_ATTENTION_BACKWARD,
    IJ_GROUP_ROWS, /* LayerNorm and other passes over rows */
    IJ_GROUPS
} ij_group;

/* How the weights of a linear layer lie in memory. ROWS: [out][in]. PANELS: [ceil(out/TN)][in][TN], lanes beyond `out`
 * are padding. NONE: no matrix, or an operation that reads no weights. */
typedef enum ij_layout { IJ_LAYOUT_NONE, IJ_LAYOUT_ROWS, IJ_LAYOUT_PANELS } ij_layout;

enum { IJ_MOST_PARAMS = 8, IJ_MOST_VALUES = 12, IJ_MOST_SOURCES = 9, IJ_MOST_BEFORE = 4, IJ_MOST_IMPLEMENTATIONS = 24 };

/* A parameter is a macro of the kernels in cl/. */
typedef struct ij_param {
    const char *macro, *meaning;
    int values[IJ_MOST_VALUES]; /* those worth trying, ascending; ends with 0 */
} ij_param;

/* Values of an implementation's parameters, in the order of its list. */
typedef struct ij_choice {
    int value[IJ_MOST_PARAMS];
} ij_choice;

typedef struct ij_tuning ij_tuning;

typedef struct ij_implementation {
    const char *name; /* "tile": for IJEPA_IMPL, command lines and the database */
    ij_group group;
    ij_layout layout; /* that its weights have */
    /* What its kernels share with those of other implementations, parameters too; NULL for that itself, and for a
     * library. */
    const struct ij_implementation *common;
    /* The files of cl/, without ".cl", that its kernels are made of, each a program; of a common one also those that
     * are put before every program. What was measured holds while all of them stay the same. Both end with NULL. */
    const char *sources[IJ_MOST_SOURCES], *before[IJ_MOST_BEFORE];
    const char *standard; /* the version of OpenCL C, "CL2.0"; NULL: CL1.2 */
    const char *prefix; /* of a common one: what names of its files begin with where another one's have the same name */
    ij_param params[IJ_MOST_PARAMS];
    int count;
    /* Of a common one: rows need not start at multiples of a vector; elsewhere ALIGNED=0 says that they do not. */
    bool any_width;

    /* What the device lacks to build it, or NULL; no function: every device can. */
    const char *(*lacks)(const ij_device_info *device);
    /* Whether it is worth trying on the device; no function: wherever it can be built. */
    bool (*offers)(const ij_device_info *device);
    /* The parameters to begin with. */
    ij_choice (*start)(const ij_tuning *t);
    /* A better beginning for one shape, from the one for all; no function: that. */
    const ij_choice *(*fit)(const ij_tuning *t, const ij_choice *start, int shape0);
    /* Parameters to fall back to, one after the other, where a driver allows a kernel fewer work-items than its device
     * says, or the built kernel takes more local memory than the device has. */
    const ij_choice *smaller;
    int smaller_count;
    /* Why parameters cannot be built beside the common ones, or NULL; no function: all can. */
    const char *(*illegal)(const ij_tuning *t, const ij_choice *choice);
    /* Bytes of local memory of the kernel that takes the most. width: the head width of attention, the widest row of
     * LayerNorm; else of no account. No function: none. */
    size_t (*local_bytes)(const ij_tuning *t, const ij_choice *choice, int width);
} ij_implementation;

/* All there are, those of an operation in the order in which they are preferred; ends with NULL. */
extern const ij_implementation *const ij_implementations[];

/* The value of a parameter; 0 where the implementation has none of that name. */
int ij_choice_value(const ij_implementation *of, const ij_choice *choice, const char *macro);

/* The file in cl/ of a source: the listed name itself, or the one behind the common prefix; NULL where none is listed.
 */
const char *ij_source_file(const ij_implementation *of, const char *source);

/* The implementation itself where it is a common one, else what it has in common. */
const ij_implementation *ij_common_of(const ij_implementation *of);

/* The operation's name, "gemm". */
const char *ij_group_name(ij_group group);

/* The implementation of that name, or NULL; `length` characters of it count. */
const ij_implementation *ij_implementation_named(ij_group group, const char *name, size_t length);

/* "MACRO=value MACRO=value", in the list's order. */
void ij_choice_print(const ij_implementation *of, const ij_choice *choice, char *text, size_t size);
/* The reverse: NULL, or why not, a static string. Every parameter must be there, with a value of its list. */
const char *ij_choice_parse(const ij_implementation *of, const char *text, ij_choice *choice);

/* All choices, legal or not, the last parameter running fastest; false after the last one. */
ij_choice ij_choice_first(const ij_implementation *of);
bool ij_choice_next(const ij_implementation *of, ij_choice *choice);

#endif
