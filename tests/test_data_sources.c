/* The sources besides folders: lists, tar shards, IDX files, whole and damaged. */
#include "data/dataset.h"
#include "data/decode.h"
#include "tests/images.h"
#include "tests/shards.h"

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
#include <zlib.h>

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
    scratch_remove(folder);
    free(folder);
    return 0;
}

static const char *in_folder(const char *name)
{
    static char path[2][4096];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static void write_text(const char *name, const char *text)
{
    scratch_write(folder, name, text, strlen(text));
}

static ij_dataset *open_source(const char *name)
{
    ij_dataset *dataset;
    if (ij_dataset_open(&dataset, in_folder(name)))
        fail_msg("%s", ij_error());
    return dataset;
}

static void is_sample(const ij_dataset *dataset, int64_t index, const char *path, int label)
{
    char found[4096];
    assert_int_equal(ij_dataset_path(dataset, index, found, sizeof found), strlen(path));
    assert_string_equal(found, path);
    assert_int_equal(ij_dataset_label(dataset, index), label);
}

static void holds(const ij_dataset *dataset, int64_t index, const char *text)
{
    ij_bytes bytes = {0};
    if (ij_dataset_read(dataset, index, &bytes))
        fail_msg("%s", ij_error());
    assert_int_equal(bytes.size, strlen(text));
    assert_memory_equal(bytes.data, text, bytes.size);
    ij_bytes_free(&bytes);
}

static void refuses(const char *name, ij_status status, const char *part_of_message)
{
    ij_dataset *d;
    assert_int_equal(ij_dataset_open(&d, in_folder(name)), status);
    if (!strstr(ij_error(), part_of_message) || !strstr(ij_error(), folder))
        fail_msg("message \"%s\" does not say \"%s\" and the path", ij_error(), part_of_message);
}

/* ---- Lists ------------------------------------------------------------------------------------------------------ */

static void test_list(void **state)
{
    (void)state;
    char absolute[4096];
    write_text("pictures/a b.jpg", "one");
    write_text("pictures/\xFF\xFE.png", "two");
    snprintf(absolute, sizeof absolute, "%s", in_folder("pictures/a b.jpg"));
    ij_bytes text = {0};
    text.data = malloc(8192);
    text.size = (size_t)snprintf((char *)text.data, 8192,
                                 "\xEF\xBB\xBFpictures/a b.jpg\r\n\npictures/\xFF\xFE.png\n%s\nmissing.jpg", absolute);
    scratch_write(folder, "list.txt", text.data, text.size);
    ij_bytes_free(&text);
    ij_dataset *d = open_source("list.txt");
    assert_int_equal(ij_dataset_count(d), 4);
    assert_int_equal(ij_dataset_classes(d), 0);
    is_sample(d, 0, absolute, -1);
    is_sample(d, 1, in_folder("pictures/\xFF\xFE.png"), -1);
    is_sample(d, 2, absolute, -1);
    is_sample(d, 3, in_folder("missing.jpg"), -1);
    holds(d, 0, "one");
    holds(d, 1, "two");
    holds(d, 2, "one");
    ij_bytes bytes = {0};
    assert_int_equal(ij_dataset_read(d, 3, &bytes), IJ_EIO);
    ij_bytes_free(&bytes);
    ij_dataset_close(d);
}

static void test_list_labels(void **state)
{
    (void)state;
    write_text("numbers", "a b.jpg 3\nc.jpg\t1\nd 7.jpg 03\n");
    ij_dataset *d = open_source("numbers");
    assert_int_equal(ij_dataset_classes(d), 4);
    assert_string_equal(ij_dataset_class_name(d, 3), "3");
    is_sample(d, 0, in_folder("a b.jpg"), 3);
    is_sample(d, 1, in_folder("c.jpg"), 1);
    is_sample(d, 2, in_folder("d 7.jpg"), 3);
    ij_dataset_close(d);

    write_text("names", "x.jpg\tZebra fish\ny.jpg\tapple\nz.jpg\tZebra fish\nw.jpg\t12\n");
    d = open_source("names");
    assert_int_equal(ij_dataset_classes(d), 3);
    assert_string_equal(ij_dataset_class_name(d, 0), "12");
    assert_string_equal(ij_dataset_class_name(d, 1), "Zebra fish");
    is_sample(d, 0, in_folder("x.jpg"), 1);
    is_sample(d, 1, in_folder("y.jpg"), 2);
    is_sample(d, 3, in_folder("w.jpg"), 0);
    ij_dataset_close(d);

    write_text("a", "x.jpg\t1\ny.jpg\n");
    refuses("a", IJ_EFORMAT, "line 2: no label");
    write_text("b", "x.jpg\ny.jpg 1\n");
    refuses("b", IJ_EFORMAT, "line 2: a label, and none in the lines above");
    write_text("c", "x.jpg\t99999999999999999999\n");
    refuses("c", IJ_EFORMAT, "no class number");
    write_text("d", "\n\n");
    refuses("d", IJ_EFORMAT, "empty list");
    write_text("e", "\t1\n");
    refuses("e", IJ_EFORMAT, "line 1: a label without a path");
    scratch_write(folder, "f", "a\0b", 3);
    refuses("f", IJ_EFORMAT, "neither a list");
}

static void test_list_tables(void **state)
{
    (void)state;
    write_text("shapes.csv", "\xEF\xBB\xBFpath,count,label\r\na b.jpg,3,round\r\n\nc.jpg,1,square\nd.jpg,2,round\n");
    ij_dataset *d = open_source("shapes.csv");
    assert_int_equal(ij_dataset_count(d), 3);
    assert_int_equal(ij_dataset_classes(d), 2);
    is_sample(d, 0, in_folder("a b.jpg"), 0);
    is_sample(d, 1, in_folder("c.jpg"), 1);
    is_sample(d, 2, in_folder("d.jpg"), 0);
    ij_dataset_close(d);

    write_text("numbers.csv", "path,count,x\na.jpg,3,0.5\nb.jpg,1,0.25\n");
    d = open_source("numbers.csv");
    assert_int_equal(ij_dataset_classes(d), 0);
    is_sample(d, 1, in_folder("b.jpg"), -1);
    ij_dataset_close(d);

    write_text("g", "path,label\na.jpg,1\nb.jpg\n");
    refuses("g", IJ_EFORMAT, "line 3: no label");
    write_text("h", "path,label\n\"a,b.jpg\",1\n");
    refuses("h", IJ_EFORMAT, "line 2: a path in quotes");
    write_text("i", "path,label\n,1\n");
    refuses("i", IJ_EFORMAT, "line 2: a label without a path");
    write_text("j", "path,label\n");
    refuses("j", IJ_EFORMAT, "empty list");
}

/* ---- Tar shards ------------------------------------------------------------------------------------------------- */

static void write_shard(const char *name, const ij_bytes *tar, size_t size)
{
    scratch_write(folder, name, tar->data, size);
}

static void test_shard(void **state)
{
    (void)state;
    char long_name[300], path[4096];
    memset(long_name, 'n', 280);
    memcpy(long_name + 280, ".png", 5);
    long_name[50] = '/';
    ij_bytes tar = {0};
    shard_add(&tar, "set", '5', "", 0);
    shard_add(&tar, "set/0001.cls", '0', "2\n", 2);
    shard_add(&tar, "set/0001.jpg", '0', "first", 5);
    shard_add(&tar, "set/0001.json", '0', "{}", 2);
    shard_add(&tar, "set/0002.JPEG", '0', "second", 6);
    shard_add(&tar, "set/0002.cls", '0', " 0", 2);
    shard_add(&tar, "set/0003.seg.png", '0', "a mask", 6); /* extension seg.png: no image */
    shard_add(&tar, "set/0003.jpg", '2', "", 0);           /* a link */
    shard_add(&tar, "set/._0004.jpg", '0', "x", 1);
    shard_add_gnu(&tar, long_name, "third", 5);
    memcpy(long_name + 280, ".cls", 5);
    shard_add_pax(&tar, long_name, "1", 1);
    memcpy(long_name + 280, ".png", 5);
    shard_add(&tar, "unlabelled.jpg", '0', "dropped", 7);
    shard_add(&tar, "a b\xFF\n.jpg", '0', "fourth", 6);
    shard_add(&tar, "a b\xFF\n.cls", '0', "2", 1);
    shard_end(&tar);
    write_shard("one.tar", &tar, tar.size);
    ij_dataset *d = open_source("one.tar");
    assert_int_equal(ij_dataset_count(d), 4);
    assert_int_equal(ij_dataset_classes(d), 3);
    assert_int_equal(ij_dataset_notes(d), 0);
    is_sample(d, 0, in_folder("one.tar/set/0001.jpg"), 2);
    is_sample(d, 1, in_folder("one.tar/set/0002.JPEG"), 0);
    snprintf(path, sizeof path, "%s/%s", in_folder("one.tar"), long_name);
    is_sample(d, 2, path, 1);
    is_sample(d, 3, in_folder("one.tar/a b\xFF\n.jpg"), 2);
    holds(d, 0, "first");
    holds(d, 1, "second");
    holds(d, 2, "third");
    holds(d, 3, "fourth");
    assert_int_equal(truncate(in_folder("one.tar"), 1024), 0); /* while it is in use */
    ij_bytes bytes = {0};
    assert_int_equal(ij_dataset_read(d, 3, &bytes), IJ_EIO);
    assert_non_null(strstr(ij_error(), "shorter"));
    ij_bytes_free(&bytes);
    ij_dataset_close(d);
    ij_bytes_free(&tar);
}

static void test_ustar_prefix(void **state)
{
    (void)state;
    char name[180] = {0};
    memset(name, 'd', 120);
    strcpy(name + 120, "/picture.jpg");
    ij_bytes tar = {0};
    shard_add(&tar, name, '0', "x", 1);
    write_shard("prefix.tar", &tar, tar.size); /* without an end mark */
    ij_dataset *d = open_source("prefix.tar");
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", in_folder("prefix.tar"), name);
    is_sample(d, 0, path, -1);
    assert_int_equal(ij_dataset_notes(d), 0);
    ij_dataset_close(d);
    ij_bytes_free(&tar);
}

/* Cut anywhere, a shard gives the samples that are whole, and says that it is cut. */
static void test_cut_shard(void **state)
{
    (void)state;
    enum { SAMPLES = 5, EACH = 3 * 512 + 512 };
    ij_bytes tar = {0};
    char name[64], bytes[1000];
    memset(bytes, 'x', sizeof bytes);
    for (int i = 0; i < SAMPLES; i++) {
        snprintf(name, sizeof name, "%d.jpg", i);
        shard_add(&tar, name, '0', bytes, sizeof bytes);
    }
    shard_end(&tar);
    for (size_t size = 1; size < SAMPLES * 1536; size += 100) {
        write_shard("cut.tar", &tar, size);
        size_t whole = (size + 1536 - 1512) / 1536; /* the padding may be missing */
        if (whole == 0) {
            refuses("cut.tar", IJ_EFORMAT, "cut off");
            continue;
        }
        ij_dataset *d = open_source("cut.tar");
        assert_int_equal(ij_dataset_count(d), whole);
        bool at_end = size % 1536 == 0 || size % 1536 >= 1512;
        assert_int_equal(ij_dataset_notes(d), !at_end);
        if (!at_end)
            assert_non_null(strstr(ij_dataset_note(d, 0), "cut.tar is cut off"));
        ij_dataset_close(d);
    }
    tar.data[2 * 1536 + 10] ^= 1; /* the third header */
    write_shard("damaged.tar", &tar, tar.size);
    ij_dataset *d = open_source("damaged.tar");
    assert_int_equal(ij_dataset_count(d), 2);
    assert_non_null(strstr(ij_dataset_note(d, 0), "damaged.tar is damaged"));
    ij_dataset_close(d);
    ij_bytes_free(&tar);
}

static void write_numbered_shard(const char *name, int number)
{
    ij_bytes tar = {0};
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    shard_add(&tar, "k.jpg", '0', text, strlen(text));
    shard_add(&tar, "k.cls", '0', number % 2 ? "odd" : "even", number % 2 ? 3 : 4);
    shard_end(&tar);
    write_shard(name, &tar, tar.size);
    ij_bytes_free(&tar);
}

static void test_shards(void **state)
{
    (void)state;
    char name[64];
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "shards/train-%03d.tar", i);
        write_numbered_shard(name, i);
    }
    static const char *const sources[] = {"shards/train-{000..011}.tar", "shards/", "shards"};
    for (int k = 0; k < 3; k++) {
        ij_dataset *d = open_source(sources[k]);
        assert_int_equal(ij_dataset_count(d), 12);
        assert_int_equal(ij_dataset_classes(d), 2);
        assert_string_equal(ij_dataset_class_name(d, 0), "even");
        holds(d, 11, "11");
        is_sample(d, 7, in_folder("shards/train-007.tar/k.jpg"), 1);
        ij_dataset_close(d);
    }
    refuses("shards/train-{000..012}.tar", IJ_EIO, "train-012.tar: No such file");
    refuses("shards/train-{000..0x2}.tar", IJ_EINVAL, "range");
    refuses("shards/train-{012..000}.tar", IJ_EINVAL, "range");

    write_text("shards/train-003.tar", "");
    write_text("shards/train-004.tar", "<html>not found</html>");
    ij_dataset *d = open_source("shards");
    assert_int_equal(ij_dataset_count(d), 10);
    assert_int_equal(ij_dataset_notes(d), 2);
    assert_non_null(strstr(ij_dataset_note(d, 0), "train-003.tar is empty"));
    assert_non_null(strstr(ij_dataset_note(d, 1), "train-004.tar is "));
    ij_dataset_close(d);
    refuses("shards/train-004.tar", IJ_EFORMAT, "no image");
    write_text("packed.tar.gz", "\x1F\x8B and so on");
    refuses("packed.tar.gz", IJ_EFORMAT, "gunzip");
}

