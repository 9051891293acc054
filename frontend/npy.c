#include "frontend/npy.h"

#include "engine/files/file_read.h"
#include "engine/files/whole_file.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Magic, version 1.0, length of the text that follows; the text is padded so that data begin at a multiple of 64. */
enum { MAGIC = 6, BEFORE_TEXT = 10, HEADER = 256, MOST_TEXT = 65536 };
static const char magic[MAGIC] = {'\x93', 'N', 'U', 'M', 'P', 'Y'};

/* NumPy's name for this machine's float32. */
static const char *descr(void)
{
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first ? "<f4" : ">f4";
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

struct ij_npy_writer {
    ij_whole_file *file;
    uint64_t values; /* written so far */
};

ij_status ij_npy_create(ij_npy_writer **out, const char *path)
{
    static const char empty[HEADER];
    *out = NULL;
    ij_npy_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return ij_fail(IJ_ENOMEM, "%s: no memory to write it", path);
    ij_status status = ij_whole_file_create(&writer->file, path);
    if (!status)
        status = ij_whole_file_write(writer->file, empty, HEADER); /* the shape is known at the end */
    if (status)
        ij_npy_abandon(writer);
    else
        *out = writer;
    return status;
}

ij_status ij_npy_write(ij_npy_writer *writer, const float *values, size_t n)
{
    writer->values += n;
    return ij_whole_file_write(writer->file, values, n * sizeof *values);
}

static void make_header(char header[HEADER], int dims, const int64_t *shape)
{
    char *text = header + BEFORE_TEXT;
    size_t room = HEADER - BEFORE_TEXT;
    memcpy(header, magic, MAGIC);
    header[6] = 1;
    header[7] = 0;
    header[8] = (char)(room & 0xFF);
    header[9] = (char)(room >> 8);
    memset(text, ' ', room);
    int used = snprintf(text, room, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr());
    for (int i = 0; i < dims; i++)
        used += snprintf(text + used, room - (size_t)used, "%" PRId64 "%s", shape[i],
                         i + 1 < dims ? ", "
                         : dims == 1  ? ","
                                      : "");
    used += snprintf(text + used, room - (size_t)used, "), }");
    text[used] = ' '; /* snprintf's NUL */
    text[room - 1] = '\n';
}

ij_status ij_npy_finish(ij_npy_writer *writer, int dims, const int64_t *shape)
{
    uint64_t product = 1;
    for (int i = 0; i < dims; i++)
        product *= (uint64_t)shape[i];
    char header[HEADER];
    ij_status status = IJ_OK;
    if (dims < 1 || dims > IJ_NPY_DIMS || product != writer->values)
        status = ij_fail(IJ_EINVAL, "%" PRIu64 " values were written, and their shape has room for %" PRIu64,
                         writer->values, product);
    if (!status) {
        make_header(header, dims, shape);
        status = ij_whole_file_patch(writer->file, 0, header, HEADER);
    }
    if (status) {
        ij_npy_abandon(writer);
        return status;
    }
    status = ij_whole_file_finish(writer->file);
    free(writer);
    return status;
}

void ij_npy_abandon(ij_npy_writer *writer)
{
    if (!writer)
        return;
    ij_whole_file_abandon(writer->file);
    free(writer);
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

/* What follows 'key': in the header's dictionary; NULL where it is not there. */
static const char *value_of(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    if (!at)
        return NULL;
    at += strlen(key);
    at += strspn(at, " ");
    if (*at != ':')
        return NULL;
    at++;
    return at + strspn(at, " ");
}

/* (3, 4) or (3,): at least one dimension, at least one of each. */
static bool read_shape(ij_npy *npy, const char *at)
{
    npy->dims = 0;
    npy->width = 1;
    if (!at || *at++ != '(')
        return false;
    for (at += strspn(at, " "); *at != ')'; at += strspn(at, " ,")) {
        char *end;
        long long n = strtoll(at, &end, 10);
        if (end == at || n < 1 || npy->dims == IJ_NPY_DIMS || npy->width > INT64_MAX / n)
            return false;
        npy->shape[npy->dims++] = n;
        if (npy->dims > 1)
            npy->width *= n;
        at = end;
    }
    npy->rows = npy->dims ? npy->shape[0] : 0;
    return npy->dims > 0;
}

static ij_status parse(ij_npy *npy, const char *text, uint64_t data_bytes)
{
    const char *type = value_of(text, "'descr'"), *order = value_of(text, "'fortran_order'");
    if (!type || !order || !read_shape(npy, value_of(text, "'shape'")))
        return ij_fail(IJ_EFORMAT, "%s: its header is none of an array with rows", npy->path);
    if (*type != '\'' || strncmp(type + 1, descr(), 3))
        return ij_fail(IJ_EFORMAT, "%s: its values are %.8s, not float32 ('%s')", npy->path, type, descr());
    if (strncmp(order, "False", 5))
        return ij_fail(IJ_EFORMAT, "%s: it is stored by columns (fortran_order), not by rows", npy->path);
    if ((uint64_t)npy->width > data_bytes / sizeof(float) ||
        (uint64_t)npy->rows > data_bytes / sizeof(float) / (uint64_t)npy->width)
        return ij_fail(IJ_EFORMAT,
                       "%s: cut off: %" PRId64 " rows of %" PRId64 " floats do not fit into %" PRIu64 " bytes",
                       npy->path, npy->rows, npy->width, data_bytes);
    return IJ_OK;
}

static ij_status read_header(ij_npy *npy, uint64_t size)
{
    unsigned char start[12] = {0};
    ij_status status = ij_file_read(npy->fd, npy->path, 0, start, size < sizeof start ? (size_t)size : sizeof start);
    if (status)
        return status;
    if (memcmp(start, magic, MAGIC) || start[6] < 1 || start[6] > 3)
        return ij_fail(IJ_EFORMAT, "%s: is no .npy file of NumPy's", npy->path);
    bool wide = start[6] > 1; /* formats 2 and 3 have four bytes for the length */
    uint64_t length = (uint64_t)start[8] | (uint64_t)start[9] << 8;
    if (wide)
        length |= (uint64_t)start[10] << 16 | (uint64_t)start[11] << 24;
    npy->begin = (wide ? BEFORE_TEXT + 2 : BEFORE_TEXT) + length;
    if (length > MOST_TEXT || npy->begin > size)
        return ij_fail(IJ_EFORMAT, "%s: cut off, or its header is damaged", npy->path);
    char *text = calloc((size_t)length + 1, 1);
    if (!text)
        return ij_fail(IJ_ENOMEM, "%s: no memory to read its header", npy->path);
    status = ij_file_read(npy->fd, npy->path, npy->begin - length, text, (size_t)length);
    if (!status)
        status = parse(npy, text, size - npy->begin);
    free(text);
    return status;
}

ij_status ij_npy_open(ij_npy *npy, const char *path)
{
    uint64_t size;
    *npy = (ij_npy){.fd = -1, .path = malloc(strlen(path) + 1)};
    if (!npy->path)
        return ij_fail(IJ_ENOMEM, "%s: no memory to open it", path);
    memcpy(npy->path, path, strlen(path) + 1);
    ij_status status = ij_file_open(&npy->fd, &size, path);
    return status ? status : read_header(npy, size);
}

void ij_npy_close(ij_npy *npy)
{
    if (npy->fd >= 0)
        close(npy->fd);
    free(npy->path);
    *npy = (ij_npy){.fd = -1};
}

ij_status ij_npy_read(const ij_npy *npy, int64_t first, int64_t count, float *values)
{
    uint64_t row = (uint64_t)npy->width * sizeof(float);
    return ij_file_read(npy->fd, npy->path, npy->begin + (uint64_t)first * row, values,
                        (size_t)((uint64_t)count * row));
}
