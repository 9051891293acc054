/* One sample from its encoded bytes to S x S pixels: read, decode, crop, resize, colours and blur. Everything a thread
 * needs for that, with the time each stage took. */
#ifndef IJ_DATA_READER_H
#define IJ_DATA_READER_H

#include "data/augment.h"
#include "data/dataset.h"
#include "data/decode.h"
#include "engine/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ij_reader ij_reader;

/* Seconds spent since the reader was made, if `timed`, and images that came out. */
typedef struct ij_reader_times {
    double read, decode, resize, augment;
    int64_t images;
} ij_reader_times;

/* max_pixels as in ij_decoder_create. `timed` costs two clock readings a row. */
ij_status ij_reader_create(ij_reader **reader, int64_t max_pixels, bool timed);
void ij_reader_destroy(ij_reader *reader);

/* About the most bytes of memory that a reader keeps for images of up to width x height pixels, beside the encoded
 * image itself; `whole` as for ij_decoder_bytes. */
size_t ij_reader_bytes(int width, int height, int size, bool whole);

/* A training crop of `sample` into pixels [size, size, 3], its place and look drawn from the stream that `random` was
 * started on. On failure the message gives the reason without the path, and `pixels` are undefined. */
ij_status ij_reader_train(ij_reader *reader, const ij_dataset *dataset, int64_t sample,
                          const ij_augment_config *augment, ij_decode_mode mode, ij_random *random, int size,
                          uint8_t *pixels);

/* The evaluation transform of `sample` into pixels [size, size, 3]. IJ_EINVAL only where `fit` is IJ_FIT_NONE and the
 * image has another size; else as ij_reader_train. */
ij_status ij_reader_eval(ij_reader *reader, const ij_dataset *dataset, int64_t sample, ij_fit fit, ij_decode_mode mode,
                         int size, uint8_t *pixels);

ij_reader_times ij_reader_elapsed(const ij_reader *reader);

#endif
