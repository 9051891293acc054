/* libFuzzer target: any bytes as a tar shard. Headers that say "ustar" get a correct checksum unless the input's last
 * byte is odd, or hardly any mutation would pass it. */
#include "data/labels.h"
#include "data/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void correct_checksums(uint8_t *bytes, size_t size)
{
    for (uint8_t *header = bytes; size >= 512; header += 512, size -= 512) {
        unsigned sum = 0;
        if (memcmp(header + 257, "ustar", 5) != 0)
            continue;
        memset(header + 148, ' ', 8);
        for (int i = 0; i < 512; i++)
            sum += header[i];
        snprintf((char *)header + 148, 8, "%06o", sum);
    }
}

/* Every sample is within its table and within the shard. */
static void check(const ij_listing *listing, size_t size)
{
    if (listing->sample_count && !ij_listing_is_valid(listing))
        abort();
    for (size_t i = 0; i < listing->sample_count; i++)
        if ((uint64_t)listing->samples[i].block * 512 + listing->samples[i].size > size)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static FILE *file;
    struct stat info;
    ij_listing listing = {.kind = IJ_SOURCE_TAR};
    ij_labels *labels;
    if (!file && !(file = tmpfile()))
        abort();
    int descriptor = fileno(file);
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        return 0;
    if (size)
        memcpy(copy, bytes, size);
    if (size && bytes[size - 1] % 2 == 0)
        correct_checksums(copy, size);
    if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, copy, size, 0) != (ssize_t)size ||
        fstat(descriptor, &info) != 0 || ij_labels_create(&labels))
        abort();
    if (!ij_listing_add_container(&listing, "fuzz.tar", &info) &&
        !ij_tar_read(&listing, labels, descriptor, size, "fuzz.tar") && !ij_labels_resolve(labels, &listing))
        check(&listing, size);
    ij_labels_destroy(labels);
    ij_listing_free(&listing);
    free(copy);
    return 0;
}
