/* What kind of image file some bytes are, by their content: for reports. Decodes nothing; decode.h decides what can be
 * read. */
#ifndef IJ_DATA_FORMAT_H
#define IJ_DATA_FORMAT_H

#include <stddef.h>
#include <stdint.h>

typedef enum ij_format {
    IJ_FORMAT_UNKNOWN,
    IJ_FORMAT_JPEG,
    IJ_FORMAT_JPEG_GREY,
    IJ_FORMAT_JPEG_CMYK, /* four components: CMYK or YCCK */
    IJ_FORMAT_PROGRESSIVE,
    IJ_FORMAT_PROGRESSIVE_GREY,
    IJ_FORMAT_PROGRESSIVE_CMYK,
    IJ_FORMAT_ARITHMETIC,
    IJ_FORMAT_ARITHMETIC_GREY,
    IJ_FORMAT_ARITHMETIC_CMYK,
    IJ_FORMAT_JPEG_OTHER, /* lossless or hierarchical */
    IJ_FORMAT_PNG,
    IJ_FORMAT_PNG_GREY,
    IJ_FORMAT_PNG_PALETTE,
    IJ_FORMAT_PNG_ALPHA, /* colour or grey */
    IJ_FORMAT_PGM,       /* or PPM; what entries of IDX files come as */
    IJ_FORMATS
} ij_format;

ij_format ij_format_of(const uint8_t *bytes, size_t size);

/* "progressive JPEG, grey", for people. */
const char *ij_format_name(ij_format format);

#endif
