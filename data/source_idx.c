/* Reads the IDX files of MNIST and Fashion-MNIST (http://yann.lecun.com/exdb/mnist): unsigned bytes, images [n, rows,
 * columns] and labels [n]. Compressed ones are unpacked into memory, once; plain ones stay where they are. */
#include "data/labels.h"
#include "data/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <zlib.h>

/* An open file: gzread gives a plain file's bytes as they are. */
typedef struct input {
    gzFile file;
    const char *path;
    uint32_t size[3]; /* n, rows, columns */
} input;

static ij_status short_file(const input *in)
{
    int code;
    const char *reason = gzerror(in->file, &code);
    if (code == Z_ERRNO)
        return ij_fail(IJ_EIO, "%s: %s", in->path, strerror(errno));
    return ij_fail(IJ_EFORMAT, "%s: %s", in->path, code == Z_OK || code == Z_BUF_ERROR ? "truncated" : reason);
}

/* Up to `size` bytes, growing the buffer as they come: what a header claims may not be there. */
static ij_status read_all(input *in, uint64_t size, uint8_t **data)
{
    size_t have = 0, capacity = 0;
    while (have < size) {
        uint64_t left = size - have;
        size_t step = left < 1 << 16 ? (size_t)left : 1 << 16;
        if (!ij_grow(data, &capacity, have + step, 1))
            return ij_fail(IJ_ENOMEM, "%s: no memory for %llu bytes", in->path, (unsigned long long)size);
        int got = gzread(in->file, *data + have, (unsigned)step);
        if (got <= 0)
            return short_file(in);
        have += (size_t)got;
    }
    return IJ_OK;
}

/* The magic number 00 00 08 and the number of dimensions, then each of these, big-endian. */
static ij_status read_header(input *in, int dimensions)
{
    uint8_t h[16];
    unsigned size = 4 + 4 * (unsigned)dimensions;
    int got = gzread(in->file, h, size);
    if (got < 0)
        return short_file(in);
    if (got >= 4 && (h[0] || h[1] || h[2] != 8 || h[3] != dimensions))
        return ij_fail(IJ_EFORMAT, "%s is no IDX file of %s", in->path,
                       dimensions == 3 ? "grey images (magic number 00000803)" : "labels (magic number 00000801)");
    if (got < (int)size)
        return short_file(in);
    for (int i = 0; i < dimensions; i++)
        in->size[i] = (uint32_t)h[4 + 4 * i] << 24 | (uint32_t)h[5 + 4 * i] << 16 | (uint32_t)h[6 + 4 * i] << 8 |
                      (uint32_t)h[7 + 4 * i];
    return IJ_OK;
}

static ij_status open_input(input *in, const char *path, int dimensions)
{
    in->path = path;
    in->file = gzopen(path, "rb");
    if (!in->file)
        return ij_fail(IJ_EIO, "cannot read %s: %s", path, strerror(errno ? errno : ENOMEM));
    gzbuffer(in->file, 1 << 15);
    return read_header(in, dimensions);
}

/* ---- Images ----------------------------------------------------------------------------------------------------- */

static ij_status read_images(ij_listing *listing, ij_idx *idx, input *in, uint64_t file_bytes)
{
    ij_status status = IJ_OK;
    uint64_t n = in->size[0], bytes = (uint64_t)in->size[1] * in->size[2];
    if (n == 0 || bytes == 0 || in->size[1] > 65500 || in->size[2] > 65500)
        return ij_fail(IJ_EFORMAT, "%s: %u images of %u x %u pixels", in->path, in->size[0], in->size[1], in->size[2]);
    if (n > UINT64_MAX / 2 / bytes)
        return ij_fail(IJ_EFORMAT, "%s: too many pixels", in->path);
    idx->rows = (int)in->size[1];
    idx->columns = (int)in->size[2];
    if (!gzdirect(in->file))
        status = read_all(in, n * bytes, &idx->pixels);
    else if (file_bytes < IJ_IDX_HEADER + n * bytes)
        status = ij_fail(IJ_EFORMAT, "%s: truncated: %llu bytes are too few for %u images of %u x %u pixels", in->path,
                         (unsigned long long)file_bytes, in->size[0], in->size[1], in->size[2]);
    for (uint32_t i = 0; i < n && !status; i++)
        status = ij_listing_add_sample(listing, (ij_sample){.block = i, .label = -1});
    return status;
}

/* ---- Labels ----------------------------------------------------------------------------------------------------- */

/* The labels' path, which is the images' with other words and perhaps another end; NULL where that cannot be told or
 * there is no such file. */
static char *find_labels(const char *path)
{
    static const char *const images[] = {"images-idx3", "images.idx3"}, *const labels[] = {"labels-idx1",
                                                                                           "labels.idx1"};
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    struct stat info;
    for (int k = 0; k < 2; k++) {
        const char *found = strstr(base, images[k]);
        char *name = found ? malloc(strlen(path) + 4) : NULL;
        if (!name)
            continue;
        size_t before = (size_t)(found - path), length = strlen(path);
        memcpy(name, path, length + 1);
        memcpy(name + before, labels[k], strlen(labels[k]));
        if (stat(name, &info) == 0)
            return name;
        bool packed = length > 3 && strcmp(name + length - 3, ".gz") == 0;
        strcpy(name + length - (packed ? 3 : 0), packed ? "" : ".gz");
        if (stat(name, &info) == 0)
            return name;
        free(name);
    }
    return NULL;
}

static ij_status set_labels(ij_listing *listing, const uint8_t *label)
{
    int most = 0;
    for (size_t i = 0; i < listing->sample_count; i++) {
        listing->samples[i].label = label[i];
        most = label[i] > most ? label[i] : most;
    }
    ij_status status = IJ_OK;
    for (int k = 0; k <= most && !status; k++) {
        char name[12];
        snprintf(name, sizeof name, "%d", k);
        status = ij_listing_add_class(listing, name);
    }
    return status;
}

static ij_status read_labels(ij_listing *listing, const char *path)
{
    input in = {0};
    uint8_t *label = NULL;
    ij_status status = open_input(&in, path, 1);
    if (!status && in.size[0] != listing->sample_count)
        status = ij_fail(IJ_EFORMAT, "%s: %u labels for %zu images", path, in.size[0], listing->sample_count);
    if (!status)
        status = read_all(&in, in.size[0], &label);
    if (!status)
        status = set_labels(listing, label);
    free(label);
    if (in.file)
        gzclose(in.file);
    return status;
}

ij_status ij_idx_list(ij_listing *listing, ij_idx *idx, const char *root, const char *name)
{
    struct stat info;
    input in = {0};
    char *path = ij_source_join(root, name), *labels = NULL;
    ij_status status = IJ_OK;
    listing->kind = IJ_SOURCE_IDX;
    if (!path)
        return ij_fail(IJ_ENOMEM, "no memory to read %s", name);
    status = open_input(&in, path, 3);
    if (!status && stat(path, &info) != 0)
        status = ij_fail(IJ_EIO, "cannot read %s: %s", path, strerror(errno));
    if (!status)
        status = ij_listing_add_container(listing, name, &info);
    if (!status)
        status = read_images(listing, idx, &in, (uint64_t)info.st_size);
    if (!status && (labels = find_labels(path)))
        status = read_labels(listing, labels);
    if (in.file)
        gzclose(in.file);
    free(labels);
    free(path);
    return status;
}
