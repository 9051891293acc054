/* Writing safetensors as a stream: header first, then the tensors as they come, the checksum last, into its place. */
#include "engine/files/checksum.h"
#include "engine/files/json_text.h"
#include "engine/files/safetensors.h"
#include "engine/files/whole_file.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { LENGTH_BYTES = 8, MAX_DIMS = 8, PAGE_BYTES = 4096 };
static const char metadata_key[] = "__metadata__";

struct ij_st_writer {
    ij_whole_file *file;
    char *path;    /* for messages */
    size_t *sizes; /* bytes of each announced tensor */
    int announced, written;
    size_t part;        /* bytes of tensor number `written` that are there */
    XXH64_state_t *sum; /* NULL: without a checksum */
    uint64_t digits_at; /* where it goes in the file */
};

/* Adds entry number i, which begins at *offset; advances it. */
static ij_status describe_entry(cJSON *header, const ij_st_entry *e, size_t *size, size_t *offset)
{
    if (e->dims < 0 || e->dims > MAX_DIMS || !ij_dtype_bytes(e->dtype, e->dims, e->shape, size) ||
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
    bool done = cJSON_AddStringToObject(item, "dtype", ij_dtype_name(e->dtype)) != NULL;
    done = cJSON_AddItemToObject(item, "shape", cJSON_CreateDoubleArray(shape, e->dims)) && done;
    done = cJSON_AddItemToObject(item, "data_offsets", cJSON_CreateDoubleArray(offsets, 2)) && done;
    return done ? IJ_OK : ij_fail(IJ_ENOMEM, "no memory for a safetensors header");
}

/* A header is UTF-8, and a path in the metadata need not be: what is not becomes question marks. */
static ij_status add_text(cJSON *pairs, const char *key, const char *text)
{
    char *copy = malloc(strlen(text) + 1);
    bool done = copy != NULL;
    if (done) {
        strcpy(copy, text);
        ij_text_make_valid(copy);
        done = cJSON_AddStringToObject(pairs, key, copy) != NULL;
    }
    free(copy);
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
        status = add_text(pairs, metadata[i][0], metadata[i][1] ? metadata[i][1] : ij_checksum_open);
    for (int i = 0; i < writer->announced && !status; i++)
        status = describe_entry(header, &entries[i], &writer->sizes[i], &offset);
    if (!status && !(*text = cJSON_PrintUnformatted(header)))
        status = ij_fail(IJ_ENOMEM, "no memory for a safetensors header");
    cJSON_Delete(header);
    return status;
}

/* Bytes of the file that the checksum is made of. */
static ij_status write_summed(ij_st_writer *writer, const void *data, size_t bytes)
{
    if (writer->sum)
        XXH64_update(writer->sum, data, bytes);
    return ij_whole_file_write(writer->file, data, bytes);
}

/* Length, text, and spaces so that the data begins at a page: tensors then lie in the file as they lie in memory, page
 * for page, which the kernel copies two to four times as fast as with a few bytes between the two. */
static ij_status write_header(ij_st_writer *writer, char *text)
{
    size_t length = strlen(text), padding = (PAGE_BYTES - (LENGTH_BYTES + length) % PAGE_BYTES) % PAGE_BYTES;
    uint64_t total = length + padding;
    unsigned char prefix[LENGTH_BYTES];
    for (int i = 0; i < LENGTH_BYTES; i++)
        prefix[i] = (unsigned char)(total >> (8 * i));
    if (writer->sum)
        writer->digits_at = LENGTH_BYTES + (uint64_t)(ij_checksum_find(text) - text);
    ij_status status = ij_whole_file_write(writer->file, prefix, sizeof prefix);
    if (!status)
        status = write_summed(writer, text, length);
    char room[PAGE_BYTES];
    memset(room, ' ', sizeof room);
    return status ? status : write_summed(writer, room, padding);
}

/* A checksum is wanted where its value is left open; its key stands before any other text that could look like it. */
static ij_status start_sum(ij_st_writer *writer, const char *const (*metadata)[2], int n_metadata)
{
    for (int i = 0; i < n_metadata; i++) {
        if (metadata[i][1])
            continue;
        if (i > 0 || strcmp(metadata[i][0], IJ_ST_CHECKSUM) != 0)
            return ij_fail(IJ_EINVAL, "%s: the metadata's %s has no value", writer->path, metadata[i][0]);
        if (!(writer->sum = XXH64_createState()))
            return ij_fail(IJ_ENOMEM, "%s: no memory to write it", writer->path);
        XXH64_reset(writer->sum, 0);
    }
    return IJ_OK;
}

static void free_writer(ij_st_writer *writer)
{
    XXH64_freeState(writer->sum);
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
    if (!status)
        status = start_sum(writer, metadata, n_metadata);
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

static ij_status not_announced(const ij_st_writer *writer)
{
    return ij_fail(IJ_EINVAL, "%s: tensor number %d is not the one that was announced", writer->path, writer->written);
}

ij_status ij_safetensors_write_part(ij_st_writer *writer, const void *data, size_t bytes)
{
    if (writer->written == writer->announced || bytes > writer->sizes[writer->written] - writer->part)
        return not_announced(writer);
    ij_status status = write_summed(writer, data, bytes);
    if (status)
        return status;
    writer->part += bytes;
    if (writer->part == writer->sizes[writer->written]) {
        writer->written++;
        writer->part = 0;
    }
    return IJ_OK;
}

ij_status ij_safetensors_write(ij_st_writer *writer, const void *data, size_t bytes)
{
    if (writer->part || writer->written == writer->announced || bytes != writer->sizes[writer->written])
        return not_announced(writer);
    return ij_safetensors_write_part(writer, data, bytes);
}

ij_status ij_safetensors_finish(ij_st_writer *writer)
{
    ij_status status = IJ_OK;
    char digits[IJ_CHECKSUM_DIGITS + 1];
    if (writer->written != writer->announced)
        status = ij_fail(IJ_EINVAL, "%s: %d of %d tensors were never written", writer->path,
                         writer->announced - writer->written, writer->announced);
    if (!status && writer->sum) {
        ij_checksum_print(XXH64_digest(writer->sum), digits);
        status = ij_whole_file_patch(writer->file, writer->digits_at, digits, IJ_CHECKSUM_DIGITS);
    }
    if (status) {
        ij_safetensors_abandon(writer);
        return status;
    }
    status = ij_whole_file_finish(writer->file);
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
