/* From kernel sources to programs: the build log where one does not compile, and the cache on disk, which must never be
 * the reason that something fails. */
#include "engine/opencl.h"
#include "engine/ops/common.h"
#include "engine/ops/loss.h"
#include "engine/program.h"

#include "tests/opencl_spy.h"
#include "tests/test_model_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/ijepa-programs-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

/* The next file's path in the folder; false where there is none. */
static bool any_file(char path[512])
{
    DIR *dir = opendir(folder);
    bool found = false;
    for (struct dirent *d; dir && !found && (d = readdir(dir));)
        if (d->d_name[0] != '.') {
            snprintf(path, 512, "%s/%s", folder, d->d_name);
            found = true;
        }
    if (dir)
        closedir(dir);
    return found;
}

static int files(void)
{
    int n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *d; dir && (d = readdir(dir));)
        n += d->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return n;
}

static int remove_folder(void **state)
{
    (void)state;
    char path[512];
    unsetenv("IJEPA_CACHE");
    unsetenv("IJEPA_CL_DIR");
    unsetenv("IJEPA_IMPL");
    unsetenv("IJEPA_VECTOR_WIDTH");
    while (any_file(path))
        unlink(path);
    rmdir(folder);
    return 0;
}

static void write_file(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* Whatever the device's kernels have in common. */
static void write_nothing_in_common(void)
{
    static const char *const names[] = {"tail.cl", "common.cl", "gpu_common.cl"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        write_file(names[i], "/* nothing */\n");
}

/* A new device's loss kernels: two kernels of one program. */
static ij_status make_kernels(void)
{
    ij_device *device;
    ij_loss_op op;
    case_ok(ij_device_open(&device, NULL));
    ij_status status = ij_loss_create(&op, device, 16);
    ij_loss_destroy(&op);
    ij_device_close(device);
    return status;
}

static void says(const char *word)
{
    if (!strstr(ij_error(), word))
        fail_msg("\"%s\" is not in \"%s\"", word, ij_error());
}

/* ---- Sources ------------------------------------------------------------------------------------------------------
 */

static void broken_kernel(void **state)
{
    (void)state;
    setenv("IJEPA_CACHE", "off", 1);
    setenv("IJEPA_CL_DIR", folder, 1);
    write_nothing_in_common();
    const char *broken = "__kernel void loss(__global float *x) { x[0] = no_such_name; }\n";
    write_file("loss.cl", broken);
    write_file("gpu_loss.cl", broken);
    assert_int_equal(make_kernels(), IJ_EBUILD);
    says("loss.cl");
    says("no_such_name"); /* the log */
    says("CL_BUILD_PROGRAM_FAILURE");
    says("ijepa devices"); /* what to do */
}

/* A program without the kernel that is wanted. */
static void missing_kernel(void **state)
{
    (void)state;
    setenv("IJEPA_CACHE", "off", 1);
    setenv("IJEPA_CL_DIR", folder, 1);
    write_nothing_in_common();
    write_file("loss.cl", "__kernel void lost(__global float *x) { x[0] = 0.0f; }\n");
    write_file("gpu_loss.cl", "__kernel void lost(__global float *x) { x[0] = 0.0f; }\n");
    assert_int_equal(make_kernels(), IJ_EBUILD);
    says("loss");
}

static void missing_source(void **state)
{
    (void)state;
    setenv("IJEPA_CACHE", "off", 1);
    setenv("IJEPA_CL_DIR", folder, 1);
    assert_int_equal(make_kernels(), IJ_EIO);
    says("IJEPA_CL_DIR");
    says("tail.cl");
    write_file("tail.cl", "");
    assert_int_equal(make_kernels(), IJ_EIO);
    says("empty");
}

/* Writes all kernel sources into the folder, `NAME.cl` with `padding` bytes of white space before it. */
static void write_sources(const char *padded, size_t padding)
{
    for (const ij_kernel_source *s = ij_kernel_sources; s->name; s++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s.cl", folder, s->name);
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        for (size_t i = 0; i < padding && strcmp(s->name, padded) == 0; i++)
            fputc(i % 100 == 99 ? '\n' : ' ', f);
        assert_true(fputs(s->text, f) >= 0);
        assert_int_equal(fclose(f), 0);
    }
}

/* A source is read to its end, however far that is: the kernels stand behind the padding. */
static void long_source(void **state)
{
    (void)state;
    setenv("IJEPA_CACHE", "off", 1);
    setenv("IJEPA_CL_DIR", folder, 1);
    write_sources("loss", (3 << 20) / 2);
    write_sources("gpu_loss", 0);
    case_ok(make_kernels());
    write_sources("gpu_loss", (3 << 20) / 2);
    case_ok(make_kernels());
    char *text;
    case_ok(ij_kernel_source_read("gpu_loss", &text));
    assert_true(strlen(text) > 3 << 19);
    free(text);
}

/* A zero byte would end the text for the compiler: no text. */
static void source_with_a_zero(void **state)
{
    (void)state;
    char path[512], *text;
    setenv("IJEPA_CL_DIR", folder, 1);
    snprintf(path, sizeof path, "%s/loss.cl", folder);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fwrite("/* a */\0/* b */", 1, 15, f);
    fclose(f);
    assert_int_equal(ij_kernel_source_read("loss", &text), IJ_EFORMAT);
    assert_null(text);
    says("zero byte");
}

/* A log longer than a message: its start, how much is missing, and still what to do. */
static void long_log(void **state)
{
    (void)state;
    enum { LENGTH = 60000 };
    static char source[LENGTH + 128];
    setenv("IJEPA_CACHE", "off", 1);
    setenv("IJEPA_CL_DIR", folder, 1);
    write_nothing_in_common();
    size_t used = (size_t)snprintf(source, sizeof source, "#error first_words ");
    memset(source + used, 'x', LENGTH);
    write_file("loss.cl", source);
    write_file("gpu_loss.cl", source);
    assert_int_equal(make_kernels(), IJ_EBUILD);
    says("first_words xxx");
    says("bytes more of the log");
    says("report this with the log above.");
}

/* Options that are longer than there is room are said to be, and nothing is built with a part of them. */
static void long_options(void **state)
{
    (void)state;
    static char name[IJ_KERNEL_OPTIONS + 100];
    char options[IJ_KERNEL_OPTIONS];
    ij_device *device;
    cl_kernel kernel;
    case_ok(ij_device_open(&device, NULL));
    int built = spy_count(SPY_CREATE_PROGRAM_WITH_SOURCE) + spy_count(SPY_CREATE_PROGRAM_WITH_BINARY);
    for (size_t length = IJ_KERNEL_OPTIONS - 40; length < sizeof name; length += 20) {
        memset(name, 'A', length);
        name[length] = 0;
        ij_kernel_tuning tuning = {.of = device->tuning.row[IJ_GROUP_ROWS], .defines = {{name, 0}}};
        assert_int_equal(ij_kernel_create(device, "loss", tuning, "loss", &kernel), IJ_EINVAL);
        assert_null(kernel);
        says("longer than 1023 bytes");
    }
    assert_int_equal(spy_count(SPY_CREATE_PROGRAM_WITH_SOURCE) + spy_count(SPY_CREATE_PROGRAM_WITH_BINARY), built);

    /* Every size but one that suffices is refused, and that one holds all. */
    for (int group = 0; group < IJ_GROUPS; group++) {
        ij_kernel_tuning tuning = {.of = device->tuning.row[group], .defines = {{"LAST", 7}}};
        case_ok(ij_kernel_options(&device->tuning, tuning, options, sizeof options));
        size_t needed = strlen(options) + 1;
        assert_string_equal(options + needed - 1 - strlen(" -DLAST=7"), " -DLAST=7");
        for (size_t size = 1; size < needed; size++)
            assert_int_equal(ij_kernel_options(&device->tuning, tuning, options, size), IJ_EINVAL);
        case_ok(ij_kernel_options(&device->tuning, tuning, options, needed));
        tuning.defines[0].macro = NULL;
        assert_int_equal(ij_kernel_options(&device->tuning, tuning, options, needed - strlen(" -DLAST=7") - 1),
                         IJ_EINVAL);
    }
    ij_device_close(device);
}

/* ---- The cache ----------------------------------------------------------------------------------------------------
 */

/* Makes the kernels and expects so many programs from source and so many from binaries. */
static void expect_programs(int from_source, int from_binary)
{
    int sources = spy_count(SPY_CREATE_PROGRAM_WITH_SOURCE), binaries = spy_count(SPY_CREATE_PROGRAM_WITH_BINARY);
    case_ok(make_kernels());
    assert_int_equal(spy_count(SPY_CREATE_PROGRAM_WITH_SOURCE) - sources, from_source);
    assert_int_equal(spy_count(SPY_CREATE_PROGRAM_WITH_BINARY) - binaries, from_binary);
}

static void second_start_compiles_nothing(void **state)
{
    (void)state;
    setenv("IJEPA_CACHE", folder, 1);
    expect_programs(1, 0);
    assert_int_equal(files(), 1); /* no temporary is left */
    expect_programs(0, 1);
    expect_programs(0, 1);
    assert_int_equal(files(), 1);
}

static void off(void **state)
{
    (void)state;
    setenv("IJEPA_CACHE", folder, 1);
    expect_programs(1, 0);
    setenv("IJEPA_CACHE", "off", 1);
    expect_programs(1, 0);
    expect_programs(1, 0);
    assert_int_equal(files(), 1);
}

/* Changes the cache's file, then a start must compile again, work, and leave a good file. */
static void survives(void (*spoil)(const char *path))
{
    char path[512];
    setenv("IJEPA_CACHE", folder, 1);
    expect_programs(1, 0);
    assert_true(any_file(path));
    spoil(path);
    expect_programs(1, 0);
    expect_programs(0, 1);
    assert_int_equal(files(), 1);
    unlink(path);
}

static void flip_byte(const char *path)
{
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    fseek(f, 200, SEEK_SET);
    int c = fgetc(f);
    fseek(f, 200, SEEK_SET);
    fputc(c ^ 1, f);
    fclose(f);
}
static void cut_in_half(const char *path)
{
    struct stat s;
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(truncate(path, s.st_size / 2), 0);
}
static void empty(const char *path)
{
    assert_int_equal(truncate(path, 0), 0);
}
static void only_checksum(const char *path)
{
    assert_int_equal(truncate(path, 8), 0);
}
static void garbage(const char *path)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    for (int i = 0; i < 5000; i++)
        fputc(i * 7 & 255, f);
    fclose(f);
}

static void damaged_files(void **state)
{
    (void)state;
    survives(flip_byte);
    survives(cut_in_half);
    survives(empty);
    survives(only_checksum);
    survives(garbage);
}

/* A binary that the driver does not take, though its checksum is right: as after an update that kept its version. */
static void refused_binary(void **state)
{
    (void)state;
    setenv("IJEPA_CACHE", folder, 1);
    expect_programs(1, 0);
    spy_fail(SPY_CREATE_PROGRAM_WITH_BINARY, 0, CL_INVALID_BINARY);
    expect_programs(1, 1);
    expect_programs(0, 1);
}

/* Nowhere to write: a slow start, no error. */
static void no_folder(void **state)
{
    (void)state;
    char path[512];
    write_file("a_file", "in the way");
    snprintf(path, sizeof path, "%s/a_file/cache", folder);
    setenv("IJEPA_CACHE", path, 1);
    expect_programs(1, 0);
    expect_programs(1, 0);
}

/* Folders on the way to it are made. */
static void new_folder(void **state)
{
    (void)state;
    char path[600], file[512];
    snprintf(path, sizeof path, "%s/deep", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/deep/below/cache", folder);
    setenv("IJEPA_CACHE", path, 1);
    expect_programs(1, 0);
    expect_programs(0, 1);
    char top[64];
    memcpy(top, folder, sizeof top);
    snprintf(folder, sizeof folder, "%.40s/deep/below/cache", top);
    assert_int_equal(files(), 1);
    assert_true(any_file(file));
    unlink(file);
    memcpy(folder, top, sizeof top);
    for (int i = 0; i < 3; i++) {
        rmdir(path);
        *strrchr(path, '/') = 0;
    }
}

/* Other parameters, other sources: another program. */
static void what_the_key_holds(void **state)
{
    (void)state;
    setenv("IJEPA_CACHE", folder, 1);
    expect_programs(1, 0);
    ij_device *device;
    case_ok(ij_device_open(&device, NULL));
    ij_tuning own = device->tuning;
    ij_device_info other = device->info;
    other.vector_width = ij_tuning_vw(&own) == 16 ? 8 : 16;
    ij_tuning_start(&device->tuning, &other);
    assert_null(ij_tuning_take(&device->tuning, "panel item"));
    ij_loss_op op;
    case_ok(ij_loss_create(&op, device, 16));
    assert_int_equal(files(), 2);
    ij_loss_destroy(&op);
    device->tuning = own;
    ij_device_close(device);
}

/* Another width of vectors is another build of kernels that work by items, and the same one the same. */
static void vector_widths(void **state)
{
    static const char *const widths[] = {"4", "8", "16"};
    (void)state;
    setenv("IJEPA_CACHE", folder, 1);
    setenv("IJEPA_IMPL", "panel item", 1);
    for (int i = 0; i < 6; i++) {
        setenv("IJEPA_VECTOR_WIDTH", widths[i % 3], 1);
        expect_programs(i < 3, i >= 3);
    }
    assert_int_equal(files(), 3);
}

int main(void)
{
    if (!case_device())
        return CASE_NO_DEVICE;
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(broken_kernel), TEST(long_source),        TEST(source_with_a_zero), TEST(long_log),
        TEST(long_options),  TEST(missing_kernel),     TEST(missing_source),     TEST(second_start_compiles_nothing),
        TEST(off),           TEST(damaged_files),      TEST(refused_binary),     TEST(no_folder),
        TEST(new_folder),    TEST(what_the_key_holds), TEST(vector_widths)};
    int failed = cmocka_run_group_tests_name("programs", tests, NULL, NULL);
    case_close();
    return failed;
}
