/* Reading trusts nothing in a file: the header is bounded, UTF-8 and JSON, every tensor's range is the product of its
 * shape, and the ranges tile the data without gap or overlap, as the format demands. Data is read when it is asked for.
 * Writing is safetensors_writer.c's. */
#include "engine/files/safetensors.h"

#include "engine/files/checksum.h"
#include "engine/files/file_read.h"
#include "engine/files/json_text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

/* The reference implementation takes headers of up to 100 MB; a model of a thousand tensors needs some 200 KB. */
enum { LENGTH_BYTES = 8, MAX_DIMS = 8, MAX_HEADER = 16 << 20 };
static const char metadata_key[] = "__metadata__";

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

/* A file's sum while it is read. */
typedef struct checking {
    XXH64_state_t *sum;
    char wanted[IJ_CHECKSUM_DIGITS + 1];
    int next; /* the tensor, in the file's order, that is to be added next */
} checking;

struct ij_safetensors {
    int fd;
    char *path;
    uint64_t bytes, data;        /* of the file; where the tensors begin in it */
    cJSON *header;               /* owns all names and metadata */
    const cJSON *metadata;       /* NULL where there is none */
    ij_st_tensor *tensors;       /* by position in the file */
    const ij_st_tensor **byname; /* the same, sorted by name */
    int count;
    checking *check; /* NULL: nobody wants to know */
};

/* Parses the header; file->data is where the tensors' bytes begin. */
static ij_status parse_header(ij_safetensors *file, const char *path)
{
    unsigned char prefix[LENGTH_BYTES];
    uint64_t length = 0;
    if (file->bytes < LENGTH_BYTES)
        return ij_fail(IJ_EFORMAT, "%s: not a safetensors file: only %llu bytes long", path,
                       (unsigned long long)file->bytes);
    ij_status status = ij_file_read(file->fd, path, 0, prefix, sizeof prefix);
    if (status)
        return status;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        length = length << 8 | prefix[i];
    if (length > file->bytes - LENGTH_BYTES)
        return ij_fail(IJ_EFORMAT,
                       "%s: not a safetensors file, or cut short: its header claims %llu bytes, the file has %llu",
                       path, (unsigned long long)length, (unsigned long long)file->bytes);
    if (length > MAX_HEADER)
        return ij_fail(IJ_EFORMAT, "%s: its header has %llu bytes, which is more than any model's (%d)", path,
                       (unsigned long long)length, MAX_HEADER);
    char *text = malloc((size_t)length + 1);
    size_t room = strlen(path) + 32;
    char *what = malloc(room);
    if (!text || !what)
        status = ij_fail(IJ_ENOMEM, "%s: no memory for its header", path);
    else
        status = ij_file_read(file->fd, path, LENGTH_BYTES, text, (size_t)length);
    if (!status && (length == 0 || text[0] != '{'))
        status = ij_fail(IJ_EFORMAT, "%s: not a safetensors file: its header is not JSON text in UTF-8", path);
    if (!status) {
        snprintf(what, room, "%s: its safetensors header", path);
        status = ij_json_parse(&file->header, what, text, (size_t)length);
    }
    free(text);
    free(what);
    file->data = LENGTH_BYTES + length;
    return status;
}

/* The member `name` of a tensor's entry; *twice where there are two. */
static const cJSON *member(const cJSON *item, const char *name, bool *twice)
{
    const cJSON *found = NULL, *each;
    cJSON_ArrayForEach(each, item)
    {
        if (!each->string || strcmp(each->string, name) != 0)
            continue;
        *twice = *twice || found;
        found = each;
    }
    return found;
}

