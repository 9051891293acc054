#include "engine/files/zip_writer.h"

#include "engine/base/try.h"
#include "engine/files/whole_file.h"

#include <zlib.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Sizes of the structures without names and extra fields; APPNOTE 4.3.7, 4.3.12, 4.3.14 to 4.3.16. */
enum { LOCAL = 30, CENTRAL = 46, END64 = 56, EXTRA64 = 12 };
enum { PLAIN = 20, ZIP64 = 45 }; /* the version of the specification that a reader needs, times ten */
enum {
    FIRST_OF_JANUARY_1980 = 33
}; /* the earliest time that can be written, so that the same model makes the same file */
enum { ALIGNMENT = 64, PADDING_KIND = 0x4246, PADDING_HEADER = 4, MOST_PADDING = ALIGNMENT + PADDING_HEADER };
enum { NAME_MAX_BYTES = 256 };
static const uint64_t beyond32 = 0xffffffff, beyond16 = 0xffff;

typedef struct record {
    char *name;
    uint32_t crc, bytes;
    uint64_t offset; /* of its local header */
} record;

struct ij_zip_writer {
    ij_whole_file *file;
    uint64_t position;
    record *records;
    size_t count, room;
};

/* ---- Little-endian structures -------------------------------------------------------------------------------------
 */

typedef struct structure {
    unsigned char bytes[CENTRAL + NAME_MAX_BYTES + EXTRA64 + MOST_PADDING];
    size_t length;
} structure;

static void put(structure *s, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        s->bytes[s->length++] = (unsigned char)(value >> (8 * i));
}

static void put_text(structure *s, const char *text)
{
    size_t length = strlen(text);
    memcpy(s->bytes + s->length, text, length);
    s->length += length;
}

static ij_status write_bytes(ij_zip_writer *w, const void *data, size_t bytes)
{
    TRY(ij_whole_file_write(w->file, data, bytes));
    w->position += bytes;
    return IJ_OK;
}

/* What local and central headers have in common, from the version needed to the length of the name. */
static void put_facts(structure *s, const record *r, int version)
{
    put(s, (uint64_t)version, 2);
    put(s, 0, 2); /* flags */
    put(s, 0, 2); /* stored */
    put(s, 0, 2); /* time */
    put(s, FIRST_OF_JANUARY_1980, 2);
    put(s, r->crc, 4);
    put(s, r->bytes, 4);
    put(s, r->bytes, 4);
    put(s, strlen(r->name), 2);
}

/* ---- Records --------------------------------------------------------------------------------------------------------
 */

ij_status ij_zip_create(ij_zip_writer **out, const char *path)
{
    *out = NULL;
    ij_zip_writer *w = calloc(1, sizeof *w);
    if (!w)
        return ij_fail(IJ_ENOMEM, "%s: no memory to write it", path);
    ij_status status = ij_whole_file_create(&w->file, path);
    if (status)
        free(w);
    else
        *out = w;
    return status;
}

static ij_status append_record(ij_zip_writer *w, const char *name)
{
    if (w->count == w->room) {
        size_t room = w->room ? 2 * w->room : 64;
        record *more = realloc(w->records, room * sizeof *more);
        if (!more)
            return ij_fail(IJ_ENOMEM, "no memory for an archive's table of contents");
        w->records = more;
        w->room = room;
    }
    char *copy = malloc(strlen(name) + 1);
    if (!copy)
        return ij_fail(IJ_ENOMEM, "no memory for an archive's table of contents");
    strcpy(copy, name);
    w->records[w->count++] = (record){.name = copy};
    return IJ_OK;
}

/* The local header. An extra field that nobody reads moves the data to the next multiple of ALIGNMENT. */
static void put_local(structure *s, const record *r)
{
    uint64_t data = r->offset + LOCAL + strlen(r->name) + PADDING_HEADER;
    uint64_t padding = (ALIGNMENT - data % ALIGNMENT) % ALIGNMENT;
    put(s, 0x04034b50, 4);
    put_facts(s, r, PLAIN);
    put(s, PADDING_HEADER + padding, 2);
    put_text(s, r->name);
    put(s, PADDING_KIND, 2);
    put(s, padding, 2);
    while (padding-- > 0)
        put(s, 'Z', 1); /* as torch fills it */
}

