/* Reading maps the file and trusts nothing in it: the header is UTF-8 and JSON, every tensor's range is the product of
 * its shape, and the ranges tile the data without gap or overlap, as the format demands. Writing streams: header
 * first, then the tensors as they come. */
#include "engine/safetensors.h"

#include "engine/whole_file.h"

#include <cjson/cJSON.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tensors are stored little-endian and used as they lie: this code needs a little-endian host"
#endif

enum { LENGTH_BYTES = 8, MAX_DIMS = 8 };
static const uint64_t max_header = 100000000; /* the reference implementation's limit */
static const char metadata_key[] = "__metadata__";

/* ---- Element types -------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {[IJ_F32] = {"F32", 4}, [IJ_F64] = {"F64", 8}, [IJ_F16] = {"F16", 2}, [IJ_BF16] = {"BF16", 2},
              [IJ_I64] = {"I64", 8}, [IJ_I32] = {"I32", 4}, [IJ_U8] = {"U8", 1}};
enum { N_DTYPES = sizeof dtypes / sizeof dtypes[0] };

static bool dtype_named(const char *name, ij_dtype *dtype)
{
    for (int i = 0; i < N_DTYPES; i++)
        if (strcmp(dtypes[i].name, name) == 0) {
            *dtype = (ij_dtype)i;
            return true;
        }
    return false;
}

/* Bytes of a tensor; false where a dimension is negative or the product does not fit. */
static bool tensor_bytes(ij_dtype dtype, int dims, const int64_t *shape, size_t *bytes)
{
    size_t product = dtypes[dtype].bytes;
    bool empty = false;
    for (int i = 0; i < dims; i++) {
        if (shape[i] < 0)
            return false;
        if (shape[i] == 0) {
            empty = true;
            continue;
        }
        if ((uint64_t)shape[i] > SIZE_MAX / product)
            return false;
        product *= (size_t)shape[i];
    }
    *bytes = empty ? 0 : product;
    return true;
}

/* ---- Reading -------------------------------------------------------------------------------------------------- */

struct ij_safetensors {
    unsigned char *map;
    size_t map_bytes;
    cJSON *header;               /* owns all names and metadata */
    const cJSON *metadata;       /* NULL where there is none */
    ij_st_tensor *tensors;       /* by position in the file */
    const ij_st_tensor **byname; /* the same, sorted by name */
    int count;
};

/* Well-formed UTF-8 without control characters other than JSON's white space (RFC 3629, RFC 8259). */
static bool valid_text(const unsigned char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        unsigned char c = s[i++];
        if (c < 0x20 && c != '\t' && c != '\n' && c != '\r')
            return false;
        if (c < 0x80)
            continue;
        int more = c >= 0xC2 && c <= 0xDF ? 1 : (c & 0xF0) == 0xE0 ? 2 : c >= 0xF0 && c <= 0xF4 ? 3 : 0;
        if (more == 0 || n - i < (size_t)more)
            return false;
        unsigned char next = s[i];
        if ((c == 0xE0 && next < 0xA0) || (c == 0xED && next > 0x9F) || (c == 0xF0 && next < 0x90) ||
            (c == 0xF4 && next > 0x8F))
            return false; /* overlong, a surrogate, or beyond U+10FFFF */
        for (; more > 0; more--)
            if ((s[i++] & 0xC0) != 0x80)
                return false;
    }
    return true;
}

/* A non-negative whole number that a double holds exactly. */
static bool whole_number(const cJSON *item, int64_t *value)
{
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble > 9007199254740992.0)
        return false;
    *value = (int64_t)item->valuedouble;
    return (double)*value == item->valuedouble;
}

static ij_status map_file(ij_safetensors *file, const char *path)
{
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return ij_fail(IJ_EIO, "%s: cannot open: %s", path, strerror(errno));
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return ij_fail(IJ_EIO, "%s: not a regular file", path);
    }
    if (st.st_size < LENGTH_BYTES) {
        close(fd);
        return ij_fail(IJ_EFORMAT, "%s: not a safetensors file: only %lld bytes long", path, (long long)st.st_size);
    }
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    int error = errno;
    close(fd);
    if (map == MAP_FAILED)
        return ij_fail(IJ_EIO, "%s: cannot map into memory: %s", path, strerror(error));
    file->map = map;
    file->map_bytes = (size_t)st.st_size;
    return IJ_OK;
}

