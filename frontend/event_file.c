#include "frontend/event_file.h"

#include "engine/base/try.h"
#include "frontend/crc32c.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- Protocol buffers' wire format ---------------------------------------------------------------------------------
 */

/* The fields of the messages, by number. */
enum { EVENT_WALL_TIME = 1, EVENT_STEP = 2, EVENT_FILE_VERSION = 3, EVENT_SUMMARY = 5, EVENT_SESSION_LOG = 7 };
enum { SUMMARY_VALUE = 1, VALUE_TAG = 1, VALUE_SIMPLE = 2, VALUE_IMAGE = 4 };
enum { IMAGE_HEIGHT = 1, IMAGE_WIDTH = 2, IMAGE_COLOURS = 3, IMAGE_ENCODED = 4, RGB = 3 };
enum { SESSION_STATUS = 1, START = 1 };
enum wire { VARINT = 0, BITS64 = 1, BYTES = 2, BITS32 = 5 };

/* A message as it grows. */
typedef struct message {
    uint8_t *bytes;
    size_t size, room;
    int failed; /* out of memory */
} message;

static void put(message *m, const void *bytes, size_t size)
{
    if (m->size + size > m->room) {
        size_t room = 2 * (m->size + size);
        uint8_t *longer = realloc(m->bytes, room);
        if (!longer) {
            m->failed = 1;
            return;
        }
        m->bytes = longer;
        m->room = room;
    }
    if (size)
        memcpy(m->bytes + m->size, bytes, size);
    m->size += size;
}

static void put_varint(message *m, uint64_t value)
{
    for (; value >= 128; value >>= 7)
        put(m, &(uint8_t){(uint8_t)(value | 128)}, 1);
    put(m, &(uint8_t){(uint8_t)value}, 1);
}

static void put_little_endian(message *m, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        put(m, &(uint8_t){(uint8_t)(value >> 8 * i)}, 1);
}

static void put_key(message *m, int field, enum wire wire)
{
    put_varint(m, (uint64_t)(field << 3 | (int)wire));
}

static void put_int(message *m, int field, int64_t value)
{
    put_key(m, field, VARINT);
    put_varint(m, (uint64_t)value);
}

static void put_double(message *m, int field, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_key(m, field, BITS64);
    put_little_endian(m, bits, 8);
}

static void put_float(message *m, int field, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_key(m, field, BITS32);
    put_little_endian(m, bits, 4);
}

static void put_bytes(message *m, int field, const void *bytes, size_t size)
{
    put_key(m, field, BYTES);
    put_varint(m, size);
    put(m, bytes, size);
}

/* Puts `part` into `whole` and frees it. */
static void put_message(message *whole, int field, message *part)
{
    put_bytes(whole, field, part->bytes, part->size);
    whole->failed |= part->failed;
    free(part->bytes);
    *part = (message){0};
}

/* ---- Records -------------------------------------------------------------------------------------------------------
 */

/* As TensorFlow stores them, so that a checksum of bytes with checksums in them stays a good one. */
static uint32_t masked_crc(const void *bytes, size_t size)
{
    uint32_t crc = ij_crc32c(bytes, size);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* Length and its checksum, content and its checksum. Frees the event. */
static ij_status write_record(ij_event_file *e, message *event)
{
    message framed = {0};
    put_little_endian(&framed, event->size, 8);
    put_little_endian(&framed, framed.failed ? 0 : masked_crc(framed.bytes, 8), 4);
    put(&framed, event->bytes, event->size);
    put_little_endian(&framed, masked_crc(event->bytes, event->size), 4);
    int failed = framed.failed | event->failed;
    free(event->bytes);
    errno = 0;
    int written = !failed && fwrite(framed.bytes, 1, framed.size, e->file) == framed.size && !fflush(e->file);
    free(framed.bytes);
    if (failed)
        return ij_fail(IJ_ENOMEM, "no memory for an event in %s", e->path);
    return written ? IJ_OK
                   : ij_fail(IJ_EIO, "cannot write %s: %s", e->path, errno ? strerror(errno) : "is the disk full?");
}

static void begin_event(message *m, int64_t step)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    put_double(m, EVENT_WALL_TIME, (double)now.tv_sec + 1e-9 * (double)now.tv_nsec);
    put_int(m, EVENT_STEP, step);
}

/* ---- The file ------------------------------------------------------------------------------------------------------
 */

/* Readers take files in the order of their names, so the time is in it; of two in one second the later one's is
 * moved on. */
static ij_status make_file(ij_event_file *e, const char *folder, const char *tag)
{
    int fd = -1;
    long long seconds = (long long)time(NULL);
    for (int tries = 0; fd < 0 && tries < 1000; tries++) {
        snprintf(e->path, sizeof e->path, "%s/events.out.tfevents.%010lld.%s", folder, seconds + tries, tag);
        fd = open(e->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    e->file = fd < 0 ? NULL : fdopen(fd, "wb");
    if (e->file)
        return IJ_OK;
    int error = errno;
    if (fd >= 0)
        close(fd);
    return ij_fail(IJ_EIO, "cannot write %s: %s", e->path, strerror(error));
}

ij_status ij_event_file_open(ij_event_file *e, const char *folder, const char *tag, int64_t step)
{
    static const char version[] = "brain.Event:2";
    *e = (ij_event_file){0};
    TRY(make_file(e, folder, tag));
    message event = {0}, session = {0};
    begin_event(&event, 0);
    put_bytes(&event, EVENT_FILE_VERSION, version, strlen(version));
    TRY(write_record(e, &event));
    event = (message){0};
    begin_event(&event, step);
    put_int(&session, SESSION_STATUS, START);
    put_message(&event, EVENT_SESSION_LOG, &session);
    return write_record(e, &event);
}

ij_status ij_event_file_scalars(ij_event_file *e, int64_t step, const ij_event_scalar *scalars, int count)
{
    if (!e->file)
        return IJ_OK;
    message event = {0}, summary = {0};
    begin_event(&event, step);
    for (int i = 0; i < count; i++) {
        if (isnan(scalars[i].value))
            continue;
        message value = {0};
        put_bytes(&value, VALUE_TAG, scalars[i].tag, strlen(scalars[i].tag));
        put_float(&value, VALUE_SIMPLE, (float)scalars[i].value);
        put_message(&summary, SUMMARY_VALUE, &value);
    }
    put_message(&event, EVENT_SUMMARY, &summary);
    return write_record(e, &event);
}

ij_status ij_event_file_picture(ij_event_file *e, int64_t step, const char *tag, const uint8_t *png, size_t size,
                                int width, int height)
{
    if (!e->file)
        return IJ_OK;
    message event = {0}, summary = {0}, value = {0}, image = {0};
    begin_event(&event, step);
    put_int(&image, IMAGE_HEIGHT, height);
    put_int(&image, IMAGE_WIDTH, width);
    put_int(&image, IMAGE_COLOURS, RGB);
    put_bytes(&image, IMAGE_ENCODED, png, size);
    put_bytes(&value, VALUE_TAG, tag, strlen(tag));
    put_message(&value, VALUE_IMAGE, &image);
    put_message(&summary, SUMMARY_VALUE, &value);
    put_message(&event, EVENT_SUMMARY, &summary);
    return write_record(e, &event);
}

void ij_event_file_close(ij_event_file *e)
{
    if (e->file)
        fclose(e->file);
    e->file = NULL;
}
