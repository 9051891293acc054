/* Listing folders: the order and classes of torchvision's ImageFolder, flat folders, and everything that people's
 * folders hold besides images. */
#include "data/dataset.h"
#include "tests/images.h"

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

#include "tests/nobody.h"

static char *folder;

static int make_folder(void **state)
{
    (void)state;
    folder = scratch_folder();
    setenv("IJEPA_CACHE", "off", 1);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    become_oneself();
    scratch_remove(folder);
    free(folder);
    return 0;
}

static void touch(const char *name)
{
    scratch_write(folder, name, "x", 1);
}

static const char *in_folder(const char *name)
{
    static char path[2][2048];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static ij_dataset *open_folder(void)
{
    ij_dataset *dataset;
    if (ij_dataset_open(&dataset, folder))
        fail_msg("%s", ij_error());
    return dataset;
}

static void is_sample(const ij_dataset *dataset, int64_t index, const char *name, int label)
{
    char path[2048];
    assert_int_equal(ij_dataset_path(dataset, index, path, sizeof path), strlen(in_folder(name)));
    assert_string_equal(path, in_folder(name));
    assert_int_equal(ij_dataset_label(dataset, index), label);
}

static void test_class_folders(void **state)
{
    (void)state;
    touch("dog/b.JPEG");
    touch("dog/a.jpg");
    touch("dog/deep/er/z.png");
    touch("cat/x/3.jpeg");
    touch("cat/x-ray/1.jpg"); /* "x-ray" sorts before "x/..." but after "x" in a walk */
    touch("cat/x/y/2.Jpg");
    touch("cat/notes.txt");
    touch("cat/.hidden.jpg");
    touch("bird/README");
    touch("stray.jpg");
    ij_dataset *d = open_folder();
    assert_int_equal(ij_dataset_count(d), 6);
    assert_int_equal(ij_dataset_classes(d), 3); /* an empty class keeps its number */
    assert_string_equal(ij_dataset_class_name(d, 0), "bird");
    assert_string_equal(ij_dataset_class_name(d, 2), "dog");
    is_sample(d, 0, "cat/x/3.jpeg", 1);
    is_sample(d, 1, "cat/x-ray/1.jpg", 1);
    is_sample(d, 2, "cat/x/y/2.Jpg", 1);
    is_sample(d, 3, "dog/a.jpg", 2);
    is_sample(d, 4, "dog/b.JPEG", 2);
    is_sample(d, 5, "dog/deep/er/z.png", 2);
    assert_int_equal(ij_dataset_ignored(d), 3); /* notes.txt, README, stray.jpg */
    ij_dataset_close(d);
}

static void test_flat_folder(void **state)
{
    (void)state;
    touch("b.jpg");
    touch("a b\nc.jpg");
    touch("\xFF\xFE.jpg"); /* not UTF-8 */
    touch("empty/README");
    ij_dataset *d = open_folder();
    assert_int_equal(ij_dataset_count(d), 3);
    assert_int_equal(ij_dataset_classes(d), 0);
    is_sample(d, 0, "a b\nc.jpg", -1);
    is_sample(d, 1, "b.jpg", -1);
    is_sample(d, 2, "\xFF\xFE.jpg", -1);
    ij_bytes bytes = {0};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ij_dataset_read(d, i, &bytes), IJ_OK);
        assert_int_equal(bytes.size, 1);
    }
    ij_bytes_free(&bytes);
    ij_dataset_close(d);
}

static void test_links_and_special_files(void **state)
{
    (void)state;
    touch("a/1.jpg");
    touch("elsewhere.jpeg");
    assert_int_equal(mkfifo(in_folder("a/fifo.jpg"), 0600), 0);
    assert_int_equal(symlink("..", in_folder("a/loop")), 0);
    assert_int_equal(symlink(".", in_folder("a/self")), 0);
    assert_int_equal(symlink("nowhere", in_folder("a/broken.jpg")), 0);
    assert_int_equal(symlink("../elsewhere.jpeg", in_folder("a/2.jpg")), 0);
    assert_int_equal(symlink("a", in_folder("b")), 0); /* a class by link, as ImageFolder reads it */
    ij_dataset *d = open_folder();
    assert_int_equal(ij_dataset_count(d), 4);
    is_sample(d, 1, "a/2.jpg", 0);
    is_sample(d, 3, "b/2.jpg", 1);
    ij_dataset_close(d);
}

