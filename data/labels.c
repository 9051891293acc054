#include "data/labels.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ij_labels {
    char *text; /* NUL-terminated labels */
    size_t text_used, text_capacity;
    size_t *at; /* [count] in `text` */
    size_t count, capacity;
    int32_t *slots; /* open addressing over `at`; -1 is free */
    size_t slot_count;
};

ij_status ij_labels_create(ij_labels **out)
{
    *out = calloc(1, sizeof **out);
    return *out ? IJ_OK : ij_fail(IJ_ENOMEM, "no memory for class names");
}

void ij_labels_destroy(ij_labels *labels)
{
    if (!labels)
        return;
    free(labels->text);
    free(labels->at);
    free(labels->slots);
    free(labels);
}

/* FNV-1a. */
static size_t hash(const char *bytes, size_t length)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < length; i++)
        h = (h ^ (uint8_t)bytes[i]) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

static int32_t *find(const ij_labels *labels, const char *bytes, size_t length)
{
    for (size_t i = hash(bytes, length);; i++) {
        int32_t *slot = &labels->slots[i % labels->slot_count];
        if (*slot < 0)
            return slot;
        const char *label = labels->text + labels->at[*slot];
        if (strlen(label) == length && memcmp(label, bytes, length) == 0)
            return slot;
    }
}

/* At most half of the slots are in use. */
static bool make_slots(ij_labels *labels)
{
    if (labels->count * 2 < labels->slot_count)
        return true;
    size_t more = labels->slot_count ? labels->slot_count * 2 : 64;
    int32_t *slots = malloc(more * sizeof *slots);
    if (!slots)
        return false;
    free(labels->slots);
    labels->slots = slots;
    labels->slot_count = more;
    for (size_t i = 0; i < more; i++)
        slots[i] = -1;
    for (size_t i = 0; i < labels->count; i++) {
        const char *label = labels->text + labels->at[i];
        *find(labels, label, strlen(label)) = (int32_t)i;
    }
    return true;
}

ij_status ij_labels_intern(ij_labels *labels, const char *bytes, size_t length, int32_t *number)
{
    if (!make_slots(labels) || !ij_grow(&labels->at, &labels->capacity, labels->count + 1, sizeof *labels->at) ||
        !ij_grow(&labels->text, &labels->text_capacity, labels->text_used + length + 1, 1))
        return ij_fail(IJ_ENOMEM, "no memory for class names");
    int32_t *slot = find(labels, bytes, length);
    if (*slot < 0) {
        if (labels->count >= IJ_LABEL_MOST)
            return ij_fail(IJ_EFORMAT, "more than %d classes: is the label column one?", IJ_LABEL_MOST);
        memcpy(labels->text + labels->text_used, bytes, length);
        labels->text[labels->text_used + length] = 0;
        labels->at[labels->count] = labels->text_used;
        labels->text_used += length + 1;
        *slot = (int32_t)labels->count++;
    }
    *number = *slot;
    return IJ_OK;
}

/* The value of a label of digits alone; -1 where it is none; IJ_LABEL_MOST where it is that or more. */
static int32_t whole_number(const char *label)
{
    int32_t value = 0;
    for (const char *c = label; *c; c++) {
        if (*c < '0' || *c > '9')
            return -1;
        value = value < IJ_LABEL_MOST ? value * 10 + (*c - '0') : value;
    }
    return value < IJ_LABEL_MOST ? value : IJ_LABEL_MOST;
}

static ij_status number_by_value(const ij_labels *labels, int32_t *class_of, ij_listing *listing)
{
    int32_t most = 0;
    for (size_t i = 0; i < labels->count; i++) {
        class_of[i] = whole_number(labels->text + labels->at[i]);
        if (class_of[i] >= IJ_LABEL_MOST)
            return ij_fail(IJ_EFORMAT, "the label %s is no class number: it should be below %d",
                           labels->text + labels->at[i], IJ_LABEL_MOST);
        most = class_of[i] > most ? class_of[i] : most;
    }
    ij_status status = IJ_OK;
    for (int32_t k = 0; k <= most && !status; k++) {
        char name[16];
        snprintf(name, sizeof name, "%d", (int)k);
        status = ij_listing_add_class(listing, name);
    }
    return status;
}

typedef struct named {
    const char *name;
    size_t number;
} named;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const named *)a)->name, ((const named *)b)->name);
}

static ij_status number_by_name(const ij_labels *labels, int32_t *class_of, ij_listing *listing)
{
    named *order = malloc(labels->count * sizeof *order);
    if (!order)
        return ij_fail(IJ_ENOMEM, "no memory for class names");
    for (size_t i = 0; i < labels->count; i++)
        order[i] = (named){labels->text + labels->at[i], i};
    qsort(order, labels->count, sizeof *order, by_name);
    ij_status status = IJ_OK;
    for (size_t i = 0; i < labels->count && !status; i++) {
        class_of[order[i].number] = (int32_t)i;
        status = ij_listing_add_class(listing, order[i].name);
    }
    free(order);
    return status;
}

ij_status ij_labels_resolve(const ij_labels *labels, ij_listing *listing)
{
    if (labels->count == 0)
        return IJ_OK;
    int32_t *class_of = malloc(labels->count * sizeof *class_of);
    if (!class_of)
        return ij_fail(IJ_ENOMEM, "no memory for class names");
    bool numbers = true;
    for (size_t i = 0; i < labels->count && numbers; i++)
        numbers = whole_number(labels->text + labels->at[i]) >= 0;
    ij_status status = (numbers ? number_by_value : number_by_name)(labels, class_of, listing);
    size_t kept = 0;
    for (size_t i = 0; i < listing->sample_count && !status; i++) {
        ij_sample sample = listing->samples[i];
        if (sample.label < 0)
            continue;
        sample.label = class_of[sample.label];
        listing->samples[kept++] = sample;
    }
    if (!status) {
        listing->ignored += (int64_t)(listing->sample_count - kept);
        listing->sample_count = kept;
    }
    free(class_of);
    return status;
}
