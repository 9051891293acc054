#include "data/format.h"

#include <string.h>

/* SOFn: ITU-T T.81, table B.1. Fills in what the frame header says; 0 where there is none. */
static int find_frame(const uint8_t *bytes, size_t size, int *components)
{
    size_t at = 2;
    while (at + 4 <= size && bytes[at] == 0xFF) {
        int marker = bytes[at + 1];
        if (marker == 0xFF) { /* fill byte */
            at++;
            continue;
        }
        if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8)) { /* without a length */
            at += 2;
            continue;
        }
        if (marker == 0xD9 || marker == 0xDA)
            return 0;
        size_t length = (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC) {
            *components = at + 10 <= size ? bytes[at + 9] : 0;
            return marker;
        }
        at += 2 + length;
    }
    return 0;
}

static ij_format jpeg(const uint8_t *bytes, size_t size)
{
    int components = 0, marker = find_frame(bytes, size, &components);
    int colours = components == 1 ? 1 : components == 4 ? 2 : 0;
    switch (marker) {
    case 0xC0: /* baseline */
    case 0xC1: /* extended sequential */
        return (ij_format)(IJ_FORMAT_JPEG + colours);
    case 0xC2:
        return (ij_format)(IJ_FORMAT_PROGRESSIVE + colours);
    case 0xC9: /* sequential and progressive */
    case 0xCA:
        return (ij_format)(IJ_FORMAT_ARITHMETIC + colours);
    default:
        return IJ_FORMAT_JPEG_OTHER;
    }
}

/* The colour type follows the signature, IHDR's length and name, two sizes and the depth. */
static ij_format png(const uint8_t *bytes, size_t size)
{
    switch (size > 25 ? bytes[25] : 2) {
    case 0:
        return IJ_FORMAT_PNG_GREY;
    case 3:
        return IJ_FORMAT_PNG_PALETTE;
    case 4:
    case 6:
        return IJ_FORMAT_PNG_ALPHA;
    default:
        return IJ_FORMAT_PNG;
    }
}

ij_format ij_format_of(const uint8_t *bytes, size_t size)
{
    static const uint8_t png_signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    if (size >= 3 && bytes[0] == 0xFF && bytes[1] == 0xD8 && bytes[2] == 0xFF)
        return jpeg(bytes, size);
    if (size >= sizeof png_signature && !memcmp(bytes, png_signature, sizeof png_signature))
        return png(bytes, size);
    if (size >= 2 && bytes[0] == 'P' && (bytes[1] == '5' || bytes[1] == '6'))
        return IJ_FORMAT_PGM;
    return IJ_FORMAT_UNKNOWN;
}

const char *ij_format_name(ij_format format)
{
    static const char *const names[IJ_FORMATS] = {[IJ_FORMAT_UNKNOWN] = "unknown",
                                                  [IJ_FORMAT_JPEG] = "JPEG",
                                                  [IJ_FORMAT_JPEG_GREY] = "JPEG, grey",
                                                  [IJ_FORMAT_JPEG_CMYK] = "JPEG, CMYK",
                                                  [IJ_FORMAT_PROGRESSIVE] = "progressive JPEG",
                                                  [IJ_FORMAT_PROGRESSIVE_GREY] = "progressive JPEG, grey",
                                                  [IJ_FORMAT_PROGRESSIVE_CMYK] = "progressive JPEG, CMYK",
                                                  [IJ_FORMAT_ARITHMETIC] = "arithmetic-coded JPEG",
                                                  [IJ_FORMAT_ARITHMETIC_GREY] = "arithmetic-coded JPEG, grey",
                                                  [IJ_FORMAT_ARITHMETIC_CMYK] = "arithmetic-coded JPEG, CMYK",
                                                  [IJ_FORMAT_JPEG_OTHER] = "JPEG of another kind",
                                                  [IJ_FORMAT_PNG] = "PNG",
                                                  [IJ_FORMAT_PNG_GREY] = "PNG, grey",
                                                  [IJ_FORMAT_PNG_PALETTE] = "PNG with a palette",
                                                  [IJ_FORMAT_PNG_ALPHA] = "PNG with alpha",
                                                  [IJ_FORMAT_PGM] = "uncompressed"};
    return names[format];
}
