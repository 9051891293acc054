/* The safetensors reader and writer: round trip, every corruption a file can have, writes that do not finish. */
#include "engine/files/safetensors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char folder[] = "/tmp/ijepa-safetensors-XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/a.safetensors", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

/* Files in the folder: a temporary that was left behind would show. */
static int files_in_folder(void)
{
    int n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *d; dir && (d = readdir(dir));)
        n += d->d_name[0] != '.';
    closedir(dir);
    return n;
}

static void store(const char *header, uint64_t header_bytes, const void *data, size_t bytes)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    for (int i = 0; i < 8; i++)
        fputc((int)(header_bytes >> (8 * i) & 255), f);
    fputs(header, f);
    if (bytes)
        fwrite(data, 1, bytes, f);
    fclose(f);
}

static ij_status open_and_close(void)
{
    ij_safetensors *file;
    ij_status status = ij_safetensors_open(&file, path);
    assert_true((status == IJ_OK) == (file != NULL));
    if (status)
        assert_non_null(strstr(ij_error(), path));
    ij_safetensors_close(file);
    return status;
}

static void write_sample(float first)
{
    static const char *const metadata[2][2] = {{"format", "pt"}, {"a \"quoted\" key", "1\n2 \xC3\xA9"}};
    const ij_st_entry entries[] = {{"matrix", IJ_F32, 2, {2, 3}},
                                   {"scalar", IJ_F64, 0, {0}},
                                   {"bytes \xC3\xA9", IJ_U8, 1, {5}},
                                   {"empty", IJ_F32, 2, {0, 7}},
                                   {"numbers", IJ_I64, 1, {2}}};
    const float matrix[6] = {first, -2, 3.5f, INFINITY, 0, -0.0f};
    const double scalar = 0.1;
    const int64_t numbers[2] = {INT64_MIN, 7};
    ij_st_writer *w;
    assert_int_equal(ij_safetensors_create(&w, path, entries, 5, metadata, 2), IJ_OK);
    assert_int_equal(ij_safetensors_write(w, matrix, sizeof matrix), IJ_OK);
    assert_int_equal(ij_safetensors_write(w, &scalar, sizeof scalar), IJ_OK);
    assert_int_equal(ij_safetensors_write(w, "abcde", 5), IJ_OK);
    assert_int_equal(ij_safetensors_write(w, NULL, 0), IJ_OK);
    assert_int_equal(ij_safetensors_write(w, numbers, sizeof numbers), IJ_OK);
    assert_int_equal(ij_safetensors_finish(w), IJ_OK);
}

/* Reads the tensor of this name and compares its bytes. */
static void check_bytes(const ij_safetensors *file, const char *name, const void *expected, size_t bytes)
{
    char found[64];
    const ij_st_tensor *t = ij_safetensors_find(file, name);
    assert_non_null(t);
    assert_int_equal(t->bytes, bytes);
    assert_in_range(bytes, 0, sizeof found);
    assert_int_equal(ij_safetensors_read(file, t, found), IJ_OK);
    assert_memory_equal(found, expected, bytes);
}

static void check_sample(float first)
{
    ij_safetensors *file;
    assert_int_equal(ij_safetensors_open(&file, path), IJ_OK);
    assert_int_equal(ij_safetensors_count(file), 5);
    assert_string_equal(ij_safetensors_at(file, 0)->name, "matrix");
    const ij_st_tensor *t = ij_safetensors_find(file, "matrix");
    assert_ptr_equal(t, ij_safetensors_at(file, 0));
    assert_int_equal(t->dtype, IJ_F32);
    assert_int_equal(t->dims, 2);
    assert_int_equal(t->shape[0], 2);
    assert_int_equal(t->shape[1], 3);
    assert_int_equal(t->bytes, 24);
    const float matrix[6] = {first, -2, 3.5f, INFINITY, 0, -0.0f};
    check_bytes(file, "matrix", matrix, sizeof matrix);
    t = ij_safetensors_find(file, "scalar");
    assert_int_equal(t->dims, 0);
    assert_int_equal(t->bytes, 8);
    check_bytes(file, "bytes \xC3\xA9", "abcde", 5);
    assert_int_equal(ij_safetensors_find(file, "empty")->bytes, 0);
    const int64_t numbers[2] = {INT64_MIN, 7}; /* behind the five bytes: not aligned in the file */
    check_bytes(file, "numbers", numbers, sizeof numbers);
    assert_null(ij_safetensors_find(file, "nothing"));
    assert_null(ij_safetensors_find(file, "__metadata__"));
    assert_string_equal(ij_safetensors_metadata(file, "format"), "pt");
    assert_string_equal(ij_safetensors_metadata(file, "a \"quoted\" key"), "1\n2 \xC3\xA9");
    assert_null(ij_safetensors_metadata(file, "Format"));
    ij_safetensors_close(file);
}

