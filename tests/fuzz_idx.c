/* libFuzzer target: any bytes as an IDX file of images and one of labels. The first two bytes say how many of the rest
 * are the images'; no labels, no such file. What opens must read and decode. */
#include "data/dataset.h"
#include "data/decode.h"
#include "tests/images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static char *folder, images[4096], labels[4096];
static ij_decoder *decoder;

static void clean_up(void)
{
    scratch_remove(folder);
    free(folder);
    ij_decoder_destroy(decoder);
}

static void set_up(void)
{
    folder = scratch_folder();
    snprintf(images, sizeof images, "%s/images-idx3", folder);
    snprintf(labels, sizeof labels, "%s/labels-idx1", folder);
    if (ij_decoder_create(&decoder, 0))
        abort();
    atexit(clean_up);
}

static void write_file(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
        abort();
}

/* Whether this would be opened as an IDX file and not as a list or shard. */
static bool is_idx(const uint8_t *bytes, size_t size)
{
    bool is_tar = size > 262 && memcmp(bytes + 257, "ustar", 5) == 0;
    return !is_tar && size > 3 && (memcmp(bytes, "\x1F\x8B", 2) == 0 || memcmp(bytes, "\0\0\x08", 3) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    ij_dataset *dataset;
    ij_bytes entry = {0};
    int width, height;
    if (!folder)
        set_up();
    if (size < 2)
        return 0;
    size_t first = bytes[0] + 256u * bytes[1];
    size -= 2;
    first = first < size ? first : size;
    write_file(images, bytes + 2, first);
    if (first < size)
        write_file(labels, bytes + 2 + first, size - first);
    else
        unlink(labels);
    if (!is_idx(bytes + 2, first) || ij_dataset_open(&dataset, images))
        return 0;
    int64_t count = ij_dataset_count(dataset), sample[3] = {0, count / 2, count - 1};
    for (int i = 0; i < 3; i++)
        if (ij_dataset_read(dataset, sample[i], &entry) ||
            ij_decoder_open(decoder, entry.data, entry.size, &width, &height))
            abort();
    ij_bytes_free(&entry);
    ij_dataset_close(dataset);
    return 0;
}