/* ---- IDX -------------------------------------------------------------------------------------------------------- */

static void write_packed(const char *name, const ij_bytes *bytes)
{
    gzFile file = gzopen(in_folder(name), "wb");
    assert_int_equal(gzwrite(file, bytes->data, (unsigned)bytes->size), bytes->size);
    gzclose(file);
}

/* Every entry decodes to its grey values. */
static void check_entries(const char *name, int count, const uint8_t *pixels, const uint8_t *labels)
{
    enum { ROWS = 3, COLUMNS = 5 };
    ij_dataset *d = open_source(name);
    ij_bytes bytes = {0};
    ij_decoder *decoder;
    assert_int_equal(ij_decoder_create(&decoder, 0), IJ_OK);
    assert_int_equal(ij_dataset_count(d), count);
    for (int i = 0; i < count; i++) {
        int width, height;
        ij_window window;
        assert_int_equal(ij_dataset_label(d, i), labels ? labels[i] : -1);
        assert_int_equal(ij_dataset_read(d, i, &bytes), IJ_OK);
        assert_int_equal(ij_decoder_open(decoder, bytes.data, bytes.size, &width, &height), IJ_OK);
        assert_true(width == COLUMNS && height == ROWS);
        assert_int_equal(ij_decoder_start(decoder, (ij_rect){1, 0, 4, 3}, 4, 3, IJ_DECODE_FAST, &window), IJ_OK);
        for (int y = 0; y < ROWS; y++) {
            const uint8_t *row;
            assert_int_equal(ij_decoder_row(decoder, &row), IJ_OK);
            for (int x = 0; x < 4; x++)
                for (int c = 0; c < 3; c++)
                    assert_int_equal(row[4 * x + c], pixels[(i * ROWS + y) * COLUMNS + x + 1]);
        }
    }
    char path[4096], expected[4096];
    ij_dataset_path(d, 3, path, sizeof path);
    snprintf(expected, sizeof expected, "%s/000003", in_folder(name));
    assert_string_equal(path, expected);
    ij_decoder_destroy(decoder);
    ij_bytes_free(&bytes);
    ij_dataset_close(d);
}

