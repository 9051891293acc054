/* The pickles that torch.save writes for dictionaries of tensors and numbers, read as data: nothing in one is executed.
 * It knows the opcodes of protocols 2 to 5 that build dictionaries, lists, tuples, texts and numbers, and by name the
 * few globals that stand for dictionaries, sizes, storages and tensors; anything else is refused by its name.
 * Source: the comments of CPython's pickletools.py, and torch/_utils.py and torch/serialization.py for the globals. */
#ifndef IJ_TORCH_PICKLE_H
#define IJ_TORCH_PICKLE_H

#include "engine/base/dtype.h"
#include "engine/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum ij_pickle_kind {
    IJ_PICKLE_NONE,
    IJ_PICKLE_BOOL, /* in `number` */
    IJ_PICKLE_INT,
    IJ_PICKLE_FLOAT,
    IJ_PICKLE_TEXT,
    IJ_PICKLE_LIST, /* lists and tuples: items[0..count) */
    IJ_PICKLE_TUPLE,
    IJ_PICKLE_DICT, /* key and value in turn: items[0..count), count even; in the order of the file */
    IJ_PICKLE_STORAGE,
    IJ_PICKLE_TENSOR,
    IJ_PICKLE_GLOBAL, /* one of the known ones */
    IJ_PICKLE_MARK
} ij_pickle_kind;

/* A tensor is a view of a storage, which is the entry data/KEY of the archive. Every element lies within the storage,
 * and there are no more elements than the storage has. */
typedef struct ij_pickle_tensor {
    const char *key;
    ij_dtype dtype;
    int64_t storage; /* elements of the storage */
    int64_t offset;  /* of the first element, in elements */
    int dims;
    int64_t shape[8], stride[8];
    int64_t elements;
} ij_pickle_tensor;

typedef struct ij_pickle_value {
    ij_pickle_kind kind;
    int64_t number;   /* bool, int; of a global: which */
    double real;      /* float */
    const char *text; /* text */
    struct ij_pickle_value **items;
    size_t count, capacity;
    ij_pickle_tensor *tensor; /* storage (key, dtype and size alone) and tensor */
} ij_pickle_value;

typedef struct ij_pickle ij_pickle;

/* Reads a pickle of at most 16 MiB and a million values. IJ_EFORMAT with `what` before the reason. Values live as long
 * as the pickle; `bytes` is not needed any more. */
ij_status ij_pickle_read(ij_pickle **pickle, const char *what, const void *bytes, size_t size);
void ij_pickle_free(ij_pickle *pickle); /* NULL is fine */
const ij_pickle_value *ij_pickle_root(const ij_pickle *pickle);

/* The value of a text key; NULL where `dict` is NULL or no dictionary, or has no such key. */
const ij_pickle_value *ij_pickle_get(const ij_pickle_value *dict, const char *key);

#endif