/* Parses the header; *data is where the tensors' bytes begin. */
static ij_status parse_header(ij_safetensors *file, const char *path, size_t *data)
{
    uint64_t length = 0;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        length = length << 8 | file->map[i];
    if (length > max_header || length > file->map_bytes - LENGTH_BYTES)
        return ij_fail(IJ_EFORMAT,
                       "%s: not a safetensors file, or cut short: its header claims %llu bytes, the file has %zu", path,
                       (unsigned long long)length, file->map_bytes);
    const char *text = (const char *)file->map + LENGTH_BYTES;
    if (length == 0 || text[0] != '{' || !valid_text((const unsigned char *)text, (size_t)length))
        return ij_fail(IJ_EFORMAT, "%s: not a safetensors file: its header is not JSON text in UTF-8", path);
    const char *end = NULL;
    file->header = cJSON_ParseWithLengthOpts(text, (size_t)length, &end, 0);
    for (const char *p = end; file->header && p < text + length; p++)
        if (*p != ' ' && *p != '\n' && *p != '\r' && *p != '\t') {
            cJSON_Delete(file->header);
            file->header = NULL;
        }
    if (!cJSON_IsObject(file->header))
        return ij_fail(IJ_EFORMAT, "%s: the safetensors header is not valid JSON (near byte %td of it)", path,
                       end ? end - text : 0);
    *data = LENGTH_BYTES + (size_t)length;
    return IJ_OK;
}

static ij_status parse_tensor(const ij_safetensors *file, const char *path, size_t data, const cJSON *item,
                              ij_st_tensor *tensor)
{
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(item, "dtype");
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(item, "shape");
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(item, "data_offsets");
    tensor->name = item->string;
    if (!cJSON_IsString(dtype) || !cJSON_IsArray(shape) || !cJSON_IsArray(offsets) || cJSON_GetArraySize(offsets) != 2)
        return ij_fail(IJ_EFORMAT, "%s: tensor %s lacks dtype, shape or data_offsets", path, tensor->name);
    if (!dtype_named(dtype->valuestring, &tensor->dtype))
        return ij_fail(IJ_EFORMAT, "%s: tensor %s has element type %s, which is not supported", path, tensor->name,
                       dtype->valuestring);
    if (cJSON_GetArraySize(shape) > MAX_DIMS)
        return ij_fail(IJ_EFORMAT, "%s: tensor %s has more than %d dimensions", path, tensor->name, MAX_DIMS);
    const cJSON *size;
    cJSON_ArrayForEach(size, shape)
    {
        if (!whole_number(size, &tensor->shape[tensor->dims++]))
            return ij_fail(IJ_EFORMAT, "%s: tensor %s has an impossible shape", path, tensor->name);
    }
    if (!tensor_bytes(tensor->dtype, tensor->dims, tensor->shape, &tensor->bytes))
        return ij_fail(IJ_EFORMAT, "%s: tensor %s has a shape beyond any memory", path, tensor->name);
    int64_t begin, end;
    if (!whole_number(cJSON_GetArrayItem(offsets, 0), &begin) || !whole_number(cJSON_GetArrayItem(offsets, 1), &end) ||
        begin > end || (uint64_t)end > file->map_bytes - data)
        return ij_fail(IJ_EFORMAT, "%s: tensor %s lies outside the file, which is damaged or cut short", path,
                       tensor->name);
    if ((uint64_t)(end - begin) != tensor->bytes)
        return ij_fail(IJ_EFORMAT, "%s: tensor %s occupies %lld bytes but its shape needs %zu", path, tensor->name,
                       (long long)(end - begin), tensor->bytes);
    tensor->data = file->map + data + begin;
    return IJ_OK;
}

static int by_position(const void *a, const void *b)
{
    const ij_st_tensor *s = a, *t = b;
    const unsigned char *p = s->data, *q = t->data;
    if (p != q)
        return p < q ? -1 : 1;
    return (s->bytes > t->bytes) - (s->bytes < t->bytes); /* an empty tensor comes before its neighbour */
}

static int by_name(const void *a, const void *b)
{
    const ij_st_tensor *const *s = a, *const *t = b;
    return strcmp((*s)->name, (*t)->name);
}