static ij_status parse_tensor(const ij_safetensors *file, const char *path, const cJSON *item, ij_st_tensor *tensor)
{
    bool twice = false;
    const cJSON *dtype = member(item, "dtype", &twice);
    const cJSON *shape = member(item, "shape", &twice);
    const cJSON *offsets = member(item, "data_offsets", &twice);
    tensor->name = item->string;
    if (twice)
        return ij_fail(IJ_EFORMAT, "%s: tensor %s has dtype, shape or data_offsets twice", path, tensor->name);
    if (!cJSON_IsString(dtype) || !cJSON_IsArray(shape) || !cJSON_IsArray(offsets) || cJSON_GetArraySize(offsets) != 2)
        return ij_fail(IJ_EFORMAT, "%s: tensor %s lacks dtype, shape or data_offsets", path, tensor->name);
    if (!ij_dtype_named(dtype->valuestring, &tensor->dtype))
        return ij_fail(IJ_EFORMAT, "%s: tensor %s has element type %s, which the format does not have", path,
                       tensor->name, dtype->valuestring);
    if (cJSON_GetArraySize(shape) > MAX_DIMS)
        return ij_fail(IJ_EFORMAT, "%s: tensor %s has more than %d dimensions", path, tensor->name, MAX_DIMS);
    const cJSON *size;
    cJSON_ArrayForEach(size, shape)
    {
        if (!ij_json_whole(size, &tensor->shape[tensor->dims++]))
            return ij_fail(IJ_EFORMAT, "%s: tensor %s has an impossible shape", path, tensor->name);
    }
    if (!ij_dtype_bytes(tensor->dtype, tensor->dims, tensor->shape, &tensor->bytes))
        return ij_fail(IJ_EFORMAT, "%s: tensor %s has a shape beyond any memory, or that is no whole number of bytes",
                       path, tensor->name);
    int64_t begin, end;
    if (!ij_json_whole(offsets->child, &begin) || !ij_json_whole(offsets->child->next, &end) || begin > end ||
        (uint64_t)end > file->bytes - file->data)
        return ij_fail(IJ_EFORMAT, "%s: tensor %s lies outside the file, which is damaged or cut short", path,
                       tensor->name);
    if ((uint64_t)(end - begin) != tensor->bytes)
        return ij_fail(IJ_EFORMAT, "%s: tensor %s occupies %lld bytes but its shape needs %zu", path, tensor->name,
                       (long long)(end - begin), tensor->bytes);
    tensor->offset = file->data + (uint64_t)begin;
    return IJ_OK;
}

static int by_position(const void *a, const void *b)
{
    const ij_st_tensor *s = a, *t = b;
    if (s->offset != t->offset)
        return s->offset < t->offset ? -1 : 1;
    return (s->bytes > t->bytes) - (s->bytes < t->bytes); /* an empty tensor comes before its neighbour */
}

static int by_name(const void *a, const void *b)
{
    const ij_st_tensor *const *s = a, *const *t = b;
    return strcmp((*s)->name, (*t)->name);
}

static ij_status parse_metadata(const ij_safetensors *file, const char *path)
{
    const cJSON *pair = NULL;
    if (!file->metadata)
        return IJ_OK;
    if (!cJSON_IsObject(file->metadata))
        return ij_fail(IJ_EFORMAT, "%s: %s is not a list of names and texts", path, metadata_key);
    cJSON_ArrayForEach(pair, file->metadata)
    {
        if (!cJSON_IsString(pair))
            return ij_fail(IJ_EFORMAT, "%s: %s holds something that is not a string", path, metadata_key);
    }
    ij_status status = ij_json_unique(file->metadata, metadata_key);
    return status ? ij_fail_in(status, "%s: ", path) : IJ_OK;
}

static ij_status parse_tensors(ij_safetensors *file, const char *path)
{
    size_t items = (size_t)cJSON_GetArraySize(file->header);
    file->tensors = calloc(items + 1, sizeof *file->tensors);
    file->byname = calloc(items + 1, sizeof *file->byname);
    if (!file->tensors || !file->byname)
        return ij_fail(IJ_ENOMEM, "%s: no memory for a list of %zu tensors", path, items);
    const cJSON *item;
    cJSON_ArrayForEach(item, file->header)
    {
        if (strcmp(item->string, metadata_key) == 0) {
            if (file->metadata)
                return ij_fail(IJ_EFORMAT, "%s: two entries are named %s", path, metadata_key);
            file->metadata = item;
            continue;
        }
        ij_status status = parse_tensor(file, path, item, &file->tensors[file->count]);
        if (status)
            return status;
        file->count++;
    }
    return parse_metadata(file, path);
}

