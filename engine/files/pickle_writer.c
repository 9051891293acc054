#include "engine/files/pickle_writer.h"

#include <stdlib.h>
#include <string.h>

static void append(ij_pickler *p, const void *data, size_t bytes)
{
    if (p->failed)
        return;
    if (bytes > p->room - p->length) {
        size_t room = 2 * (p->room + bytes);
        unsigned char *more = realloc(p->bytes, room);
        if (!more) {
            p->failed = true;
            return;
        }
        p->bytes = more;
        p->room = room;
    }
    memcpy(p->bytes + p->length, data, bytes);
    p->length += bytes;
}

static void opcode(ij_pickler *p, char code)
{
    append(p, &code, 1);
}

static void append_integer(ij_pickler *p, uint64_t value, int bytes)
{
    unsigned char little[8];
    for (int i = 0; i < bytes; i++)
        little[i] = (unsigned char)(value >> (8 * i));
    append(p, little, (size_t)bytes);
}

void ij_pickler_start(ij_pickler *p)
{
    *p = (ij_pickler){0};
    append(p, "\x80\x02", 2);
}

ij_status ij_pickler_finish(ij_pickler *p)
{
    opcode(p, '.');
    return p->failed ? ij_fail(IJ_ENOMEM, "no host memory to describe the checkpoint") : IJ_OK;
}

void ij_pickler_free(ij_pickler *p)
{
    free(p->bytes);
    *p = (ij_pickler){0};
}

/* ---- Plain values -------------------------------------------------------------------------------------------------
 */

void ij_pickler_none(ij_pickler *p)
{
    opcode(p, 'N');
}

void ij_pickler_bool(ij_pickler *p, bool value)
{
    opcode(p, value ? '\x88' : '\x89');
}

void ij_pickler_int(ij_pickler *p, int64_t value)
{
    if (value >= INT32_MIN && value <= INT32_MAX) {
        opcode(p, 'J');
        append_integer(p, (uint64_t)value, 4);
    } else {
        append(p, "\x8a\x08", 2);
        append_integer(p, (uint64_t)value, 8);
    }
}

/* A pickle's floats are big-endian. */
void ij_pickler_float(ij_pickler *p, double value)
{
    uint64_t bits, big = 0;
    memcpy(&bits, &value, sizeof bits);
    for (int i = 0; i < 8; i++)
        big |= (bits >> (8 * i) & 0xff) << (8 * (7 - i));
    opcode(p, 'G');
    append_integer(p, big, 8);
}

void ij_pickler_text(ij_pickler *p, const char *text)
{
    opcode(p, 'X');
    append_integer(p, strlen(text), 4);
    append(p, text, strlen(text));
}

void ij_pickler_global(ij_pickler *p, const char *module, const char *name)
{
    opcode(p, 'c');
    append(p, module, strlen(module));
    opcode(p, '\n');
    append(p, name, strlen(name));
    opcode(p, '\n');
}

/* ---- Collections --------------------------------------------------------------------------------------------------
 */

void ij_pickler_begin(ij_pickler *p)
{
    opcode(p, '(');
}

void ij_pickler_end_tuple(ij_pickler *p)
{
    opcode(p, 't');
}

void ij_pickler_begin_dict(ij_pickler *p)
{
    append(p, "}(", 2);
}

void ij_pickler_begin_ordered_dict(ij_pickler *p)
{
    ij_pickler_empty_ordered_dict(p);
    opcode(p, '(');
}

void ij_pickler_end_dict(ij_pickler *p)
{
    opcode(p, 'u');
}

void ij_pickler_begin_list(ij_pickler *p)
{
    append(p, "](", 2);
}

void ij_pickler_end_list(ij_pickler *p)
{
    opcode(p, 'e');
}

void ij_pickler_empty_ordered_dict(ij_pickler *p)
{
    ij_pickler_global(p, "collections", "OrderedDict");
    append(p, ")R", 2);
}

void ij_pickler_call(ij_pickler *p)
{
    opcode(p, 'R');
}

void ij_pickler_persistent(ij_pickler *p)
{
    opcode(p, 'Q');
}
