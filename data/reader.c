#include "data/reader.h"

#include "data/blur.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

struct ij_reader {
    ij_bytes bytes;
    ij_decoder *decoder;
    ij_resizer *resizer;
    uint8_t *blur; /* ij_blur's scratch for images of `blur_size` pixels a side */
    int blur_size;
    bool timed;
    double mark; /* when the last stage ended */
    ij_reader_times times;
};

ij_status ij_reader_create(ij_reader **out, int64_t max_pixels, bool timed)
{
    ij_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return ij_fail(IJ_ENOMEM, "no memory for an image reader");
    reader->timed = timed;
    ij_status status = ij_decoder_create(&reader->decoder, max_pixels);
    if (!status)
        status = ij_resizer_create(&reader->resizer);
    if (status)
        ij_reader_destroy(reader);
    else
        *out = reader;
    return status;
}

void ij_reader_destroy(ij_reader *reader)
{
    if (!reader)
        return;
    ij_bytes_free(&reader->bytes);
    ij_decoder_destroy(reader->decoder);
    ij_resizer_destroy(reader->resizer);
    free(reader->blur);
    free(reader);
}

size_t ij_reader_bytes(int width, int height, int size, bool whole)
{
    return sizeof(ij_reader) + ij_decoder_bytes(width, height, whole) + ij_resizer_bytes(width, height, size) +
           ij_blur_scratch(size);
}

ij_reader_times ij_reader_elapsed(const ij_reader *reader)
{
    return reader->times;
}

/* Adds the time since the last call to `stage`; NULL only starts the clock. */
static void lap(ij_reader *reader, double *stage)
{
    if (!reader->timed)
        return;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    if (stage)
        *stage += seconds - reader->mark;
    reader->mark = seconds;
}

static ij_status open_sample(ij_reader *reader, const ij_dataset *dataset, int64_t sample, int *width, int *height)
{
    lap(reader, NULL);
    ij_status status = ij_dataset_read(dataset, sample, &reader->bytes);
    lap(reader, &reader->times.read);
    if (status)
        return status;
    return ij_decoder_open(reader->decoder, reader->bytes.data, reader->bytes.size, width, height);
}

/* The box in the window's pixels. */
static ij_box in_window(ij_box box, ij_window window)
{
    double scale = window.scale / 8.0;
    return (ij_box){box.left * scale - window.rect.x, box.top * scale - window.rect.y,
                    box.right * scale - window.rect.x, box.bottom * scale - window.rect.y};
}

static ij_status read_view(ij_reader *reader, ij_view view, ij_decode_mode mode, int size, uint8_t *pixels)
{
    /* the output's resolution carried over to the neighbours that the rectangle holds beyond the box */
    int width = (int)ceil(size * view.rect.width / (view.box.right - view.box.left));
    int height = (int)ceil(size * view.rect.height / (view.box.bottom - view.box.top));
    ij_window window;
    ij_status status = ij_decoder_start(reader->decoder, view.rect, width, height, mode, &window);
    lap(reader, &reader->times.decode);
    if (status)
        return status;
    status = ij_resizer_start(reader->resizer, window.rect.width, window.rect.height, in_window(view.box, window), size,
                              view.flip, pixels);
    lap(reader, &reader->times.resize);
    for (int row = 0; row < window.rect.height && !status; row++) {
        const uint8_t *rgbx;
        status = ij_decoder_row(reader->decoder, &rgbx);
        lap(reader, &reader->times.decode);
        if (!status)
            ij_resizer_push(reader->resizer, rgbx);
        lap(reader, &reader->times.resize);
    }
    reader->times.images += !status;
    return status;
}

static ij_status reserve_blur(ij_reader *reader, int size)
{
    if (size <= reader->blur_size)
        return IJ_OK;
    free(reader->blur);
    reader->blur_size = 0;
    reader->blur = malloc(ij_blur_scratch(size));
    if (!reader->blur)
        return ij_fail(IJ_ENOMEM, "no memory to blur an image: %zu bytes", ij_blur_scratch(size));
    reader->blur_size = size;
    return IJ_OK;
}

static ij_status apply_look(ij_reader *reader, const ij_look *look, int size, uint8_t *pixels)
{
    lap(reader, NULL);
    for (int i = 0; i < look->changes; i++)
        ij_colour(look->change[i].change, look->change[i].amount, pixels, (size_t)size * (size_t)size);
    if (look->blur > 0) {
        ij_status status = reserve_blur(reader, size);
        if (status)
            return status;
        ij_blur(pixels, size, look->blur, reader->blur);
    }
    lap(reader, &reader->times.augment);
    return IJ_OK;
}

ij_status ij_reader_train(ij_reader *reader, const ij_dataset *dataset, int64_t sample,
                          const ij_augment_config *augment, ij_decode_mode mode, ij_random *random, int size,
                          uint8_t *pixels)
{
    int width, height;
    ij_status status = open_sample(reader, dataset, sample, &width, &height);
    if (status)
        return status;
    status = read_view(reader, ij_augment_draw(augment, width, height, random), mode, size, pixels);
    if (status)
        return status;
    ij_look look = ij_augment_look(augment, random);
    return apply_look(reader, &look, size, pixels);
}

ij_status ij_reader_eval(ij_reader *reader, const ij_dataset *dataset, int64_t sample, ij_fit fit, ij_decode_mode mode,
                         int size, uint8_t *pixels)
{
    int width, height;
    ij_status status = open_sample(reader, dataset, sample, &width, &height);
    if (status)
        return status == IJ_EINVAL ? IJ_EFORMAT : status; /* over the limit of pixels: the image's fault */
    if (fit == IJ_FIT_NONE && (width != size || height != size))
        return ij_fail(IJ_EINVAL, "has %d x %d pixels, not %d x %d", width, height, size, size);
    return read_view(reader, ij_augment_eval(width, height, size, fit), mode, size, pixels);
}
