/* Remembered listings: the second opening gives the same without listing, every change is noticed, and a damaged index
 * is as good as none. */
#include "data/dataset.h"
#include "tests/images.h"
#include "tests/shards.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { IMAGES = 1500, CLASSES = 5 };

static char *folder;

static const char *in_folder(const char *name)
{
    static char path[2][4096];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

/* As if it had last been changed an hour ago: what was changed just now is not remembered. */
static void age(const char *name)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {0}};
    clock_gettime(CLOCK_REALTIME, &times[1]);
    times[1].tv_sec -= 3600;
    assert_int_equal(utimensat(AT_FDCWD, in_folder(name), times, 0), 0);
}

static void age_all(void)
{
    char name[64];
    for (int i = 0; i < CLASSES; i++) {
        snprintf(name, sizeof name, "set/%d", i);
        age(name);
    }
    age("set");
}

static int make_folder(void **state)
{
    (void)state;
    char name[64];
    folder = scratch_folder();
    for (int i = 0; i < IMAGES; i++) {
        snprintf(name, sizeof name, "set/%d/%04d.jpg", i % CLASSES, i);
        scratch_write(folder, name, "x", 1);
    }
    age_all();
    unsetenv("IJEPA_CACHE");
    setenv("XDG_CACHE_HOME", in_folder("cache"), 1);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    scratch_remove(folder);
    free(folder);
    return 0;
}

/* The only file in the index folder; false where there is none. `path` may be NULL. */
static bool find_index(char *path)
{
    const char *where = in_folder("cache/ijepa-cl/index");
    DIR *directory = opendir(where);
    int found = 0;
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        if (entry->d_name[0] != '.') {
            found++;
            if (path)
                snprintf(path, 4096, "%s/%.255s", where, entry->d_name);
        }
    if (directory)
        closedir(directory);
    assert_true(found <= 1); /* temporary files are gone */
    return found;
}

static ino_t index_inode(void)
{
    char path[4096];
    struct stat info;
    assert_true(find_index(path));
    assert_int_equal(stat(path, &info), 0);
    return info.st_ino;
}

static int64_t count(const char *name)
{
    ij_dataset *d;
    if (ij_dataset_open(&d, in_folder(name)))
        fail_msg("%s", ij_error());
    int64_t n = ij_dataset_count(d);
    ij_dataset_close(d);
    return n;
}

/* Opens the set and says whether its index was made anew. */
static bool is_remade(int64_t expected)
{
    ino_t before = index_inode();
    assert_int_equal(count("set"), expected);
    return index_inode() != before;
}

static void test_same_again(void **state)
{
    (void)state;
    ij_dataset *first, *second;
    scratch_write(folder, "set/0/notes.txt", "x", 1);
    age_all();
    assert_int_equal(ij_dataset_open(&first, in_folder("set")), IJ_OK);
    assert_true(find_index(NULL));
    assert_int_equal(chdir(in_folder("set")), 0); /* the same folder under another name */
    assert_int_equal(ij_dataset_open(&second, "../set/"), IJ_OK);
    assert_int_equal(ij_dataset_count(second), IMAGES);
    assert_int_equal(ij_dataset_classes(second), CLASSES);
    assert_int_equal(ij_dataset_ignored(second), 1);
    ij_bytes bytes = {0};
    for (int i = 0; i < IMAGES; i++) {
        char a[4096], b[4096];
        ij_dataset_path(first, i, a, sizeof a);
        ij_dataset_path(second, i, b, sizeof b);
        assert_string_equal(a + strlen(in_folder("set")), b + strlen("../set"));
        assert_int_equal(ij_dataset_label(first, i), ij_dataset_label(second, i));
        assert_int_equal(ij_dataset_read(second, i, &bytes), IJ_OK);
    }
    assert_int_equal(chdir("/"), 0);
    assert_false(is_remade(IMAGES));
    ij_bytes_free(&bytes);
    ij_dataset_close(first);
    ij_dataset_close(second);
}