ij_status ij_zip_add(ij_zip_writer *w, const char *name, const void *data, size_t bytes)
{
    if (bytes >= beyond32 || strlen(name) > NAME_MAX_BYTES)
        return ij_fail(IJ_EINVAL, "record %s, of %zu bytes, is too large for an archive", name, bytes);
    TRY(append_record(w, name));
    record *r = &w->records[w->count - 1];
    r->crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), data, bytes);
    r->bytes = (uint32_t)bytes;
    r->offset = w->position;
    structure header = {.length = 0};
    put_local(&header, r);
    TRY(write_bytes(w, header.bytes, header.length));
    return write_bytes(w, data, bytes);
}

/* ---- The table of contents ------------------------------------------------------------------------------------------
 */

static void put_central(structure *s, const record *r)
{
    bool far = r->offset >= beyond32;
    put(s, 0x02014b50, 4);
    put(s, far ? ZIP64 : PLAIN, 2); /* made by */
    put_facts(s, r, far ? ZIP64 : PLAIN);
    put(s, far ? EXTRA64 : 0, 2);
    put(s, 0, 2); /* comment */
    put(s, 0, 2); /* disk */
    put(s, 0, 2); /* attributes, internal ... */
    put(s, 0, 4); /* ... and external */
    put(s, far ? beyond32 : r->offset, 4);
    put_text(s, r->name);
    if (far) {
        put(s, 1, 2);
        put(s, EXTRA64 - 4, 2);
        put(s, r->offset, 8);
    }
}

/* The end of an archive that has outgrown the plain one's fields. */
static void put_end64(structure *s, uint64_t records, uint64_t start, uint64_t end)
{
    put(s, 0x06064b50, 4);
    put(s, END64 - 12, 8); /* what follows this field */
    put(s, ZIP64, 2);
    put(s, ZIP64, 2);
    put(s, 0, 4);
    put(s, 0, 4);
    put(s, records, 8);
    put(s, records, 8);
    put(s, end - start, 8);
    put(s, start, 8);
    put(s, 0x07064b50, 4); /* the locator */
    put(s, 0, 4);
    put(s, end, 8);
    put(s, 1, 4);
}

static uint64_t capped(uint64_t value, uint64_t most)
{
    return value < most ? value : most;
}

static void put_end(structure *s, uint64_t records, uint64_t start, uint64_t end)
{
    put(s, 0x06054b50, 4);
    put(s, 0, 2);
    put(s, 0, 2);
    put(s, capped(records, beyond16), 2);
    put(s, capped(records, beyond16), 2);
    put(s, capped(end - start, beyond32), 4);
    put(s, capped(start, beyond32), 4);
    put(s, 0, 2); /* comment */
}

static ij_status write_contents(ij_zip_writer *w)
{
    uint64_t start = w->position;
    for (size_t i = 0; i < w->count; i++) {
        structure central = {.length = 0};
        put_central(&central, &w->records[i]);
        TRY(write_bytes(w, central.bytes, central.length));
    }
    uint64_t end = w->position;
    structure tail = {.length = 0};
    if (w->count >= beyond16 || end >= beyond32)
        put_end64(&tail, w->count, start, end);
    put_end(&tail, w->count, start, end);
    return write_bytes(w, tail.bytes, tail.length);
}

static void free_writer(ij_zip_writer *w)
{
    for (size_t i = 0; i < w->count; i++)
        free(w->records[i].name);
    free(w->records);
    free(w);
}

ij_status ij_zip_finish(ij_zip_writer *w)
{
    ij_status status = write_contents(w);
    if (status) {
        ij_zip_abandon(w);
        return status;
    }
    status = ij_whole_file_finish(w->file);
    free_writer(w);
    return status;
}

void ij_zip_abandon(ij_zip_writer *w)
{
    if (!w)
        return;
    ij_whole_file_abandon(w->file);
    free_writer(w);
}
