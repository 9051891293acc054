/* A list of tensors to be written, each a whole tensor of a model file or a part of one, and the way of one through
 * host memory. Position tables that a file leaves out are made here. */
#ifndef IJ_EXPORT_TENSORS_H
#define IJ_EXPORT_TENSORS_H

#include "engine/files/export.h"
#include "engine/files/model_file.h"
#include "engine/layers.h"

#include <stdint.h>

enum { IJ_EXPORT_NAME = 128 };

typedef struct ij_export_item {
    char name[IJ_EXPORT_NAME];     /* in the file that is written */
    ij_layer_tensor tensor;        /* what it is, whole ... */
    const ij_model_tensor *source; /* ... and where it is; NULL: not in the file */
    int part, parts;               /* what is written of it: one of equal parts along the first dimension */
} ij_export_item;

typedef struct ij_export_list {
    ij_model_file *file; /* the caller's */
    ij_export_item *items;
    int count, room;
} ij_export_list;

bool ij_export_holds(const ij_model_file *file, ij_network network);

/* The tensors of a network in the official order; malloc'ed. `pixel_head`: also this one, which only we know. */
ij_status ij_export_network(const ij_model_file *file, ij_network network, bool pixel_head, ij_layer_tensor **tensors,
                            int *count);

/* Appends part `part` of `parts` of the file's tensor `source`, which is what `tensor` says. IJ_EFORMAT where the file
 * has none, unless it is a position table. NULL: the caller makes the tensor. */
ij_status ij_export_append(ij_export_list *list, const char *name, const ij_layer_tensor *tensor, const char *source,
                           int part, int parts);
void ij_export_list_free(ij_export_list *list);

int64_t ij_export_elements(const ij_layer_tensor *tensor);
/* Room for the largest tensor of the list; malloc'ed. */
ij_status ij_export_buffer(const ij_export_list *list, float **values);
/* Reads, or makes, the whole tensor of which the item is a part. */
ij_status ij_export_read(const ij_export_list *list, const ij_export_item *item, float *values);

/* Writes the list as a safetensors file whose elements are `dtype`: IJ_F32, IJ_F16 or IJ_BF16. */
ij_status ij_export_list_write(const ij_export_list *list, const char *path, ij_dtype dtype,
                               const char *const (*metadata)[2], int n_metadata);

#endif
