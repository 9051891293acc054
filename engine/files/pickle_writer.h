/* Writes a Python pickle of protocol 2 into memory, opcode by opcode: what an exported checkpoint's structure needs and
 * no more. Source: CPython's Lib/pickletools.py. Nothing is memoised: a value that is written twice is two values.
 * Each function appends; where memory ran out the rest is passed over and ij_pickler_finish tells. */
#ifndef IJ_PICKLE_WRITER_H
#define IJ_PICKLE_WRITER_H

#include "engine/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ij_pickler {
    unsigned char *bytes; /* ij_pickler_free's */
    size_t length, room;
    bool failed;
} ij_pickler;

void ij_pickler_start(ij_pickler *p);
ij_status ij_pickler_finish(ij_pickler *p); /* the last opcode; IJ_ENOMEM */
void ij_pickler_free(ij_pickler *p);

void ij_pickler_none(ij_pickler *p);
void ij_pickler_bool(ij_pickler *p, bool value);
void ij_pickler_int(ij_pickler *p, int64_t value);
void ij_pickler_float(ij_pickler *p, double value);
void ij_pickler_text(ij_pickler *p, const char *text);                       /* UTF-8 */
void ij_pickler_global(ij_pickler *p, const char *module, const char *name); /* a class or function, by name */

/* What stands between a begin and its end becomes one value; they nest. */
void ij_pickler_begin(ij_pickler *p); /* of a tuple */
void ij_pickler_end_tuple(ij_pickler *p);
void ij_pickler_begin_dict(ij_pickler *p); /* then key, value, key, value, ... */
void ij_pickler_begin_ordered_dict(ij_pickler *p);
void ij_pickler_end_dict(ij_pickler *p); /* of either kind */
void ij_pickler_begin_list(ij_pickler *p);
void ij_pickler_end_list(ij_pickler *p);

void ij_pickler_empty_ordered_dict(ij_pickler *p);
void ij_pickler_call(ij_pickler *p);       /* the function and the tuple before it: becomes the result */
void ij_pickler_persistent(ij_pickler *p); /* the value before it names something outside the pickle */

#endif
