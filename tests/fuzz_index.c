/* libFuzzer target: any bytes as an index file of the data set "k", with a correct checksum behind them. What is
 * accepted must be safe to use. */
#include "data/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static volatile size_t sink; /* keeps the reading from being left out */

/* Reads all that the listing points to, for the sanitizer to see. */
static size_t use(const ij_listing *l)
{
    size_t total = 0;
    for (size_t i = 0; i < l->container_count; i++)
        total += strlen(l->text + l->containers[i].path);
    for (size_t i = 0; i < l->class_count; i++)
        total += strlen(l->text + l->classes[i]);
    for (size_t i = 0; i < l->note_count; i++)
        total += strlen(l->text + l->notes[i]);
    for (size_t i = 0; i < l->sample_count; i++) {
        const ij_sample *s = &l->samples[i];
        total += strlen(l->text + s->name) + strlen(l->text + l->containers[s->container].path);
        total += s->label >= 0 ? strlen(l->text + l->classes[s->label]) : 0;
    }
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static FILE *file;
    uint64_t sum = XXH64(bytes, size, 0);
    ij_listing listing = {0};
    if (!file && !(file = tmpfile()))
        abort();
    int descriptor = fileno(file);
    if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, bytes, size, 0) != (ssize_t)size ||
        pwrite(descriptor, &sum, sizeof sum, (off_t)size) != (ssize_t)sizeof sum || lseek(descriptor, 0, SEEK_SET) != 0)
        abort();
    if (ij_index_read(descriptor, "k", &listing))
        sink = use(&listing);
    else if (listing.samples || listing.text)
        abort();
    ij_listing_free(&listing);
    return 0;
}