/* The tensors tile the data exactly and no two share a name. */
static ij_status check_layout(ij_safetensors *file, const char *path)
{
    size_t n = (size_t)file->count;
    qsort(file->tensors, n, sizeof *file->tensors, by_position);
    uint64_t expected = file->data;
    for (size_t i = 0; i < n; i++) {
        const ij_st_tensor *t = &file->tensors[i];
        if (t->offset != expected)
            return ij_fail(IJ_EFORMAT, "%s: tensor %s %s", path, t->name,
                           t->offset < expected ? "overlaps its neighbour" : "leaves a gap before it");
        expected += t->bytes;
        file->byname[i] = t;
    }
    if (expected != file->bytes)
        return ij_fail(IJ_EFORMAT, "%s: %llu bytes at the end belong to no tensor", path,
                       (unsigned long long)(file->bytes - expected));
    qsort(file->byname, n, sizeof *file->byname, by_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(file->byname[i - 1]->name, file->byname[i]->name) == 0)
            return ij_fail(IJ_EFORMAT, "%s: two tensors are named %s", path, file->byname[i]->name);
    return IJ_OK;
}

ij_status ij_safetensors_open(ij_safetensors **out, const char *path)
{
    *out = NULL;
    size_t length = strlen(path) + 1;
    ij_safetensors *file = calloc(1, sizeof *file);
    char *name = malloc(length);
    if (!file || !name) {
        free(file);
        free(name);
        return ij_fail(IJ_ENOMEM, "%s: no memory to open it", path);
    }
    memcpy(name, path, length);
    file->path = name;
    ij_status status = ij_file_open(&file->fd, &file->bytes, path);
    if (!status)
        status = parse_header(file, path);
    if (!status)
        status = parse_tensors(file, path);
    if (!status)
        status = check_layout(file, path);
    if (status) {
        ij_safetensors_close(file);
        return status;
    }
    *out = file;
    return IJ_OK;
}

static void forget_check(ij_safetensors *file)
{
    if (file->check)
        XXH64_freeState(file->check->sum);
    free(file->check);
    file->check = NULL;
}

void ij_safetensors_close(ij_safetensors *file)
{
    if (!file)
        return;
    if (file->fd >= 0)
        close(file->fd);
    forget_check(file);
    cJSON_Delete(file->header);
    free(file->tensors);
    free(file->byname);
    free(file->path);
    free(file);
}

int ij_safetensors_count(const ij_safetensors *file)
{
    return file->count;
}

const ij_st_tensor *ij_safetensors_at(const ij_safetensors *file, int index)
{
    return &file->tensors[index];
}

const ij_st_tensor *ij_safetensors_find(const ij_safetensors *file, const char *name)
{
    const ij_st_tensor key = {.name = name}, *wanted = &key;
    const ij_st_tensor **found = bsearch(&wanted, file->byname, (size_t)file->count, sizeof *file->byname, by_name);
    return found ? *found : NULL;
}

/* Who reads in order goes on with what lies behind: the disk begins with it while this tensor is being used. */
static void read_ahead(const ij_safetensors *file, const ij_st_tensor *tensor)
{
    enum { AHEAD = 32 << 20 };
    (void)posix_fadvise(file->fd, (off_t)(tensor->offset + tensor->bytes), AHEAD, POSIX_FADV_WILLNEED);
}

/* Tensors that are read in order are part of the sum. */
static void add_read(const ij_safetensors *file, const ij_st_tensor *tensor, const void *bytes)
{
    checking *c = file->check;
    if (!c || c->next == file->count || tensor != &file->tensors[c->next])
        return;
    XXH64_update(c->sum, bytes, tensor->bytes);
    c->next++;
}

ij_status ij_safetensors_read(const ij_safetensors *file, const ij_st_tensor *tensor, void *buffer)
{
    read_ahead(file, tensor);
    ij_status status = ij_file_read(file->fd, file->path, tensor->offset, buffer, tensor->bytes);
    if (status)
        return ij_fail_in(status, "tensor %s: ", tensor->name);
    add_read(file, tensor, buffer);
    return IJ_OK;
}

