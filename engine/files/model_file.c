/* Finds out what a file is, hands over to its kind, and answers for all kinds alike. */
#include "engine/files/model_file.h"

#include "engine/files/file_read.h"
#include "engine/files/model_file_kind.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- What the kinds use ----------------------------------------------------------------------------------------- */

ij_status ij_model_file_offer(ij_model_file *file, const char *name, ij_dtype dtype, int dims, const int64_t *shape,
                              int source)
{
    if (file->count == file->capacity) {
        int capacity = file->capacity ? 2 * file->capacity : 256;
        ij_model_item *items = realloc(file->items, (size_t)capacity * sizeof *items);
        if (!items)
            return ij_fail(IJ_ENOMEM, "%s: no memory for a list of %d tensors", file->path, capacity);
        file->items = items;
        file->capacity = capacity;
    }
    size_t length = strlen(name) + 1;
    char *copy = malloc(length);
    if (!copy)
        return ij_fail(IJ_ENOMEM, "%s: no memory for the names of its tensors", file->path);
    memcpy(copy, name, length);
    ij_model_item *item = &file->items[file->count++];
    *item = (ij_model_item){.tensor = {.name = copy, .dtype = dtype, .dims = dims, .elements = 1}, .source = source};
    for (int i = 0; i < dims; i++) {
        item->tensor.shape[i] = shape[i];
        item->tensor.elements *= shape[i]; /* the kind has seen that its bytes fit into the file */
    }
    return IJ_OK;
}

ij_status ij_model_file_add_note(ij_model_file *file, const char *format, ...)
{
    char **notes = realloc(file->notes, ((size_t)file->n_notes + 1) * sizeof *notes);
    char *note = malloc(512);
    if (notes)
        file->notes = notes;
    if (!notes || !note) {
        free(note);
        return ij_fail(IJ_ENOMEM, "%s: no memory for a note", file->path);
    }
    va_list args;
    va_start(args, format);
    vsnprintf(note, 512, format, args);
    va_end(args);
    for (char *c = note; *c; c++) /* names are the file's: nothing that a terminal would obey, or that is no UTF-8 */
        if (*c < ' ' || *c > '~')
            *c = '?';
    file->notes[file->n_notes++] = note;
    return IJ_OK;
}

/* ---- Opening ---------------------------------------------------------------------------------------------------- */

static ij_status open_safetensors(ij_model_file *file)
{
    ij_safetensors *opened;
    ij_status status = ij_safetensors_open(&opened, file->path);
    if (status)
        return status;
    return ij_model_is_huggingface(opened) ? ij_model_open_huggingface(file, opened) : ij_model_open_own(file, opened);
}

/* By the first bytes: a name's ending proves nothing. */
static ij_status open_regular(ij_model_file *file)
{
    static const struct {
        const char *magic;
        size_t at, bytes;
        const char *what;
    } foreign[] = {
        {"\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19", 0, 14, "a PyTorch file from before version 1.6"},
        {"ustar", 257, 5, "a tar archive, as PyTorch wrote before version 0.2, or one with a model in it"},
        {"\x1F\x8B", 0, 2, "compressed with gzip"},
        {"\x89HDF", 0, 4, "an HDF5 file, as Keras writes"},
    };
    unsigned char first[262] = {0};
    int fd;
    uint64_t size;
    ij_status status = ij_file_open(&fd, &size, file->path);
    if (status)
        return status;
    status = ij_file_read(fd, file->path, 0, first, size < sizeof first ? (size_t)size : sizeof first);
    close(fd);
    if (status)
        return status;
    if (memcmp(first, "PK", 2) == 0)
        return ij_model_open_official(file);
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (memcmp(first + foreign[i].at, foreign[i].magic, foreign[i].bytes) == 0)
            return ij_fail(IJ_EFORMAT,
                           "%s: is %s; unpack it if it is packed, and write it anew with `python3 -c \"import torch; "
                           "torch.save(torch.load('FILE', map_location='cpu'), 'NEW.pth.tar')\"`",
                           file->path, foreign[i].what);
    if (first[0] == '{' && first[8] != '{')
        return ij_model_open_huggingface(file, NULL);
    if (first[8] != '{')
        return ij_fail(IJ_EFORMAT, "%s: is neither a safetensors file nor a PyTorch one (.pth.tar)", file->path);
    return open_safetensors(file);
}

