/* Between model_file.c and the kinds of files, one model_file_KIND.c each. A kind's open function finds the tensors of
 * its file and offers them under their official names, with a number by which it will know them again, and what the
 * file says about the model (0: nothing); ij_model_file_settle then finds the model's shape, compares, checks that
 * every network is whole and puts the tensors into the official order. */
#ifndef IJ_MODEL_FILE_KIND_H
#define IJ_MODEL_FILE_KIND_H

#include "engine/files/model_file.h"

typedef struct ij_model_reader {
    /* The tensor that was offered as `source`, as float32 in the offered shape. */
    ij_status (*read)(void *state, int source, const ij_model_tensor *tensor, float *values);
    const char *(*metadata)(const void *state, const char *key); /* NULL: this kind has none */
    ij_safetensors *(*whole)(void *state); /* the one file that all of it is, for its checksum; NULL: it is none */
    void (*close)(void *state);            /* of a NULL state too */
} ij_model_reader;

typedef struct ij_model_item {
    ij_model_tensor tensor; /* first: a tensor's address is its item's */
    int source;
    bool taken; /* while settling: is part of the model */
} ij_model_item;

struct ij_model_file {
    char *path;
    ij_model_file_info info;
    const ij_model_reader *reader;
    void *state; /* the reader's */
    ij_model_item *items;
    int count, capacity;
    const ij_model_item **byname; /* sorted; after settling */
    char **notes;
    int n_notes;
};

/* The kinds. Each sets reader and state as soon as there is something to close, fills in what the file says of `info`,
 * and offers. Messages begin with a path. `opened` is theirs to close, also on failure. */
ij_status ij_model_open_own(ij_model_file *file, ij_safetensors *opened);
ij_status ij_model_open_huggingface(ij_model_file *file, ij_safetensors *opened); /* NULL: path is folder or index */
ij_status ij_model_open_official(ij_model_file *file);

/* Whether the tensors of this file have transformers' names. */
bool ij_model_is_huggingface(const ij_safetensors *opened);

/* Offers a tensor; the name is copied. Its type may be any. IJ_EFORMAT for a name that is offered twice comes with
 * settling. */
ij_status ij_model_file_offer(ij_model_file *file, const char *name, ij_dtype dtype, int dims, const int64_t *shape,
                              int source);
/* Adds a line for people. */
ij_status ij_model_file_add_note(ij_model_file *file, const char *format, ...) IJ_PRINTF(2, 3);

ij_status ij_model_file_settle(ij_model_file *file);

/* Sets the model's position_scale where only the table tells it: other formats have no place for the number. Leaves it
 * alone where the table is none of ours, or cannot be read. */
void ij_model_file_find_position_scale(ij_model_file *file);

#endif
