#include "tests/shards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 512 };

static void append(ij_bytes *b, const void *bytes, size_t size)
{
    if (b->size + size > b->capacity) {
        b->capacity = 2 * (b->size + size);
        b->data = realloc(b->data, b->capacity);
        if (!b->data)
            abort();
    }
    if (size)
        memcpy(b->data + b->size, bytes, size);
    b->size += size;
}

void shard_add(ij_bytes *tar, const char *name, char type, const void *bytes, size_t size)
{
    static const uint8_t zeros[BLOCK];
    char header[BLOCK] = {0};
    size_t length = strlen(name), split = 0;
    if (length > 100)
        for (split = length - 101; name[split] != '/'; split++)
            ;
    memcpy(header, name + (split ? split + 1 : 0), length - (split ? split + 1 : 0));
    memcpy(header + 345, name, split);
    snprintf(header + 100, 8, "%07o", 0644);
    snprintf(header + 108, 8, "%07o", 0);
    snprintf(header + 116, 8, "%07o", 0);
    snprintf(header + 124, 12, "%011llo", (unsigned long long)size);
    snprintf(header + 136, 12, "%011o", 0);
    memcpy(header + 148, "        ", 8);
    header[156] = type;
    memcpy(header + 257,
           "ustar\0"
           "00",
           8);
    unsigned sum = 0;
    for (int i = 0; i < BLOCK; i++)
        sum += (uint8_t)header[i];
    snprintf(header + 148, 8, "%06o", sum);
    append(tar, header, BLOCK);
    append(tar, bytes, size);
    append(tar, zeros, (BLOCK - size % BLOCK) % BLOCK);
}

void shard_add_gnu(ij_bytes *tar, const char *name, const void *bytes, size_t size)
{
    shard_add(tar, "././@LongLink", 'L', name, strlen(name) + 1);
    shard_add(tar, "cut/short", '0', bytes, size);
}

void shard_add_pax(ij_bytes *tar, const char *name, const void *bytes, size_t size)
{
    static const char others[] = "30 mtime=1700000000.123456789\n";
    char record[1024];
    size_t body = strlen(" path=\n") + strlen(name), length = body + 1;
    while (length != body + (size_t)snprintf(record, sizeof record, "%zu", length))
        length++;
    ij_bytes records = {0};
    append(&records, others, sizeof others - 1);
    append(&records, record, (size_t)snprintf(record, sizeof record, "%zu path=%s\n", length, name));
    shard_add(tar, "PaxHeaders/short", 'x', records.data, records.size);
    shard_add(tar, "cut/short", '0', bytes, size);
    ij_bytes_free(&records);
}

void shard_end(ij_bytes *tar)
{
    static const uint8_t zeros[2 * BLOCK];
    append(tar, zeros, sizeof zeros);
}

void idx_write(ij_bytes *idx, int dimensions, const uint32_t *sizes, const uint8_t *bytes, size_t size)
{
    append(idx, (uint8_t[]){0, 0, 8, (uint8_t)dimensions}, 4);
    for (int i = 0; i < dimensions; i++)
        append(idx,
               (uint8_t[]){(uint8_t)(sizes[i] >> 24), (uint8_t)(sizes[i] >> 16), (uint8_t)(sizes[i] >> 8),
                           (uint8_t)sizes[i]},
               4);
    append(idx, bytes, size);
}
