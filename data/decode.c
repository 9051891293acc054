#include "data/decode.h"

#include "data/decode_jpeg.h"
#include "data/decode_pgm.h"
#ifdef IJ_HAVE_PNG
#include "data/decode_png.h"
#endif

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The format of the image that is open. */
typedef enum format { FORMAT_NONE, FORMAT_JPEG, FORMAT_PNG, FORMAT_PGM } format;

struct ij_decoder {
    format format;
    ij_jpeg *jpeg;
    ij_pgm *pgm;
#ifdef IJ_HAVE_PNG
    ij_png *png;
#endif
    int64_t max_pixels;
};

ij_status ij_decoder_create(ij_decoder **out, int64_t max_pixels)
{
    ij_decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        return ij_fail(IJ_ENOMEM, "no memory for an image decoder");
    decoder->max_pixels = max_pixels > 0 ? max_pixels : IJ_MAX_PIXELS_DEFAULT;
    ij_status status = ij_jpeg_create(&decoder->jpeg);
    if (!status)
        status = ij_pgm_create(&decoder->pgm);
#ifdef IJ_HAVE_PNG
    if (!status)
        status = ij_png_create(&decoder->png);
#endif
    if (status)
        ij_decoder_destroy(decoder);
    else
        *out = decoder;
    return status;
}

void ij_decoder_destroy(ij_decoder *decoder)
{
    if (!decoder)
        return;
    ij_jpeg_destroy(decoder->jpeg);
    ij_pgm_destroy(decoder->pgm);
#ifdef IJ_HAVE_PNG
    ij_png_destroy(decoder->png);
#endif
    free(decoder);
}

size_t ij_decoder_bytes(int width, int height, bool whole)
{
    /* A band of 16 rows, and about as much again in libjpeg for rows before upsampling and colour conversion; four
     * components of 16-bit coefficients a pixel, at most. */
    enum { FIXED = 128 * 1024, A_COLUMN = 16 * 4 + 128, A_PIXEL = 8 };
    size_t columns = (size_t)width + 64, pixels = columns * ((size_t)height + 64);
    return FIXED + columns * A_COLUMN + (whole ? pixels * A_PIXEL : 0);
}

static bool begins_with(const uint8_t *bytes, size_t size, const char *magic, size_t length)
{
    return size >= length && memcmp(bytes, magic, length) == 0;
}

static ij_status unknown_format(const uint8_t *bytes, size_t size)
{
    static const struct {
        const char *magic;
        size_t length;
        const char *name;
    } known[] = {
        {"\x89PNG", 4, "PNG, which needs a build with libpng"},
        {"GIF8", 4, "GIF"},
        {"RIFF", 4, "WebP"},
        {"BM", 2, "BMP"},
        {"II*\0", 4, "TIFF"},
        {"MM\0*", 4, "TIFF"},
        {"\0\0\0\x0CjP  ", 8, "JPEG 2000"},
        {"\xFF\x0A", 2, "JPEG XL"},
        {"<", 1, "text (HTML or XML)"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (begins_with(bytes, size, known[i].magic, known[i].length))
            return ij_fail(IJ_EFORMAT, "neither JPEG nor PNG but %s", known[i].name);
    return ij_fail(IJ_EFORMAT, "neither JPEG nor PNG");
}

static ij_status open_format(ij_decoder *decoder, const uint8_t *bytes, size_t size, int *width, int *height)
{
    decoder->format = FORMAT_NONE;
    if (size == 0)
        return ij_fail(IJ_EFORMAT, "empty file");
    if (begins_with(bytes, size, "\xFF\xD8\xFF", 3)) {
        decoder->format = FORMAT_JPEG;
        return ij_jpeg_open(decoder->jpeg, bytes, size, width, height);
    }
#ifdef IJ_HAVE_PNG
    if (begins_with(bytes, size, "\x89PNG\r\n\x1A\n", 8)) {
        decoder->format = FORMAT_PNG;
        return ij_png_open(decoder->png, bytes, size, width, height);
    }
#endif
    if (begins_with(bytes, size, "P5", 2) || begins_with(bytes, size, "P6", 2)) {
        decoder->format = FORMAT_PGM;
        return ij_pgm_open(decoder->pgm, bytes, size, width, height);
    }
    return unknown_format(bytes, size);
}

ij_status ij_decoder_open(ij_decoder *decoder, const uint8_t *bytes, size_t size, int *width, int *height)
{
    ij_status status = open_format(decoder, bytes, size, width, height);
    if (status)
        return status;
    if ((int64_t)*width * *height > decoder->max_pixels)
        return ij_fail(IJ_EINVAL, "%d x %d pixels are more than the limit of %lld", *width, *height,
                       (long long)decoder->max_pixels);
    return IJ_OK;
}

ij_status ij_decoder_start(ij_decoder *decoder, ij_rect wanted, int output_width, int output_height,
                           ij_decode_mode mode, ij_window *window)
{
#ifdef IJ_HAVE_PNG
    if (decoder->format == FORMAT_PNG)
        return ij_png_start(decoder->png, wanted, window);
#endif
    if (decoder->format == FORMAT_PGM)
        return ij_pgm_start(decoder->pgm, wanted, window);
    return ij_jpeg_start(decoder->jpeg, wanted, output_width, output_height, mode, window);
}

ij_status ij_decoder_row(ij_decoder *decoder, const uint8_t **rgbx)
{
#ifdef IJ_HAVE_PNG
    if (decoder->format == FORMAT_PNG)
        return ij_png_row(decoder->png, rgbx);
#endif
    if (decoder->format == FORMAT_PGM)
        return ij_pgm_row(decoder->pgm, rgbx);
    return ij_jpeg_row(decoder->jpeg, rgbx);
}