static void test_changes(void **state)
{
    (void)state;
    assert_int_equal(count("set"), IMAGES);
    scratch_write(folder, "set/3/new.jpg", "x", 1);
    age_all(); /* with the time that it had, within a second */
    assert_true(is_remade(IMAGES + 1));
    assert_false(is_remade(IMAGES + 1));
    unlink(in_folder("set/3/new.jpg"));
    age_all();
    assert_true(is_remade(IMAGES));
    scratch_write(folder, "set/new/deep/1.jpg", "x", 1); /* a new class changes the top */
    assert_int_equal(count("set"), IMAGES + 1);
    assert_int_equal(count("set"), IMAGES + 1);
    unlink(in_folder("set/new/deep/1.jpg")); /* seen although nothing was remembered since */
    assert_int_equal(count("set"), IMAGES);
    scratch_write(folder, "set/new/deep/1.jpg", "x", 1);
    assert_int_equal(count("set"), IMAGES + 1);
}

/* A folder that was changed a moment ago may change again at the same time of its clock. */
static void test_fresh_folders_are_not_remembered(void **state)
{
    (void)state;
    scratch_write(folder, "set/3/new.jpg", "x", 1);
    assert_int_equal(count("set"), IMAGES + 1);
    assert_false(find_index(NULL));
}

static void test_damage(void **state)
{
    (void)state;
    char path[4096];
    assert_int_equal(count("set"), IMAGES);
    assert_true(find_index(path));
    size_t size;
    uint8_t *bytes = read_file(path, &size);
    for (size_t at = 0; at < size; at += at < 200 ? 1 : size / 50) {
        bytes[at] ^= 0x40;
        scratch_write("", path + 1, bytes, size);
        bytes[at] ^= 0x40;
        assert_true(is_remade(IMAGES));
    }
    for (size_t cut = 0; cut < size; cut += cut < 100 ? 9 : size / 20) {
        scratch_write("", path + 1, bytes, cut);
        assert_true(is_remade(IMAGES));
    }
    assert_false(is_remade(IMAGES));
    free(bytes);
}

static void test_off(void **state)
{
    (void)state;
    setenv("IJEPA_CACHE", "off", 1);
    assert_int_equal(count("set"), IMAGES);
    assert_false(find_index(NULL));
    setenv("IJEPA_CACHE", in_folder("elsewhere"), 1);
    assert_int_equal(count("set"), IMAGES);
    assert_int_equal(access(in_folder("elsewhere/index"), F_OK), 0);
    assert_false(find_index(NULL));
    unsetenv("IJEPA_CACHE");
    scratch_write(folder, "cache", "in the way", 10); /* of everybody, root too */
    assert_int_equal(count("set"), IMAGES);
    assert_false(find_index(NULL));
}

static void write_shard(int samples, size_t cut)
{
    char name[64];
    ij_bytes tar = {0};
    for (int i = 0; i < samples; i++) {
        snprintf(name, sizeof name, "%d.jpg", i);
        shard_add(&tar, name, '0', "x", 1);
    }
    scratch_write(folder, "set/a.tar", tar.data, tar.size - cut);
    ij_bytes_free(&tar);
    age("set/a.tar");
}

static void test_shards(void **state)
{
    (void)state;
    write_shard(7, 0);
    assert_int_equal(count("set/a.tar"), 7);
    assert_true(find_index(NULL));
    assert_int_equal(count("set/a.tar"), 7);
    write_shard(8, 512 + 511);
    assert_int_equal(count("set/a.tar"), 7);
    ij_dataset *d; /* said at every opening, also from the index */
    assert_int_equal(ij_dataset_open(&d, in_folder("set/a.tar")), IJ_OK);
    assert_int_equal(ij_dataset_notes(d), 1);
    assert_non_null(strstr(ij_dataset_note(d, 0), "a.tar is cut off"));
    ij_dataset_close(d);
    unlink(in_folder("set/a.tar"));
    assert_int_equal(ij_dataset_open(&d, in_folder("set/a.tar")), IJ_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_same_again, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_changes, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_fresh_folders_are_not_remembered, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_damage, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_off, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_shards, make_folder, remove_folder),
    };
    return cmocka_run_group_tests_name("data_index", tests, NULL, NULL);
}
