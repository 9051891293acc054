#include "data/listing.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool ij_grow(void *array, size_t *capacity, size_t count, size_t size)
{
    void *memory;
    memcpy(&memory, array, sizeof memory);
    if (count <= *capacity)
        return true;
    size_t larger = *capacity ? *capacity * 2 : 64;
    if (larger < count)
        larger = count;
    if (larger > SIZE_MAX / size || !(memory = realloc(memory, larger * size)))
        return false;
    memcpy(array, &memory, sizeof memory);
    *capacity = larger;
    return true;
}

static ij_status no_memory(const ij_listing *l)
{
    return ij_fail(IJ_ENOMEM, "no memory for the list of images after %zu of them", l->sample_count);
}

ij_status ij_listing_add_text(ij_listing *l, const char *bytes, size_t length, uint64_t *at)
{
    if (!ij_grow(&l->text, &l->text_capacity, l->text_used + length + 1, 1))
        return no_memory(l);
    if (length)
        memcpy(l->text + l->text_used, bytes, length);
    l->text[l->text_used + length] = 0;
    *at = l->text_used;
    l->text_used += length + 1;
    return IJ_OK;
}

static int64_t nanoseconds(struct timespec time)
{
    return (int64_t)((uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec);
}

ij_container ij_container_of(const struct stat *info)
{
    return (ij_container){.inode = (uint64_t)info->st_ino,
                          .size = (uint64_t)info->st_size,
                          .changed = nanoseconds(info->st_mtim),
                          .status_changed = nanoseconds(info->st_ctim)};
}

ij_status ij_listing_add_container(ij_listing *l, const char *path, const struct stat *info)
{
    ij_container container = ij_container_of(info);
    if (!ij_grow(&l->containers, &l->container_capacity, l->container_count + 1, sizeof *l->containers))
        return no_memory(l);
    ij_status status = ij_listing_add_text(l, path, strlen(path), &container.path);
    if (!status)
        l->containers[l->container_count++] = container;
    return status;
}

ij_status ij_listing_add_sample(ij_listing *l, ij_sample sample)
{
    if (l->sample_count >= UINT32_MAX - 1)
        return ij_fail(IJ_EINVAL, "more than 2^32 images");
    if (!ij_grow(&l->samples, &l->sample_capacity, l->sample_count + 1, sizeof *l->samples))
        return no_memory(l);
    l->samples[l->sample_count++] = sample;
    return IJ_OK;
}

ij_status ij_listing_add_class(ij_listing *l, const char *name)
{
    uint64_t at = 0;
    if (!ij_grow(&l->classes, &l->class_capacity, l->class_count + 1, sizeof *l->classes))
        return no_memory(l);
    ij_status status = ij_listing_add_text(l, name, strlen(name), &at);
    if (!status)
        l->classes[l->class_count++] = at;
    return status;
}

ij_status ij_listing_add_note(ij_listing *l, const char *format, ...)
{
    char note[8192];
    uint64_t at = 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(note, sizeof note, format, arguments);
    va_end(arguments);
    if (!ij_grow(&l->notes, &l->note_capacity, l->note_count + 1, sizeof *l->notes))
        return no_memory(l);
    ij_status status = ij_listing_add_text(l, note, strlen(note), &at);
    if (!status)
        l->notes[l->note_count++] = at;
    return status;
}

static void shrink(void *array, size_t *capacity, size_t count, size_t size)
{
    void *memory;
    memcpy(&memory, array, sizeof memory);
    if (count == 0 || count == *capacity || !(memory = realloc(memory, count * size)))
        return;
    memcpy(array, &memory, sizeof memory);
    *capacity = count;
}

void ij_listing_trim(ij_listing *l)
{
    shrink(&l->containers, &l->container_capacity, l->container_count, sizeof *l->containers);
    shrink(&l->samples, &l->sample_capacity, l->sample_count, sizeof *l->samples);
    shrink(&l->classes, &l->class_capacity, l->class_count, sizeof *l->classes);
    shrink(&l->text, &l->text_capacity, l->text_used, 1);
}

void ij_listing_free(ij_listing *l)
{
    free(l->containers);
    free(l->samples);
    free(l->classes);
    free(l->notes);
    free(l->text);
    *l = (ij_listing){0};
}

static bool are_texts(const ij_listing *l, const uint64_t *at, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (at[i] >= l->text_used)
            return false;
    return true;
}

bool ij_listing_is_valid(const ij_listing *l)
{
    if ((unsigned)l->kind >= IJ_SOURCE_KINDS || l->sample_count == 0 || l->sample_count >= UINT32_MAX ||
        l->text_used == 0 || l->text[l->text_used - 1] != 0 || l->class_count > INT32_MAX || l->ignored < 0 ||
        !are_texts(l, l->classes, l->class_count) || !are_texts(l, l->notes, l->note_count))
        return false;
    for (size_t i = 0; i < l->container_count; i++)
        if (l->containers[i].path >= l->text_used)
            return false;
    for (size_t i = 0; i < l->sample_count; i++) {
        const ij_sample *s = &l->samples[i];
        bool label_fits = l->class_count ? s->label >= 0 && s->label < (int32_t)l->class_count : s->label == -1;
        if (s->name >= l->text_used || s->container >= l->container_count || !label_fits)
            return false;
    }
    return true;
}
