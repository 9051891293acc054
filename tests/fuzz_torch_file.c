/* libFuzzer target: what begins with "PK" is an archive of torch.save's; other bytes are the pickle in one, beside 200
 * storages that are all the same 4 KiB. */
#include "tests/fuzz_model.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STORAGES = 200, STORAGE = 4096, ROOM = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void number(uint8_t *at, uint64_t value, int width)
{
    for (int i = 0; i < width; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

/* Writes the local header of a stored entry and its bytes; returns their length. */
static size_t add_local(uint8_t *local, const char *name, const uint8_t *bytes, size_t size)
{
    size_t length = strlen(name);
    memset(local, 0, 30);
    memcpy(local, "PK\3\4", 4);
    number(local + 18, size, 4);
    number(local + 22, size, 4);
    number(local + 26, length, 2);
    memcpy(local + 30, name, length);
    if (size)
        memcpy(local + 30 + length, bytes, size);
    return 30 + length + size;
}

/* Writes the entry's line in the directory; returns its length. */
static size_t add_central(uint8_t *central, const char *name, size_t size, size_t local)
{
    size_t length = strlen(name);
    memset(central, 0, 46);
    memcpy(central, "PK\1\2", 4);
    number(central + 20, size, 4);
    number(central + 24, size, 4);
    number(central + 28, length, 2);
    number(central + 42, local, 4);
    memcpy(central + 46, name, length);
    return 46 + length;
}

static size_t pack(uint8_t *archive, const uint8_t *bytes, size_t size)
{
    static uint8_t storage[STORAGE];
    size_t first = add_local(archive, "a/data.pkl", bytes, size);
    size_t directory = first + add_local(archive + first, "a/data/0", storage, sizeof storage);
    size_t used = directory + add_central(archive + directory, "a/data.pkl", size, 0);
    for (int i = 0; i < STORAGES; i++) {
        char name[32];
        snprintf(name, sizeof name, "a/data/%d", i);
        used += add_central(archive + used, name, sizeof storage, first);
    }
    uint8_t *end = archive + used;
    memset(end, 0, 22);
    memcpy(end, "PK\5\6", 4);
    number(end + 8, STORAGES + 1, 2);
    number(end + 10, STORAGES + 1, 2);
    number(end + 12, used - directory, 4);
    number(end + 16, directory, 4);
    return used + 22;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char *folder;
    static uint8_t archive[ROOM];
    char path[512];
    if (!folder)
        folder = fuzz_folder("fuzz-torch-file");
    if (size > ROOM / 2)
        return 0;
    snprintf(path, sizeof path, "%s/a", folder);
    if (size >= 2 && memcmp(bytes, "PK", 2) == 0) {
        fuzz_store(folder, "a", bytes, size);
    } else {
        size = pack(archive, bytes, size);
        fuzz_store(folder, "a", archive, size);
    }
    fuzz_read_model(path, size);
    return 0;
}
