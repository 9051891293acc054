#include "data/decode.h"

#include "data/decode_jpeg.h"

#include <stdlib.h>
#include <string.h>

struct ij_decoder {
    ij_jpeg *jpeg;
    int64_t max_pixels;
};

ij_status ij_decoder_create(ij_decoder **out, int64_t max_pixels)
{
    ij_decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        return ij_fail(IJ_ENOMEM, "no memory for an image decoder");
    decoder->max_pixels = max_pixels > 0 ? max_pixels : IJ_MAX_PIXELS_DEFAULT;
    ij_status status = ij_jpeg_create(&decoder->jpeg);
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
    free(decoder);
}

static ij_status unknown_format(const uint8_t *bytes, size_t size)
{
    static const struct {
        const char *magic;
        size_t length;
        const char *name;
    } known[] = {
        {"\x89PNG", 4, "PNG"},
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
        if (size >= known[i].length && memcmp(bytes, known[i].magic, known[i].length) == 0)
            return ij_fail(IJ_EFORMAT, "not a JPEG but %s", known[i].name);
    return ij_fail(IJ_EFORMAT, "not a JPEG");
}

ij_status ij_decoder_open(ij_decoder *decoder, const uint8_t *bytes, size_t size, int *width, int *height)
{
    if (size == 0)
        return ij_fail(IJ_EFORMAT, "empty file");
    if (size < 3 || memcmp(bytes, "\xFF\xD8\xFF", 3) != 0)
        return unknown_format(bytes, size);
    ij_status status = ij_jpeg_open(decoder->jpeg, bytes, size, width, height);
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
    return ij_jpeg_start(decoder->jpeg, wanted, output_width, output_height, mode, window);
}

ij_status ij_decoder_row(ij_decoder *decoder, const uint8_t **rgbx)
{
    return ij_jpeg_row(decoder->jpeg, rgbx);
}