ij_status ij_safetensors_read_floats(const ij_safetensors *file, const ij_st_tensor *tensor, float *values)
{
    size_t width = (size_t)ij_dtype_bits(tensor->dtype) / 8;
    if (!ij_dtype_is_float(tensor->dtype))
        return ij_fail(IJ_EFORMAT, "%s: tensor %s has elements of type %s, which are no weights", file->path,
                       tensor->name, ij_dtype_name(tensor->dtype));
    read_ahead(file, tensor);
    ij_status status =
        ij_file_read_floats(file->fd, file->path, tensor->offset, tensor->dtype, tensor->bytes / width, values);
    if (status)
        return ij_fail_in(status, "tensor %s: ", tensor->name);
    if (tensor->dtype == IJ_F32)
        add_read(file, tensor, values);
    return IJ_OK;
}

bool ij_safetensors_has_checksum(const ij_safetensors *file)
{
    const char *digits = ij_safetensors_metadata(file, IJ_ST_CHECKSUM);
    return digits && strlen(digits) == IJ_CHECKSUM_DIGITS;
}

/* The header's part, its digits taken as zeros. */
static ij_status add_header(const ij_safetensors *file, checking *c)
{
    size_t length = (size_t)(file->data - LENGTH_BYTES);
    char *text = calloc(1, length + 1);
    ij_status status = text ? IJ_OK : ij_fail(IJ_ENOMEM, "%s: no memory for its header", file->path);
    if (!status)
        status = ij_file_read(file->fd, file->path, LENGTH_BYTES, text, length);
    char *digits = status ? NULL : ij_checksum_find(text);
    if (!status && !digits)
        status = ij_fail(IJ_EFORMAT, "%s: its checksum is not where this program writes it", file->path);
    if (!status) {
        memcpy(c->wanted, digits, IJ_CHECKSUM_DIGITS);
        memcpy(digits, ij_checksum_open, IJ_CHECKSUM_DIGITS);
        XXH64_update(c->sum, text, length);
    }
    free(text);
    return status;
}

ij_status ij_safetensors_check_begin(ij_safetensors *file)
{
    forget_check(file);
    if (!ij_safetensors_has_checksum(file))
        return IJ_OK;
    file->check = calloc(1, sizeof *file->check);
    if (!file->check || !(file->check->sum = XXH64_createState())) {
        forget_check(file);
        return ij_fail(IJ_ENOMEM, "%s: no memory to check it", file->path);
    }
    XXH64_reset(file->check->sum, 0);
    ij_status status = add_header(file, file->check);
    if (status)
        forget_check(file);
    return status;
}

/* Adds the rest of the file from the first tensor on that was not read in order. */
static ij_status add_rest(const ij_safetensors *file, checking *c)
{
    enum { CHUNK = 1 << 20 };
    if (c->next == file->count)
        return IJ_OK;
    unsigned char *chunk = malloc(CHUNK);
    ij_status status = chunk ? IJ_OK : ij_fail(IJ_ENOMEM, "%s: no memory to check it", file->path);
    for (uint64_t at = file->tensors[c->next].offset; !status && at < file->bytes;) {
        size_t n = file->bytes - at < CHUNK ? (size_t)(file->bytes - at) : CHUNK;
        status = ij_file_read(file->fd, file->path, at, chunk, n);
        if (!status)
            XXH64_update(c->sum, chunk, n);
        at += n;
    }
    free(chunk);
    return status;
}

ij_status ij_safetensors_check_end(ij_safetensors *file)
{
    if (!file->check)
        return IJ_OK;
    ij_status status = add_rest(file, file->check);
    char found[IJ_CHECKSUM_DIGITS + 1];
    ij_checksum_print(XXH64_digest(file->check->sum), found);
    if (!status && strcmp(found, file->check->wanted) != 0)
        status = ij_fail(IJ_EFORMAT, "%s: damaged: its checksum is %s, that of what was written was %s", file->path,
                         found, file->check->wanted);
    forget_check(file);
    return status;
}

const char *ij_safetensors_metadata(const ij_safetensors *file, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file->metadata, key));
}