static ij_status parse_tensors(ij_safetensors *file, const char *path, size_t data)
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
        ij_status status = parse_tensor(file, path, data, item, &file->tensors[file->count]);
        if (status)
            return status;
        file->count++;
    }
    const cJSON *pair = NULL;
    cJSON_ArrayForEach(pair, file->metadata)
    {
        if (!cJSON_IsString(pair))
            return ij_fail(IJ_EFORMAT, "%s: %s holds something that is not a string", path, metadata_key);
    }
    return IJ_OK;
}

/* The tensors tile the data exactly and no two share a name. */
static ij_status check_layout(ij_safetensors *file, const char *path, size_t data)
{
    size_t n = (size_t)file->count;
    qsort(file->tensors, n, sizeof *file->tensors, by_position);
    const unsigned char *expected = file->map + data;
    for (size_t i = 0; i < n; i++) {
        const ij_st_tensor *t = &file->tensors[i];
        if ((const unsigned char *)t->data != expected)
            return ij_fail(IJ_EFORMAT, "%s: tensor %s %s", path, t->name,
                           (const unsigned char *)t->data < expected ? "overlaps its neighbour"
                                                                     : "leaves a gap before it");
        expected += t->bytes;
        file->byname[i] = t;
    }
    if (expected != file->map + file->map_bytes)
        return ij_fail(IJ_EFORMAT, "%s: %td bytes at the end belong to no tensor", path,
                       file->map + file->map_bytes - expected);
    qsort(file->byname, n, sizeof *file->byname, by_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(file->byname[i - 1]->name, file->byname[i]->name) == 0)
            return ij_fail(IJ_EFORMAT, "%s: two tensors are named %s", path, file->byname[i]->name);
    return IJ_OK;
}

ij_status ij_safetensors_open(ij_safetensors **out, const char *path)
{
    *out = NULL;
    ij_safetensors *file = calloc(1, sizeof *file);
    if (!file)
        return ij_fail(IJ_ENOMEM, "%s: no memory to open it", path);
    size_t data = 0;
    ij_status status = map_file(file, path);
    if (!status)
        status = parse_header(file, path, &data);
    if (!status)
        status = parse_tensors(file, path, data);
    if (!status)
        status = check_layout(file, path, data);
    if (status) {
        ij_safetensors_close(file);
        return status;
    }
    *out = file;
    return IJ_OK;
}

void ij_safetensors_close(ij_safetensors *file)
{
    if (!file)
        return;
    if (file->map)
        munmap(file->map, file->map_bytes);
    cJSON_Delete(file->header);
    free(file->tensors);
    free(file->byname);
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

const char *ij_safetensors_metadata(const ij_safetensors *file, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file->metadata, key));
}

/* ---- Writing -------------------------------------------------------------------------------------------------- */

struct ij_st_writer {
    ij_whole_file *file;
    char *path;    /* for messages */
    size_t *sizes; /* bytes of each announced tensor */
    int announced, written;
};

/* Adds entry number i, which begins at *offset; advances it. */
static ij_status describe_entry(cJSON *header, const ij_st_entry *e, size_t *size, size_t *offset)
{
    if (e->dims < 0 || e->dims > MAX_DIMS || !tensor_bytes(e->dtype, e->dims, e->shape, size) ||
        *size > SIZE_MAX - *offset)
        return ij_fail(IJ_EINVAL, "tensor %s has an impossible shape", e->name);
    if (strcmp(e->name, metadata_key) == 0 || cJSON_GetObjectItemCaseSensitive(header, e->name))
        return ij_fail(IJ_EINVAL, "tensor name %s is taken", e->name);
    const double offsets[2] = {(double)*offset, (double)(*offset + *size)};
    double shape[MAX_DIMS];
    for (int i = 0; i < e->dims; i++)
        shape[i] = (double)e->shape[i];
    *offset += *size;
    cJSON *item = cJSON_AddObjectToObject(header, e->name);
    bool done = cJSON_AddStringToObject(item, "dtype", dtypes[e->dtype].name) != NULL;
    done = cJSON_AddItemToObject(item, "shape", cJSON_CreateDoubleArray(shape, e->dims)) && done;
    done = cJSON_AddItemToObject(item, "data_offsets", cJSON_CreateDoubleArray(offsets, 2)) && done;
    return done ? IJ_OK : ij_fail(IJ_ENOMEM, "no memory for a safetensors header");
}

