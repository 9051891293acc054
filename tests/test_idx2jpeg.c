/* The program idx2jpeg: small IDX files made here become JPEG files with the right pixels in the right folders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jpeglib.h>

enum { N = 7, ROWS = 6, COLUMNS = 9 };
static const uint8_t classes[N] = {2, 0, 2, 1, 2, 0, 2};

static char folder[] = "/tmp/ijepa-idx2jpeg-XXXXXX";

static uint8_t pixel(int image, int row, int column)
{
    return (uint8_t)(20 * image + 12 * row + column);
}

static FILE *create(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    return f;
}

/* n entries announced, N written. */
static void make_files(uint8_t n)
{
    FILE *f = create("labels");
    const uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, n};
    fwrite(labels, 1, sizeof labels, f);
    fwrite(classes, 1, sizeof classes, f);
    fclose(f);
    f = create("images");
    const uint8_t images[] = {0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, ROWS, 0, 0, 0, COLUMNS};
    fwrite(images, 1, sizeof images, f);
    for (int i = 0; i < N; i++)
        for (int y = 0; y < ROWS; y++)
            for (int x = 0; x < COLUMNS; x++)
                fputc(pixel(i, y, x), f);
    fclose(f);
}

/* Runs the program in the folder and gives its exit status; 128 and more where it crashed. */
static int status_of(const char *arguments)
{
    char command[512];
    snprintf(command, sizeof command, "cd %s && " IDX2JPEG " %s >out 2>&1", folder, arguments);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static bool run(const char *arguments)
{
    return status_of(arguments) == 0;
}

static bool exists(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

/* Image i is at `name`: grey, its size, its pixels within what quality 100 loses. */
static void check_image(const char *name, int i)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s is missing", name);
    struct jpeg_decompress_struct d;
    struct jpeg_error_mgr errors;
    d.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&d);
    jpeg_stdio_src(&d, f);
    jpeg_read_header(&d, TRUE);
    assert_int_equal(d.num_components, 1);
    assert_int_equal(d.image_width, COLUMNS);
    assert_int_equal(d.image_height, ROWS);
    jpeg_start_decompress(&d);
    for (int y = 0; y < ROWS; y++) {
        JSAMPLE row[COLUMNS], *rows = row;
        jpeg_read_scanlines(&d, &rows, 1);
        for (int x = 0; x < COLUMNS; x++)
            assert_in_range(row[x] + 2 - pixel(i, y, x), 0, 4);
    }
    jpeg_finish_decompress(&d);
    jpeg_destroy_decompress(&d);
    fclose(f);
}

static void converts(void **state)
{
    (void)state;
    make_files(N);
    assert_true(run("--quality 100 images labels all"));
    check_image("all/2/00000.jpg", 0);
    check_image("all/0/00001.jpg", 1);
    check_image("all/1/00003.jpg", 3);
    check_image("all/2/00006.jpg", 6);
    assert_true(run("--quality 100 images labels all")); /* again over what is there */
}

static void limits_and_names(void **state)
{
    (void)state;
    make_files(N);
    assert_true(run("--quality 100 --limit 2 --names cat,dog images labels some"));
    check_image("some/2/00002.jpg", 2);
    assert_false(exists("some/2/00004.jpg"));
    check_image("some/cat/00005.jpg", 5);
    check_image("some/dog/00003.jpg", 3);
}

static void reads_gzip(void **state)
{
    (void)state;
    make_files(N);
    char command[128];
    snprintf(command, sizeof command, "gzip -f %s/images %s/labels", folder, folder);
    assert_int_equal(system(command), 0);
    assert_true(run("--quality 100 images.gz labels.gz packed"));
    check_image("packed/2/00004.jpg", 4);
}

static void refuses(void **state)
{
    (void)state;
    make_files(N + 1); /* cut short */
    assert_int_equal(status_of("images labels no"), 1);
    make_files(N);
    assert_int_equal(status_of("labels labels no"), 1);
    assert_int_equal(status_of("images images no"), 1);
    assert_int_equal(status_of("images nothing no"), 1);
    assert_int_equal(status_of("images labels"), 2);
    assert_int_equal(status_of("--quality 101 images labels no"), 2);
    assert_int_equal(status_of("--names a/b images labels no"), 2);
    assert_int_equal(status_of("images labels missing/no"), 1);
    assert_false(exists("no"));
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(converts), cmocka_unit_test(limits_and_names),
                                       cmocka_unit_test(reads_gzip), cmocka_unit_test(refuses)};
    return cmocka_run_group_tests_name("idx2jpeg", tests, make_folder, remove_folder);
}
