/* The bytes of pickles and zip archives, by hand from their specifications; other programs' readers judge whole files
 * in test_export.sh. */
#include "engine/files/pickle_writer.h"
#include "engine/files/zip_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- Pickles --------------------------------------------------------------------------------------------------------
 */

static void values(void **state)
{
    (void)state;
    static const char wanted[] = "\x80\x02"
                                 "}("
                                 "X\x01\0\0\0a"
                                 "J\xfe\xff\xff\xff"
                                 "X\x02\0\0\0\xc3\xa4"
                                 "\x8a\x08\0\0\0\x80\0\0\0\0" /* 2^31 no longer fits into 32 bits */
                                 "X\0\0\0\0"
                                 "(G\x3f\xb9\x99\x99\x99\x99\x99\x9aNt"
                                 "X\x01\0\0\0l"
                                 "](\x88\x89"
                                 "e"
                                 "X\x01\0\0\0o"
                                 "ccollections\nOrderedDict\n)R(u"
                                 "X\x01\0\0\0p"
                                 "cm\nf\n(X\x01\0\0\0sQtR"
                                 "u.";
    ij_pickler p;
    ij_pickler_start(&p);
    ij_pickler_begin_dict(&p);
    ij_pickler_text(&p, "a");
    ij_pickler_int(&p, -2);
    ij_pickler_text(&p, "\xc3\xa4");
    ij_pickler_int(&p, INT64_C(1) << 31);
    ij_pickler_text(&p, "");
    ij_pickler_begin(&p);
    ij_pickler_float(&p, 0.1);
    ij_pickler_none(&p);
    ij_pickler_end_tuple(&p);
    ij_pickler_text(&p, "l");
    ij_pickler_begin_list(&p);
    ij_pickler_bool(&p, true);
    ij_pickler_bool(&p, false);
    ij_pickler_end_list(&p);
    ij_pickler_text(&p, "o");
    ij_pickler_begin_ordered_dict(&p);
    ij_pickler_end_dict(&p);
    ij_pickler_text(&p, "p");
    ij_pickler_global(&p, "m", "f");
    ij_pickler_begin(&p);
    ij_pickler_text(&p, "s");
    ij_pickler_persistent(&p);
    ij_pickler_end_tuple(&p);
    ij_pickler_call(&p);
    ij_pickler_end_dict(&p);
    assert_int_equal(ij_pickler_finish(&p), IJ_OK);
    assert_int_equal(p.length, sizeof wanted - 1);
    assert_memory_equal(p.bytes, wanted, p.length);
    ij_pickler_free(&p);
}

/* ---- Archives -------------------------------------------------------------------------------------------------------
 */

static char folder[] = "/tmp/ijepa-archive-XXXXXX", path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/a.zip", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static unsigned char *read_file(size_t *bytes)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    *bytes = (size_t)st.st_size;
    unsigned char *text = malloc(*bytes);
    FILE *f = fopen(path, "rb");
    assert_non_null(text);
    assert_non_null(f);
    assert_int_equal(fread(text, 1, *bytes, f), *bytes);
    fclose(f);
    return text;
}

static uint64_t little(const unsigned char *p, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; i--)
        value = value << 8 | p[i];
    return value;
}

static void small_archive(void **state)
{
    (void)state;
    ij_zip_writer *zip;
    size_t bytes;
    assert_int_equal(ij_zip_create(&zip, path), IJ_OK);
    assert_int_equal(ij_zip_add(zip, "a/one", "123456789", 9), IJ_OK);
    assert_int_equal(ij_zip_add(zip, "a/none", "", 0), IJ_OK);
    assert_int_not_equal(access(path, F_OK), 0); /* only when it is whole */
    assert_int_equal(ij_zip_finish(zip), IJ_OK);
    unsigned char *text = read_file(&bytes);
    assert_int_equal(little(text, 4), 0x04034b50);
    assert_int_equal(little(text + 14, 4), 0xcbf43926); /* the check value of CRC-32 */
    assert_int_equal(little(text + 18, 4), 9);
    assert_int_equal(30 + little(text + 26, 2) + little(text + 28, 2), 64);
    assert_memory_equal(text + 64, "123456789", 9);
    const unsigned char *end = text + bytes - 22;
    assert_int_equal(little(end, 4), 0x06054b50);
    assert_int_equal(little(end + 8, 2), 2);
    assert_int_equal(little(end + 10, 2), 2);
    assert_int_equal(little(end + 16, 4) + little(end + 12, 4), bytes - 22);
    const unsigned char *central = text + little(end + 16, 4) + 46 + 5;
    assert_int_equal(little(central, 4), 0x02014b50);
    assert_int_equal(little(central + 42, 4), 64 + 9);
    assert_memory_equal(central + 46, "a/none", 6);
    free(text);
}

/* More records than 16 bits count: the plain end says so and zip64's stands before it. */
static void many_records(void **state)
{
    (void)state;
    enum { RECORDS = 65535 };
    ij_zip_writer *zip;
    size_t bytes;
    assert_int_equal(ij_zip_create(&zip, path), IJ_OK);
    for (int i = 0; i < RECORDS; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        assert_int_equal(ij_zip_add(zip, name, "x", 1), IJ_OK);
    }
    assert_int_equal(ij_zip_finish(zip), IJ_OK);
    unsigned char *text = read_file(&bytes);
    const unsigned char *end = text + bytes - 22, *locator = end - 20, *end64 = locator - 56;
    assert_int_equal(little(end + 10, 2), 0xffff);
    assert_int_equal(little(locator, 4), 0x07064b50);
    assert_int_equal(little(locator + 8, 8), end64 - text);
    assert_int_equal(little(locator + 16, 4), 1);
    assert_int_equal(little(end64, 4), 0x06064b50);
    assert_int_equal(little(end64 + 4, 8), 44);
    assert_int_equal(little(end64 + 24, 8), RECORDS);
    assert_int_equal(little(end64 + 32, 8), RECORDS);
    uint64_t start = little(end64 + 48, 8), length = little(end64 + 40, 8);
    assert_int_equal(start + length, end64 - text);
    const unsigned char *central = text + start;
    for (int i = 0; i < RECORDS; i++) {
        assert_int_equal(little(central, 4), 0x02014b50);
        assert_int_equal(little(text + little(central + 42, 4), 4), 0x04034b50);
        central += 46 + little(central + 28, 2) + little(central + 30, 2);
    }
    assert_int_equal(central - text, end64 - text);
    free(text);
}

static void refusals(void **state)
{
    (void)state;
    ij_zip_writer *zip;
    unlink(path);
    assert_int_equal(ij_zip_create(&zip, "/nonesuch/a.zip"), IJ_EIO);
    assert_int_equal(ij_zip_create(&zip, path), IJ_OK);
    assert_int_equal(ij_zip_add(zip, "one", "1", 1), IJ_OK);
    assert_int_equal(ij_zip_add(zip, "large", "1", (size_t)0xffffffff), IJ_EINVAL);
    ij_zip_abandon(zip);
    assert_int_equal(rmdir(folder), 0); /* nothing is left in it */
    assert_int_equal(mkdir(folder, 0700), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values), cmocka_unit_test(small_archive),
                                       cmocka_unit_test(many_records), cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
