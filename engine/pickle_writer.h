/* Writes a Python pickle of protocol 2 into memory, opcode by opcode: what an exported checkpoint's structure needs and
 * no more. Source: CPython's Lib/pickletools.py. Nothing is memoised: a value that is written twice is two values.
 * Each function appends; where memory ran out the rest is passed over and ij_pickle_finish tells. */
#ifndef IJ_PICKLE_WRITER_H
#define IJ_PICKLE_WRITER_H

#include "engine/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ij_pickle {
    unsigned char *bytes; /* ij_pickle_free's */
    size_t length, room;
    bool failed;
} ij_pickle;

void ij_pickle_start(ij_pickle *p);
ij_status ij_pickle_finish(ij_pickle *p); /* the last opcode; IJ_ENOMEM */
void ij_pickle_free(ij_pickle *p);

void ij_pickle_none(ij_pickle *p);
void ij_pickle_bool(ij_pickle *p, bool value);
void ij_pickle_int(ij_pickle *p, int64_t value);
void ij_pickle_float(ij_pickle *p, double value);
void ij_pickle_text(ij_pickle *p, const char *text);                       /* UTF-8 */
void ij_pickle_global(ij_pickle *p, const char *module, const char *name); /* a class or function, by name */

/* What stands between a begin and its end becomes one value; they nest. */
void ij_pickle_begin(ij_pickle *p); /* of a tuple */
void ij_pickle_end_tuple(ij_pickle *p);
void ij_pickle_begin_dict(ij_pickle *p); /* then key, value, key, value, ... */
void ij_pickle_begin_ordered_dict(ij_pickle *p);
void ij_pickle_end_dict(ij_pickle *p); /* of either kind */
void ij_pickle_begin_list(ij_pickle *p);
void ij_pickle_end_list(ij_pickle *p);

void ij_pickle_empty_ordered_dict(ij_pickle *p);
void ij_pickle_call(ij_pickle *p);       /* the function and the tuple before it: becomes the result */
void ij_pickle_persistent(ij_pickle *p); /* the value before it names something outside the pickle */

#endif