ij_status ij_model_file_open(ij_model_file **out, const char *path)
{
    *out = NULL;
    size_t length = strlen(path) + 1;
    ij_model_file *file = calloc(1, sizeof *file);
    if (!file || !(file->path = malloc(length))) {
        free(file);
        return ij_fail(IJ_ENOMEM, "%s: no memory to open it", path);
    }
    memcpy(file->path, path, length);
    file->info.epoch = file->info.iteration = -1;
    struct stat st;
    ij_status status = IJ_OK;
    if (stat(path, &st) != 0)
        status = ij_fail(IJ_EIO, "%s: cannot open: %s", path, strerror(errno));
    else
        status = S_ISDIR(st.st_mode) ? ij_model_open_huggingface(file, NULL) : open_regular(file);
    if (!status)
        status = ij_model_file_settle(file);
    if (status) {
        ij_model_file_close(file);
        return status;
    }
    if (file->info.kind != IJ_MODEL_FILE_OWN)
        ij_model_file_find_position_scale(file);
    *out = file;
    return IJ_OK;
}

void ij_model_file_close(ij_model_file *file)
{
    if (!file)
        return;
    if (file->reader)
        file->reader->close(file->state);
    for (int i = 0; i < file->count; i++)
        free((char *)file->items[i].tensor.name);
    for (int i = 0; i < file->n_notes; i++)
        free(file->notes[i]);
    free(file->items);
    free(file->byname);
    free(file->notes);
    free(file->path);
    free(file);
}

/* ---- Answers ---------------------------------------------------------------------------------------------------- */

const ij_model_file_info *ij_model_file_describe(const ij_model_file *file)
{
    return &file->info;
}

const char *ij_model_file_path(const ij_model_file *file)
{
    return file->path;
}

int ij_model_file_count(const ij_model_file *file)
{
    return file->count;
}

const ij_model_tensor *ij_model_file_at(const ij_model_file *file, int index)
{
    return &file->items[index].tensor;
}

static int compare_name(const void *name, const void *item)
{
    const ij_model_item *const *i = item;
    return strcmp(name, (*i)->tensor.name);
}

const ij_model_tensor *ij_model_file_find(const ij_model_file *file, const char *name)
{
    const ij_model_item **found = bsearch(name, file->byname, (size_t)file->count, sizeof *file->byname, compare_name);
    return found ? &(*found)->tensor : NULL;
}

ij_status ij_model_file_read(ij_model_file *file, const ij_model_tensor *tensor, float *values)
{
    const ij_model_item *item = (const ij_model_item *)tensor;
    return file->reader->read(file->state, item->source, tensor, values);
}

static ij_safetensors *whole(const ij_model_file *file)
{
    return file->reader->whole ? file->reader->whole(file->state) : NULL;
}

bool ij_model_file_has_checksum(const ij_model_file *file)
{
    return whole(file) && ij_safetensors_has_checksum(whole(file));
}

ij_status ij_model_file_check_begin(ij_model_file *file)
{
    return whole(file) ? ij_safetensors_check_begin(whole(file)) : IJ_OK;
}

ij_status ij_model_file_check_end(ij_model_file *file)
{
    return whole(file) ? ij_safetensors_check_end(whole(file)) : IJ_OK;
}

ij_status ij_model_file_check(ij_model_file *file)
{
    ij_status status = ij_model_file_check_begin(file);
    return status ? status : ij_model_file_check_end(file);
}

const char *ij_model_file_metadata(const ij_model_file *file, const char *key)
{
    return file->reader->metadata ? file->reader->metadata(file->state, key) : NULL;
}

int ij_model_file_notes(const ij_model_file *file)
{
    return file->n_notes;
}

const char *ij_model_file_note(const ij_model_file *file, int index)
{
    return file->notes[index];
}