static void round_trip(void **state)
{
    (void)state;
    write_sample(1.25f);
    check_sample(1.25f);
    assert_int_equal(files_in_folder(), 1);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fgetc(f) % 8, 0); /* data begins at a multiple of 8 */
    fclose(f);
}

static void corrupt_headers(void **state)
{
    (void)state;
    static const char data[16] = {0};
    /* One tensor a of eight bytes, two of them a and b, and what can be wrong with them. %s is never needed. */
    static const struct {
        const char *what, *header;
        size_t data;
        ij_status expected;
    } cases[] = {
        {"good", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}  ", 8, IJ_OK},
        {"no tensors", "{}", 0, IJ_OK},
        {"out of file order",
         "{\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]},"
         "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
         16, IJ_OK},
        {"not JSON", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}", 8, IJ_EFORMAT},
        {"an array", "[1]", 0, IJ_EFORMAT},
        {"empty", "", 0, IJ_EFORMAT},
        {"leading space", " {}", 0, IJ_EFORMAT},
        {"text after the object", "{} x", 0, IJ_EFORMAT},
        {"UTF-8 cut short", "{\"a\xC3\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, IJ_EFORMAT},
        {"overlong UTF-8", "{\"a\xC0\xAF\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, IJ_EFORMAT},
        {"UTF-8 surrogate", "{\"\xED\xA0\x80\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
         IJ_EFORMAT},
        {"control character", "{\"a\001\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, IJ_EFORMAT},
        {"tensor is a number", "{\"a\":1}", 8, IJ_EFORMAT},
        {"no dtype", "{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, IJ_EFORMAT},
        {"no shape", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, IJ_EFORMAT},
        {"no offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, IJ_EFORMAT},
        {"one offset", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8]}}", 8, IJ_EFORMAT},
        {"unknown type", "{\"a\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, IJ_EFORMAT},
        {"negative shape", "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, IJ_EFORMAT},
        {"fractional shape", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,6]}}", 8, IJ_EFORMAT},
        {"text as shape", "{\"a\":{\"dtype\":\"F32\",\"shape\":[\"2\"],\"data_offsets\":[0,8]}}", 8, IJ_EFORMAT},
        {"nine dimensions", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}", 8,
         IJ_EFORMAT},
        {"shape product wraps to 8",
         "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4,2],\"data_offsets\":[0,8]}}", 8, IJ_EFORMAT},
        {"shape product wraps to 0",
         "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],"
         "\"data_offsets\":[0,0]}}",
         0, IJ_EFORMAT},
        {"huge number", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1e300],\"data_offsets\":[0,8]}}", 8, IJ_EFORMAT},
        {"size and shape disagree", "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, IJ_EFORMAT},
        {"negative offset", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 8, IJ_EFORMAT},
        {"offsets swapped", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, IJ_EFORMAT},
        {"beyond the data", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7, IJ_EFORMAT},
        {"far beyond the data", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[1e15,1000000000000008]}}", 8,
         IJ_EFORMAT},
        {"data left over", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9, IJ_EFORMAT},
        {"a gap", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}", 16, IJ_EFORMAT},
        {"overlap",
         "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
         12, IJ_EFORMAT},
        {"the same place twice",
         "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
         8, IJ_EFORMAT},
        {"a name twice",
         "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
         16, IJ_EFORMAT},
        {"metadata twice", "{\"__metadata__\":{},\"__metadata__\":{}}", 0, IJ_EFORMAT},
        {"metadata that is a list", "{\"__metadata__\":[\"a\"]}", 0, IJ_EFORMAT},
        {"a metadata key twice", "{\"__metadata__\":{\"a\":\"1\",\"b\":\"2\",\"a\":\"1\"}}", 0, IJ_EFORMAT},
        {"a shape twice", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"shape\":[2]}}", 8,
         IJ_EFORMAT},
        {"a zero in a name", "{\"a\\u0000b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, IJ_EFORMAT},
        {"an escaped backslash before u0000",
         "{\"a\\\\u0000b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, IJ_OK},
        {"2^63 as a size", "{\"a\":{\"dtype\":\"U8\",\"shape\":[9223372036854775808],\"data_offsets\":[0,8]}}", 8,
         IJ_EFORMAT},
        {"2^63 as an offset",
         "{\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[9223372036854775808,9223372036854775816]}}", 8,
         IJ_EFORMAT},
        {"half a byte", "{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]}}", 1, IJ_EFORMAT},
        {"nested deeper than cJSON likes to go",
         "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
         0, IJ_EFORMAT},
        {"metadata that is no string", "{\"__metadata__\":{\"a\":1}}", 0, IJ_EFORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        store(cases[i].header, strlen(cases[i].header), data, cases[i].data);
        ij_status status = open_and_close();
        if (status != cases[i].expected)
            fail_msg("%s: status %d, expected %d (%s)", cases[i].what, status, cases[i].expected, ij_error());
    }
}

static void corrupt_lengths(void **state)
{
    (void)state;
    store("{}", 3, NULL, 0); /* one byte more than there is */
    assert_int_equal(open_and_close(), IJ_EFORMAT);
    store("{}", UINT64_MAX, NULL, 0);
    assert_int_equal(open_and_close(), IJ_EFORMAT);
    store("{}", 1, NULL, 0); /* cuts the header in two */
    assert_int_equal(open_and_close(), IJ_EFORMAT);
    FILE *f = fopen(path, "wb"); /* not even a length */
    assert_non_null(f);
    fputs("short", f);
    fclose(f);
    assert_int_equal(open_and_close(), IJ_EFORMAT);
}

/* Every element type of the format, packed ones too: none makes a file unreadable. */
static void every_type(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int elements, bytes;
    } types[] = {{"BOOL", 3, 3},        {"U8", 1, 1},         {"I8", 1, 1},      {"I16", 1, 2},     {"U16", 1, 2},
                 {"F16", 1, 2},         {"BF16", 1, 2},       {"I32", 1, 4},     {"U32", 1, 4},     {"F32", 1, 4},
                 {"I64", 1, 8},         {"U64", 1, 8},        {"F64", 1, 8},     {"C64", 1, 8},     {"F8_E4M3", 1, 1},
                 {"F8_E5M2", 1, 1},     {"F8_E8M0", 1, 1},    {"F6_E2M3", 4, 3}, {"F6_E3M2", 4, 3}, {"F4", 2, 1},
                 {"F8_E5M2FNUZ", 1, 1}, {"F8_E4M3FNUZ", 1, 1}};
    enum { N = sizeof types / sizeof types[0] };
    static const char data[128];
    char header[4096] = "{";
    int at = 0;
    for (int i = 0; i < N; i++) {
        size_t used = strlen(header);
        snprintf(header + used, sizeof header - used,
                 "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%d],\"data_offsets\":[%d,%d]}", i ? "," : "", types[i].name,
                 types[i].name, types[i].elements, at, at + types[i].bytes);
        at += types[i].bytes;
    }
    strcat(header, "}");
    store(header, strlen(header), data, (size_t)at);
    ij_safetensors *file;
    if (ij_safetensors_open(&file, path))
        fail_msg("%s", ij_error());
    assert_int_equal(ij_safetensors_count(file), N);
    for (int i = 0; i < N; i++) {
        const ij_st_tensor *t = ij_safetensors_find(file, types[i].name);
        float values[8];
        assert_string_equal(ij_dtype_name(t->dtype), types[i].name);
        ij_status status = ij_safetensors_read_floats(file, t, values);
        assert_int_equal(status, ij_dtype_is_float(t->dtype) ? IJ_OK : IJ_EFORMAT);
    }
    ij_safetensors_close(file);
}

/* float16 and bfloat16 bit patterns against the values that IEEE 754 gives them. */
static void floats(void **state)
{
    (void)state;
    static const char header[] = "{\"pad\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                                 "\"h\":{\"dtype\":\"F16\",\"shape\":[8],\"data_offsets\":[1,17]},"
                                 "\"b\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[17,23]},"
                                 "\"d\":{\"dtype\":\"F64\",\"shape\":[2],\"data_offsets\":[23,39]}}";
    const uint16_t halves[8] = {0x3C00, 0xC000, 0x7BFF, 0x0400, 0x0001, 0x83FF, 0x7C00, 0x8000},
                   brains[3] = {0x3F80, 0xC049, 0x0001};
    const float expected[13] = {1,     -2, 65504,      0x1p-14f,  0x1p-24f, -0x1.FF8p-15f, INFINITY,
                                -0.0f, 1,  -3.140625f, 0x1p-133f, 0.1f,     -INFINITY};
    const double wide[2] = {0.1, -1e300};
    char data[39] = {0};
    memcpy(data + 1, halves, sizeof halves);
    memcpy(data + 17, brains, sizeof brains);
    memcpy(data + 23, wide, sizeof wide);
    store(header, sizeof header - 1, data, sizeof data);
    ij_safetensors *file;
    float found[13];
    assert_int_equal(ij_safetensors_open(&file, path), IJ_OK);
    assert_int_equal(ij_safetensors_read_floats(file, ij_safetensors_find(file, "h"), found), IJ_OK);
    assert_int_equal(ij_safetensors_read_floats(file, ij_safetensors_find(file, "b"), found + 8), IJ_OK);
    assert_int_equal(ij_safetensors_read_floats(file, ij_safetensors_find(file, "d"), found + 11), IJ_OK);
    ij_safetensors_close(file);
    assert_memory_equal(found, expected, sizeof found);
}

/* Headers that are all text: refused before cJSON makes eighty bytes of each two. */
static void large_headers(void **state)
{
    (void)state;
    const size_t size = (16 << 20) + 2;
    char *header = malloc(size + 1);
    assert_non_null(header);
    memset(header, ' ', size);
    header[size] = '\0';
    memcpy(header, "{}", 2);
    store(header, size, NULL, 0);
    assert_int_equal(open_and_close(), IJ_EFORMAT);
    assert_non_null(strstr(ij_error(), "more than any model's"));
    header[size - 2] = '\0';
    store(header, size - 2, NULL, 0); /* spaces alone do no harm */
    assert_int_equal(open_and_close(), IJ_OK);

    const char *entry = "{\"a\":[0";
    strcpy(header, entry);
    size_t length = strlen(entry);
    for (int i = 0; i < 1 << 20; i++, length += 2)
        memcpy(header + length, ",0", 2);
    strcpy(header + length, "]}");
    store(header, strlen(header), NULL, 0);
    free(header);
    assert_int_equal(open_and_close(), IJ_EFORMAT);
    assert_non_null(strstr(ij_error(), "a million values"));
}

/* A file that becomes shorter while it is open: an error, and no signal. */
static void cut_while_open(void **state)
{
    (void)state;
    write_sample(1);
    ij_safetensors *file;
    char data[64];
    assert_int_equal(ij_safetensors_open(&file, path), IJ_OK);
    assert_int_equal(truncate(path, 20), 0);
    assert_int_equal(ij_safetensors_read(file, ij_safetensors_find(file, "matrix"), data), IJ_EFORMAT);
    assert_non_null(strstr(ij_error(), "matrix"));
    assert_non_null(strstr(ij_error(), path));
    ij_safetensors_close(file);
}

/* A file cut at any byte is refused, and no damaged byte of the header makes the reader fall over. */
static void damaged_anywhere(void **state)
{
    (void)state;
    write_sample(1);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char good[1024];
    size_t bytes = fread(good, 1, sizeof good, f);
    fclose(f);
    for (size_t cut = 0; cut < bytes; cut++) {
        f = fopen(path, "wb");
        assert_non_null(f);
        fwrite(good, 1, cut, f);
        fclose(f);
        assert_int_equal(open_and_close(), IJ_EFORMAT);
    }
    for (size_t at = 0; at < bytes; at++)
        for (int bit = 0; bit < 8; bit++) {
            good[at] = (char)(good[at] ^ 1 << bit);
            f = fopen(path, "wb");
            assert_non_null(f);
            fwrite(good, 1, bytes, f);
            fclose(f);
            ij_status status = open_and_close();
            assert_true(status == IJ_OK || status == IJ_EFORMAT);
            good[at] = (char)(good[at] ^ 1 << bit);
        }
}

static void missing_files(void **state)
{
    (void)state;
    ij_safetensors *file;
    assert_int_equal(ij_safetensors_open(&file, "/nowhere/at/all"), IJ_EIO);
    assert_int_equal(ij_safetensors_open(&file, folder), IJ_EIO);
    ij_st_writer *w;
    assert_int_equal(ij_safetensors_create(&w, "/nowhere/at/all", NULL, 0, NULL, 0), IJ_EIO);
    assert_null(w);
}

static void unfinished_writes(void **state)
{
    (void)state;
    const ij_st_entry entries[] = {{"a", IJ_F32, 1, {2}}, {"b", IJ_F32, 1, {1}}};
    const float values[2] = {1, 2};
    ij_st_writer *w;
    write_sample(4);

    assert_int_equal(ij_safetensors_create(&w, path, entries, 2, NULL, 0), IJ_OK);
    assert_int_equal(ij_safetensors_write(w, values, sizeof values), IJ_OK);
    ij_safetensors_abandon(w);
    check_sample(4);
    assert_int_equal(files_in_folder(), 1);

    assert_int_equal(ij_safetensors_create(&w, path, entries, 2, NULL, 0), IJ_OK);
    assert_int_equal(ij_safetensors_write(w, values, sizeof values[0]), IJ_EINVAL); /* not what was announced */
    assert_int_equal(ij_safetensors_finish(w), IJ_EINVAL);                          /* two tensors are missing */
    check_sample(4);
    assert_int_equal(files_in_folder(), 1);

    assert_int_equal(ij_safetensors_create(&w, path, entries, 2, NULL, 0), IJ_OK);
    assert_int_equal(ij_safetensors_write(w, values, sizeof values), IJ_OK);
    assert_int_equal(ij_safetensors_write(w, values, sizeof values[0]), IJ_OK);
    assert_int_equal(ij_safetensors_write(w, values, sizeof values[0]), IJ_EINVAL); /* one too many */
    assert_int_equal(ij_safetensors_finish(w), IJ_OK);
    ij_safetensors_abandon(NULL);
}

static void impossible_entries(void **state)
{
    (void)state;
    const ij_st_entry twice[] = {{"a", IJ_F32, 1, {2}}, {"a", IJ_F32, 1, {1}}};
    const ij_st_entry reserved[] = {{"__metadata__", IJ_F32, 1, {2}}};
    const ij_st_entry negative[] = {{"a", IJ_F32, 1, {-1}}};
    const ij_st_entry endless[] = {{"a", IJ_F32, 2, {INT64_MAX, 4}}};
    ij_st_writer *w;
    write_sample(5);
    assert_int_equal(ij_safetensors_create(&w, path, twice, 2, NULL, 0), IJ_EINVAL);
    assert_int_equal(ij_safetensors_create(&w, path, reserved, 1, NULL, 0), IJ_EINVAL);
    assert_int_equal(ij_safetensors_create(&w, path, negative, 1, NULL, 0), IJ_EINVAL);
    assert_int_equal(ij_safetensors_create(&w, path, endless, 1, NULL, 0), IJ_EINVAL);
    check_sample(5);
    assert_int_equal(files_in_folder(), 1);
}

/* A limit on the size of files stands in for a full disk. */
static void full_disk(void **state)
{
    (void)state;
    write_sample(6);
    struct rlimit old, small = {4096, RLIM_INFINITY};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const ij_st_entry entries[] = {{"a", IJ_U8, 1, {100000}}};
    static const char data[100000];
    ij_st_writer *w;
    assert_int_equal(ij_safetensors_create(&w, path, entries, 1, NULL, 0), IJ_OK);
    assert_int_equal(ij_safetensors_write(w, data, sizeof data), IJ_EIO);
    assert_non_null(strstr(ij_error(), path));
    ij_safetensors_abandon(w);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    check_sample(6);
    assert_int_equal(files_in_folder(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(corrupt_headers),
        cmocka_unit_test(corrupt_lengths),
        cmocka_unit_test(every_type),
        cmocka_unit_test(floats),
        cmocka_unit_test(large_headers),
        cmocka_unit_test(cut_while_open),
        cmocka_unit_test(damaged_anywhere),
        cmocka_unit_test(missing_files),
        cmocka_unit_test(unfinished_writes),
        cmocka_unit_test(impossible_entries),
        cmocka_unit_test(full_disk),
    };
    return cmocka_run_group_tests_name("safetensors", tests, make_folder, remove_folder);
}
