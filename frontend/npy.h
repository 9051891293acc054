/* NumPy's .npy files of float32, format 1.0 (numpy/lib/format.py): written in one go, batch by batch, and appearing
 * when they are whole; read by rows. */
#ifndef IJ_FRONTEND_NPY_H
#define IJ_FRONTEND_NPY_H

#include "engine/base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { IJ_NPY_DIMS = 8 };

typedef struct ij_npy_writer ij_npy_writer;

ij_status ij_npy_create(ij_npy_writer **writer, const char *path);
ij_status ij_npy_write(ij_npy_writer *writer, const float *values, size_t n);
/* Gives what was written its shape, whose product is the number of values (else IJ_EINVAL), and its name. Frees the
 * writer whatever comes of it. */
ij_status ij_npy_finish(ij_npy_writer *writer, int dims, const int64_t *shape);
void ij_npy_abandon(ij_npy_writer *writer); /* nothing is left; NULL is fine */

/* A file that is read: an array of `rows` rows of `width` floats, whatever dimensions a row has. */
typedef struct ij_npy {
    char *path;
    int fd;
    int dims; /* 1 or more */
    int64_t shape[IJ_NPY_DIMS];
    int64_t rows, width;
    uint64_t begin; /* of the data */
} ij_npy;

/* IJ_EIO where it cannot be read; IJ_EFORMAT where it is no .npy file, damaged, or not of float32 in C order.
 * ij_npy_close also after a failure. */
ij_status ij_npy_open(ij_npy *npy, const char *path);
void ij_npy_close(ij_npy *npy);
/* values [count, width] */
ij_status ij_npy_read(const ij_npy *npy, int64_t first, int64_t count, float *values);

#endif
