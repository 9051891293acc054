/* Fills batches in the background: worker threads read, crop and resize the images of one batch and draw its masks
 * while the device computes another. What a batch holds depends on seed and batch number, never on the number of
 * threads, so a run may be resumed at any batch. The loader never prints: bad images are listed for the caller.
 *
 *     ij_loader_begin(l, 0, dst0);
 *     for (n = 0; n < batches; n++) {
 *         ij_loader_finish(l);                     batch n is complete
 *         ij_loader_begin(l, n + 1, other slot);   in the background
 *         train on batch n
 *     } */
#ifndef IJ_DATA_LOADER_H
#define IJ_DATA_LOADER_H

#include "data/augment.h"
#include "data/dataset.h"
#include "data/decode.h"
#include "data/masks.h"
#include "data/reader.h"
#include "engine/base/batch.h"
#include "engine/base/error.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct ij_loader ij_loader;

typedef struct ij_loader_config {
    const ij_dataset *dataset; /* must outlive the loader */
    int batch;                 /* B: images a batch */
    int crop;                  /* S: pixels a side */
    ij_augment_config augment;
    ij_decode_mode decode;
    ij_mask_config mask; /* n_target = 0: no masks, batches of pixels only */
    uint64_t seed;
    int workers;          /* threads; 0: one per core minus one, at least one */
    double max_bad_share; /* of the samples seen that may be unreadable, e.g. 0.05; 0: none may */
    int64_t max_pixels;   /* larger images are unreadable; 0: Pillow's limit */
    bool timed;           /* keep the times of the stages */
    /* Told by each thread (0 .. workers-1) before and after every item of a batch, for traces: item 0 is the masks,
     * item i image i - 1 of those that are read. NULL: nobody wants to know. */
    void (*watch)(void *watcher, int worker, int item, bool begins);
    void *watcher;
} ij_loader_config;

/* The defaults of I-JEPA: scale (0.3, 1), ratio (3/4, 4/3), no flip, colour or blur, fast decoding, 5 % bad; the rest
 * zero. */
ij_loader_config ij_loader_defaults(void);

/* IJ_EINVAL where the configuration contradicts itself (a batch larger than the data set, masks that cannot exist,
 * ...). */
ij_status ij_loader_open(ij_loader **loader, const ij_loader_config *config);

/* Stops the workers at the next image and frees everything, also with a batch under way: that batch's memory may be
 * freed afterwards. */
void ij_loader_close(ij_loader *loader);

/* Whole batches in an epoch; the remainder of each permutation is left out (drop_last). */
int64_t ij_loader_batches_per_epoch(const ij_loader *loader);
int ij_loader_workers(const ij_loader *loader);

/* Host memory in bytes. It does not grow with the data set but for `order` and what the data set itself remembers. */
typedef struct ij_loader_memory {
    size_t order;       /* of the images, and a bit for each that is bad */
    size_t thread;      /* scratch of a thread for images of up to 500 x 375 pixels; the encoded image comes on top */
    size_t thread_most; /* for images of as many pixels as are allowed, of a kind that is kept whole */
} ij_loader_memory;

ij_loader_memory ij_loader_memory_plan(const ij_loader *loader);

/* Starts to fill `dst` with batch `batch_number` = epoch * batches_per_epoch + batch in the epoch, counted from the
 * run's start, and returns at once. dst->images and dst->crop are the loader's batch and crop. The masks are those of
 * all images, pixels are read of dst->first .. only, where dst->own says so. One batch at a time: IJ_EINVAL if the last
 * one was not finished. */
ij_status ij_loader_begin(ij_loader *loader, int64_t batch_number, ij_batch *dst);

/* Waits until the batch is complete. IJ_EFORMAT where more than max_bad_share of the images are unreadable, with some
 * of their names. */
ij_status ij_loader_finish(ij_loader *loader);

/* The data set's sample behind image i of the last finished batch (its replacement, where the first choice was bad),
 * one of those that pixels were read of. */
int64_t ij_loader_sample(const ij_loader *loader, int image);

/* An image that could not be used. */
typedef struct ij_bad_image {
    int64_t sample;
    const char *reason; /* lives as long as the loader */
} ij_bad_image;

/* Unreadable images so far, those of evaluations too, each once, in the order of the batches; call between finish and
 * begin. */
int64_t ij_loader_bad_count(const ij_loader *loader);
ij_bad_image ij_loader_bad(const ij_loader *loader, int64_t index);

/* Seconds and images of all threads together since the loader was opened; zero unless config.timed. */
ij_reader_times ij_loader_times(const ij_loader *loader);

/* The evaluation transform of `count` chosen samples into pixels [count, size, size, 3] by the loader's threads: begun
 * it returns at once, finished it waits. readable[i] (may be NULL) tells which could be read; the pixels of the others
 * are 0, and they join the bad images. IJ_EINVAL where `fit` is IJ_FIT_NONE and an image has another size, or a batch
 * is under way. The arrays must stay until it is finished. */
ij_status ij_loader_eval_begin(ij_loader *loader, const int64_t *samples, int count, int size, ij_fit fit,
                               uint8_t *pixels, bool *readable);
ij_status ij_loader_eval_finish(ij_loader *loader);
/* Both, one after the other. */
ij_status ij_loader_eval(ij_loader *loader, const int64_t *samples, int count, int size, ij_fit fit, uint8_t *pixels,
                         bool *readable);

#endif
