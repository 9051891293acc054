/* CRC-32C by the vectors of RFC 3720 (B.4), the bytes of an event file's records, and where event files of an earlier
 * run go. */
#include "frontend/crc32c.h"
#include "frontend/event_file.h"
#include "frontend/event_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void checksums(void **state)
{
    (void)state;
    uint8_t bytes[32] = {0};
    assert_int_equal(ij_crc32c(bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, 32);
    assert_int_equal(ij_crc32c(bytes, 32), 0x62a8ab43);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(ij_crc32c(bytes, 32), 0x46dd794e);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)(31 - i);
    assert_int_equal(ij_crc32c(bytes, 32), 0x113fdb5c);
    assert_int_equal(ij_crc32c("123456789", 9), 0xe3069283);
    assert_int_equal(ij_crc32c("", 0), 0);
}

static uint32_t number(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint32_t masked(const uint8_t *bytes, size_t size)
{
    uint32_t crc = ij_crc32c(bytes, size);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

/* The content of the record at *at, which moves on; both checksums are compared. */
static const uint8_t *record(const uint8_t *file, size_t size, size_t *at, size_t *length)
{
    const uint8_t *head = file + *at;
    assert_true(*at + 12 <= size);
    *length = number(head);
    assert_int_equal(number(head + 4), 0);
    assert_int_equal(number(head + 8), masked(head, 8));
    assert_true(*at + 16 + *length <= size);
    assert_int_equal(number(head + 12 + *length), masked(head + 12, *length));
    *at += 16 + *length;
    return head + 12;
}

static void records(void **state)
{
    (void)state;
    char folder[] = "/tmp/ijepa-events-XXXXXX";
    static uint8_t file[4096];
    ij_event_file e;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(ij_event_file_open(&e, folder, "tag", 300), IJ_OK);
    const ij_event_scalar scalars[] = {{"loss", 0.5}, {"unknown", NAN}, {"a/b", -2}};
    assert_int_equal(ij_event_file_scalars(&e, 300, scalars, 3), IJ_OK);
    assert_int_equal(ij_event_file_picture(&e, 301, "p", (const uint8_t *)"PNG", 3, 200, 7), IJ_OK);
    ij_event_file_close(&e);
    FILE *in = fopen(e.path, "rb");
    assert_non_null(in);
    size_t size = fread(file, 1, sizeof file, in), at = 0, length;
    fclose(in);

    /* Each begins with field 1, the time, and field 2, the step. */
    const uint8_t *r = record(file, size, &at, &length);
    static const uint8_t version[] = "\x10\x00\x1a\x0d"
                                     "brain.Event:2";
    assert_int_equal(r[0], 0x09);
    assert_int_equal(length, 9 + sizeof version - 1);
    assert_memory_equal(r + 9, version, sizeof version - 1);
    r = record(file, size, &at, &length);
    static const uint8_t start[] = {0x10, 0xac, 0x02, 0x3a, 0x02, 0x08, 0x01};
    assert_int_equal(length, 9 + sizeof start);
    assert_memory_equal(r + 9, start, sizeof start);
    r = record(file, size, &at, &length);
    static const uint8_t values[] = {0x10, 0xac, 0x02, 0x2a, 0x19, 0x0a, 0x0b, 0x0a, 0x04, 'l',
                                     'o',  's',  's',  0x15, 0,    0,    0,    0x3f, 0x0a, 0x0a,
                                     0x0a, 0x03, 'a',  '/',  'b',  0x15, 0,    0,    0,    0xc0};
    assert_int_equal(length, 9 + sizeof values);
    assert_memory_equal(r + 9, values, sizeof values);
    r = record(file, size, &at, &length);
    static const uint8_t picture[] = {0x10, 0xad, 0x02, 0x2a, 0x13, 0x0a, 0x11, 0x0a, 0x01, 'p', 0x22, 0x0c,
                                      0x08, 0x07, 0x10, 0xc8, 0x01, 0x18, 0x03, 0x22, 0x03, 'P', 'N',  'G'};
    assert_int_equal(length, 9 + sizeof picture);
    assert_memory_equal(r + 9, picture, sizeof picture);
    assert_int_equal(at, size);

    unlink(e.path);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(ij_event_file_open(&e, "/nowhere/at/all", "tag", 0), IJ_EIO);
    assert_int_equal(ij_event_file_scalars(&e, 0, scalars, 1), IJ_OK); /* none is open */
}

static int count(const char *folder, const char *part)
{
    int found = 0;
    DIR *open = opendir(folder);
    assert_non_null(open);
    for (struct dirent *entry; (entry = readdir(open));)
        found += strstr(entry->d_name, part) != NULL;
    closedir(open);
    return found;
}

static void make(const char *folder, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
}

/* Two files in one second, then a run anew, then another one. */
static void earlier_runs(void **state)
{
    (void)state;
    char folder[] = "/tmp/ijepa-events-XXXXXX", command[64];
    ij_event_file a, b;
    bool kept = false;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(ij_event_folder_keep(folder, "tag", &kept), IJ_OK);
    assert_false(kept);
    assert_int_equal(ij_event_file_open(&a, folder, "tag", 0), IJ_OK);
    assert_int_equal(ij_event_file_open(&b, folder, "tag", 0), IJ_OK);
    ij_event_file_close(&a);
    ij_event_file_close(&b);
    assert_true(strcmp(a.path, b.path) < 0);
    make(folder, "events.out.tfevents.5.other"); /* another run's, or no number */
    make(folder, "events.out.tfevents.x.tag");
    make(folder, "tag-events-1~");
    assert_int_equal(ij_event_folder_keep(folder, "tag", &kept), IJ_OK);
    assert_true(kept);
    assert_int_equal(count(folder, "tfevents"), 2);
    assert_int_equal(count(folder, "tag-events-"), 2); /* tag-events-1~ was the run's before */
    kept = false;
    assert_int_equal(ij_event_folder_keep(folder, "tag", &kept), IJ_OK);
    assert_false(kept);
    assert_int_equal(count(folder, "tag-events-"), 2); /* nothing new: nothing goes */
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(checksums), cmocka_unit_test(records),
                                       cmocka_unit_test(earlier_runs)};
    return cmocka_run_group_tests_name("event_file", tests, NULL, NULL);
}