static void refuses(const char *path, ij_status status, const char *part_of_message)
{
    ij_dataset *d;
    assert_int_equal(ij_dataset_open(&d, path), status);
    if (!strstr(ij_error(), part_of_message) || !strstr(ij_error(), path))
        fail_msg("message \"%s\" does not say \"%s\" and \"%s\"", ij_error(), path, part_of_message);
}

static void test_vanished_and_changed(void **state)
{
    (void)state;
    touch("1.jpg");
    touch("2.jpg");
    touch("3.jpg");
    touch("4.jpg");
    ij_dataset *d = open_folder();
    ij_bytes bytes = {0};
    unlink(in_folder("1.jpg"));
    assert_int_equal(ij_dataset_read(d, 0, &bytes), IJ_EIO);
    assert_non_null(strstr(ij_error(), "No such file"));
    unlink(in_folder("2.jpg"));
    assert_int_equal(mkfifo(in_folder("2.jpg"), 0600), 0);
    assert_int_equal(ij_dataset_read(d, 1, &bytes), IJ_EIO); /* and does not wait for a writer */
    scratch_write(folder, "3.jpg", "", 0);
    assert_int_equal(ij_dataset_read(d, 2, &bytes), IJ_EFORMAT);
    assert_non_null(strstr(ij_error(), "empty"));
    ij_bytes_free(&bytes);
    ij_dataset_close(d);
}

static void test_no_permission(void **state)
{
    (void)state;
    touch("class/1.jpg");
    touch("2/2.jpg");
    ij_dataset *d = open_folder();
    ij_bytes bytes = {0};
    assert_int_equal(chmod(in_folder("2/2.jpg"), 0), 0);
    become_nobody(folder);
    assert_int_equal(ij_dataset_read(d, 1, &bytes), IJ_OK);
    assert_int_equal(ij_dataset_read(d, 0, &bytes), IJ_EIO);
    assert_non_null(strstr(ij_error(), "Permission denied"));
    assert_int_equal(become_oneself(), 0);
    assert_int_equal(chmod(in_folder("class"), 0), 0);
    become_nobody(folder);
    refuses(in_folder("class"), IJ_EIO, "Permission denied");
    assert_int_equal(become_oneself(), 0);
    chmod(in_folder("class"), 0700);
    ij_bytes_free(&bytes);
    ij_dataset_close(d);
}

static void test_bad_folders(void **state)
{
    (void)state;
    refuses(in_folder("missing"), IJ_EIO, "No such file");
    refuses(folder, IJ_EFORMAT, "no image");
    touch("class/readme.txt");
    refuses(folder, IJ_EFORMAT, "class folders");
    touch("file.jpg");
    refuses(in_folder("file.jpg"), IJ_EFORMAT, "one image");
}

/* One image alone, for those who ask for it: its path as it was given, no label. */
static void test_one_image(void **state)
{
    (void)state;
    ij_dataset *d;
    char path[1024];
    ij_bytes bytes = {0};
    touch("class/file.jpg");
    assert_int_equal(ij_dataset_open_image(&d, in_folder("class/file.jpg")), IJ_OK);
    assert_int_equal(ij_dataset_count(d), 1);
    assert_int_equal(ij_dataset_label(d, 0), -1);
    ij_dataset_path(d, 0, path, sizeof path);
    assert_string_equal(path, in_folder("class/file.jpg"));
    assert_int_equal(ij_dataset_read(d, 0, &bytes), IJ_OK);
    ij_bytes_free(&bytes);
    ij_dataset_close(d);
    assert_int_equal(ij_dataset_open_image(&d, in_folder("missing.jpg")), IJ_EIO);
    assert_int_equal(ij_dataset_open_image(&d, in_folder("class")), IJ_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_class_folders, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_one_image, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_flat_folder, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_links_and_special_files, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_vanished_and_changed, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_no_permission, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_bad_folders, make_folder, remove_folder),
    };
    return cmocka_run_group_tests_name("data_dataset", tests, NULL, NULL);
}