static void test_idx(void **state)
{
    (void)state;
    enum { COUNT = 7, BYTES = COUNT * 15 };
    uint8_t pixels[BYTES], labels[COUNT] = {3, 0, 9, 9, 1, 2, 0};
    for (int i = 0; i < BYTES; i++)
        pixels[i] = (uint8_t)(i * 37);
    ij_bytes images = {0}, classes = {0}, fewer = {0};
    idx_write(&images, 3, (uint32_t[]){COUNT, 3, 5}, pixels, BYTES);
    idx_write(&classes, 1, (uint32_t[]){COUNT}, labels, COUNT);
    idx_write(&fewer, 1, (uint32_t[]){COUNT - 1}, labels, COUNT - 1);

    scratch_write(folder, "train-images-idx3-ubyte", images.data, images.size);
    write_packed("train-images-idx3-ubyte.gz", &images);
    check_entries("train-images-idx3-ubyte", COUNT, pixels, NULL);
    check_entries("train-images-idx3-ubyte.gz", COUNT, pixels, NULL);
    scratch_write(folder, "train-labels-idx1-ubyte", classes.data, classes.size);
    check_entries("train-images-idx3-ubyte", COUNT, pixels, labels);
    check_entries("train-images-idx3-ubyte.gz", COUNT, pixels, labels);
    unlink(in_folder("train-labels-idx1-ubyte"));
    write_packed("train-labels-idx1-ubyte.gz", &classes);
    check_entries("train-images-idx3-ubyte", COUNT, pixels, labels);
    check_entries("train-images-idx3-ubyte.gz", COUNT, pixels, labels);

    scratch_write(folder, "train-labels-idx1-ubyte", fewer.data, fewer.size);
    refuses("train-images-idx3-ubyte", IJ_EFORMAT, "6 labels for 7 images");
    refuses("train-labels-idx1-ubyte", IJ_EFORMAT, "no IDX file of grey images");
    scratch_write(folder, "short", images.data, images.size - 1);
    refuses("short", IJ_EFORMAT, "truncated");
    scratch_write(folder, "short", images.data, 9);
    refuses("short", IJ_EFORMAT, "truncated");
    ij_bytes packed = {0};
    packed.data = read_file(in_folder("train-images-idx3-ubyte.gz"), &packed.size);
    scratch_write(folder, "short.gz", packed.data, packed.size - 12);
    refuses("short.gz", IJ_EFORMAT, "short.gz");
    ij_bytes_free(&packed);
    memset(images.data + 4, 0xFF, 4); /* 2^32-1 images that are not there */
    write_packed("many.gz", &images);
    refuses("many.gz", IJ_EFORMAT, "truncated");
    ij_bytes_free(&images);
    ij_bytes_free(&classes);
    ij_bytes_free(&fewer);
}

static void test_other_files(void **state)
{
    (void)state;
    scratch_picture(folder, "picture", 8, 8, 1);
    refuses("picture", IJ_EFORMAT, "one image");
    assert_int_equal(mkfifo(in_folder("fifo"), 0600), 0);
    refuses("fifo", IJ_EIO, "neither a folder nor a file");
    refuses("missing", IJ_EIO, "No such file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_list, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_list_labels, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_list_tables, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_shard, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_ustar_prefix, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_cut_shard, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_shards, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_idx, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_other_files, make_folder, remove_folder),
    };
    return cmocka_run_group_tests_name("data_sources", tests, NULL, NULL);
}