/* The header as text; malloc'ed. */
static ij_status describe(ij_st_writer *writer, const ij_st_entry *entries, const char *const (*metadata)[2],
                          int n_metadata, char **text)
{
    ij_status status = IJ_OK;
    size_t offset = 0;
    *text = NULL;
    cJSON *header = cJSON_CreateObject();
    cJSON *pairs = n_metadata > 0 ? cJSON_AddObjectToObject(header, metadata_key) : NULL;
    for (int i = 0; i < n_metadata && !status; i++)
        if (!cJSON_AddStringToObject(pairs, metadata[i][0], metadata[i][1]))
            status = ij_fail(IJ_ENOMEM, "no memory for a safetensors header");
    for (int i = 0; i < writer->announced && !status; i++)
        status = describe_entry(header, &entries[i], &writer->sizes[i], &offset);
    if (!status && !(*text = cJSON_PrintUnformatted(header)))
        status = ij_fail(IJ_ENOMEM, "no memory for a safetensors header");
    cJSON_Delete(header);
    return status;
}

/* Length, text, and spaces so that the data begins at a multiple of 8 bytes. */
static ij_status write_header(ij_st_writer *writer, const char *text)
{
    size_t length = strlen(text), padding = (8 - length % 8) % 8;
    uint64_t total = length + padding;
    unsigned char prefix[LENGTH_BYTES];
    for (int i = 0; i < LENGTH_BYTES; i++)
        prefix[i] = (unsigned char)(total >> (8 * i));
    ij_status status = ij_whole_file_write(writer->file, prefix, sizeof prefix);
    if (!status)
        status = ij_whole_file_write(writer->file, text, length);
    return status ? status : ij_whole_file_write(writer->file, "        ", padding);
}

static void free_writer(ij_st_writer *writer)
{
    free(writer->path);
    free(writer->sizes);
    free(writer);
}

ij_status ij_safetensors_create(ij_st_writer **out, const char *path, const ij_st_entry *entries, int n_entries,
                                const char *const (*metadata)[2], int n_metadata)
{
    *out = NULL;
    char *text = NULL;
    ij_st_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return ij_fail(IJ_ENOMEM, "%s: no memory to write it", path);
    writer->announced = n_entries;
    writer->sizes = calloc((size_t)n_entries + 1, sizeof *writer->sizes);
    writer->path = malloc(strlen(path) + 1);
    ij_status status = writer->sizes && writer->path ? IJ_OK : ij_fail(IJ_ENOMEM, "%s: no memory to write it", path);
    if (!status)
        strcpy(writer->path, path);
    if (!status && (status = describe(writer, entries, metadata, n_metadata, &text)))
        ij_fail_in(status, "%s: ", path);
    if (!status)
        status = ij_whole_file_create(&writer->file, path);
    if (!status)
        status = write_header(writer, text);
    free(text);
    if (status) {
        ij_safetensors_abandon(writer);
        return status;
    }
    *out = writer;
    return IJ_OK;
}

ij_status ij_safetensors_write(ij_st_writer *writer, const void *data, size_t bytes)
{
    if (writer->written == writer->announced || bytes != writer->sizes[writer->written])
        return ij_fail(IJ_EINVAL, "%s: tensor number %d is not the one that was announced", writer->path,
                       writer->written);
    ij_status status = ij_whole_file_write(writer->file, data, bytes);
    if (!status)
        writer->written++;
    return status;
}

ij_status ij_safetensors_finish(ij_st_writer *writer)
{
    if (writer->written != writer->announced) {
        ij_status status = ij_fail(IJ_EINVAL, "%s: %d of %d tensors were never written", writer->path,
                                   writer->announced - writer->written, writer->announced);
        ij_safetensors_abandon(writer);
        return status;
    }
    ij_status status = ij_whole_file_finish(writer->file);
    free_writer(writer);
    return status;
}

void ij_safetensors_abandon(ij_st_writer *writer)
{
    if (!writer)
        return;
    ij_whole_file_abandon(writer->file);
    free_writer(writer);
}
