#include "data/decode_jpeg.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

/* Rows asked of libjpeg at a time: an MCU row of 4:2:0, so that it hands on what it has at once. */
enum { BAND = 16 };
/* libjpeg-turbo writes rows that are aligned for its vectors past the cache, and the resizer would wait for them. */
enum { ALIGNMENT = 64, OFFSET = 8 };
/* A progressive image may have any number of scans and so take for ever; no encoder makes so many. */
enum { MAX_SCANS = 500 };

struct ij_jpeg {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf escape; /* where libjpeg's fatal errors land: in whichever function below called it */
    ij_status status;
    uint8_t *band; /* [BAND, row_bytes], from byte OFFSET on */
    size_t band_capacity;
    size_t row_bytes;     /* a multiple of ALIGNMENT */
    size_t skip_bytes;    /* of a decoded row before the window */
    size_t row_pixels;    /* of the window */
    int band_rows, given; /* rows in the band; rows of it handed on */
    int rows_left;        /* of the window not yet decoded */
};

/* ---- libjpeg's callbacks ---------------------------------------------------------------------------------------- */

static void on_fatal(j_common_ptr cinfo)
{
    ij_jpeg *jpeg = cinfo->client_data;
    char text[JMSG_LENGTH_MAX];
    cinfo->err->format_message(cinfo, text);
    bool memory = cinfo->err->msg_code == JERR_OUT_OF_MEMORY;
    jpeg->status = memory ? ij_fail(IJ_ENOMEM, "no memory to decode a JPEG of %u x %u pixels", jpeg->cinfo.image_width,
                                    jpeg->cinfo.image_height)
                          : ij_fail(IJ_EFORMAT, "damaged JPEG: %s", text);
    longjmp(jpeg->escape, 1);
}

/* Warnings are harmless (extra bytes before a marker) or mean that pixels are missing; those end the decoding. */
static void on_message(j_common_ptr cinfo, int level)
{
    if (level >= 0)
        return;
    switch (cinfo->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
        on_fatal(cinfo);
    }
    cinfo->err->num_warnings++;
}

static void on_output(j_common_ptr cinfo)
{
    (void)cinfo;
}

static void on_progress(j_common_ptr cinfo)
{
    ij_jpeg *jpeg = cinfo->client_data;
    if (jpeg->cinfo.input_scan_number <= MAX_SCANS)
        return;
    jpeg->status = ij_fail(IJ_EFORMAT, "damaged JPEG: more than %d scans", MAX_SCANS);
    longjmp(jpeg->escape, 1);
}

/* ---- Life ------------------------------------------------------------------------------------------------------- */

ij_status ij_jpeg_create(ij_jpeg **out)
{
    ij_jpeg *jpeg = calloc(1, sizeof *jpeg);
    if (!jpeg)
        return ij_fail(IJ_ENOMEM, "no memory for a JPEG decoder");
    jpeg->cinfo.err = jpeg_std_error(&jpeg->errors);
    jpeg->cinfo.client_data = jpeg;
    jpeg->errors.error_exit = on_fatal;
    jpeg->errors.emit_message = on_message;
    jpeg->errors.output_message = on_output;
    jpeg->progress.progress_monitor = on_progress;
    if (setjmp(jpeg->escape)) {
        ij_status status = jpeg->status;
        ij_jpeg_destroy(jpeg);
        return status;
    }
    jpeg_create_decompress(&jpeg->cinfo); /* keeps err and client_data */
    jpeg->cinfo.progress = &jpeg->progress;
    *out = jpeg;
    return IJ_OK;
}

void ij_jpeg_destroy(ij_jpeg *jpeg)
{
    if (!jpeg)
        return;
    jpeg_destroy_decompress(&jpeg->cinfo);
    free(jpeg->band);
    free(jpeg);
}

/* ---- One image -------------------------------------------------------------------------------------------------- */

/* Whether the end-of-image marker is there. In entropy-coded data 0xFF is always followed by 0, so the marker cannot
 * occur by chance; only bytes after the header count, since a thumbnail inside it has one of its own. */
static bool has_end(const uint8_t *from, size_t size)
{
    for (size_t i = size; i >= 2; i--)
        if (from[i - 1] == 0xD9 && from[i - 2] == 0xFF)
            return true;
    return false;
}

ij_status ij_jpeg_open(ij_jpeg *jpeg, const uint8_t *bytes, size_t size, int *width, int *height)
{
    struct jpeg_decompress_struct *cinfo = &jpeg->cinfo;
    if (setjmp(jpeg->escape)) {
        jpeg_abort_decompress(cinfo);
        return jpeg->status;
    }
    jpeg_abort_decompress(cinfo);
    jpeg_mem_src(cinfo, bytes, (unsigned long)size);
    jpeg_read_header(cinfo, TRUE);
    if (!has_end(cinfo->src->next_input_byte, cinfo->src->bytes_in_buffer))
        return ij_fail(IJ_EFORMAT, "truncated JPEG: its end is missing");
    bool four = cinfo->jpeg_color_space == JCS_CMYK || cinfo->jpeg_color_space == JCS_YCCK;
    bool three = cinfo->jpeg_color_space == JCS_YCbCr || cinfo->jpeg_color_space == JCS_RGB;
    if (!four && !three && cinfo->jpeg_color_space != JCS_GRAYSCALE)
        return ij_fail(IJ_EFORMAT, "a JPEG of %d colour components that are no known colour space",
                       cinfo->num_components);
    cinfo->out_color_space = four ? JCS_CMYK : JCS_EXT_RGBX;
    *width = (int)cinfo->image_width;
    *height = (int)cinfo->image_height;
    return IJ_OK;
}

/* The smallest DCT scale, in eighths, at which `wanted` still has the output's resolution. Only powers of two have
 * vector code in libjpeg-turbo; 5/8 to 7/8 are slower than the whole. */
static int scale_for(ij_rect wanted, int output_width, int output_height)
{
    int scale = 1;
    while (scale < 8 && ((int64_t)wanted.width * scale < (int64_t)output_width * 8 ||
                         (int64_t)wanted.height * scale < (int64_t)output_height * 8))
        scale *= 2;
    return scale;
}

/* `wanted` in pixels of the image shrunk to scale/8, rounded outwards; libjpeg rounds the image's size up as well. */
static ij_rect scaled(ij_rect wanted, int scale)
{
    int64_t x = (int64_t)wanted.x * scale / 8, y = (int64_t)wanted.y * scale / 8;
    int64_t end_x = (((int64_t)wanted.x + wanted.width) * scale + 7) / 8;
    int64_t end_y = (((int64_t)wanted.y + wanted.height) * scale + 7) / 8;
    return (ij_rect){(int)x, (int)y, (int)(end_x - x), (int)(end_y - y)};
}

/* Restricts decoding to the columns of `rect` and what their chroma is interpolated from, and skips the rows above. */
static void crop(ij_jpeg *jpeg, ij_rect rect)
{
    struct jpeg_decompress_struct *cinfo = &jpeg->cinfo;
    JDIMENSION margin = (JDIMENSION)cinfo->max_h_samp_factor;
    JDIMENSION x = (JDIMENSION)rect.x > margin ? (JDIMENSION)rect.x - margin : 0;
    JDIMENSION end = (JDIMENSION)(rect.x + rect.width) + margin;
    if (end > cinfo->output_width)
        end = cinfo->output_width;
    JDIMENSION width = end - x;
    if (width < cinfo->output_width)
        jpeg_crop_scanline(cinfo, &x, &width); /* moves x left to an MCU */
    else
        x = 0;
    jpeg->skip_bytes = (size_t)((JDIMENSION)rect.x - x) * 4;
    if (rect.y > 0)
        jpeg_skip_scanlines(cinfo, (JDIMENSION)rect.y);
}

static ij_status start_band(ij_jpeg *jpeg, ij_rect rect)
{
    size_t pixels = jpeg->cinfo.output_width;
    jpeg->row_bytes = (pixels * 4 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    jpeg->rows_left = rect.height;
    jpeg->row_pixels = (size_t)rect.width;
    jpeg->band_rows = jpeg->given = 0;
    size_t capacity = jpeg->row_bytes * BAND + ALIGNMENT;
    if (capacity <= jpeg->band_capacity)
        return IJ_OK;
    free(jpeg->band);
    jpeg->band_capacity = 0;
    jpeg->band = aligned_alloc(ALIGNMENT, capacity);
    if (!jpeg->band)
        return ij_fail(IJ_ENOMEM, "no memory to decode a JPEG %zu pixels wide", pixels);
    jpeg->band_capacity = capacity;
    return IJ_OK;
}

ij_status ij_jpeg_start(ij_jpeg *jpeg, ij_rect wanted, int output_width, int output_height, ij_decode_mode mode,
                        ij_window *window)
{
    struct jpeg_decompress_struct *cinfo = &jpeg->cinfo;
    bool exact = mode == IJ_DECODE_EXACT;
    window->scale = exact ? 8 : scale_for(wanted, output_width, output_height);
    window->rect = scaled(wanted, window->scale);
    if (setjmp(jpeg->escape))
        return jpeg->status;
    cinfo->scale_num = (unsigned)window->scale;
    cinfo->scale_denom = 8;
    cinfo->dct_method = JDCT_ISLOW; /* IFAST saves 2 % of the time and doubles the distance from exact */
    cinfo->do_fancy_upsampling = exact;
    /* jpeg_skip_scanlines goes by these, and where an image needs neither (merged upsampling), libjpeg-turbo 2.1 leaves
     * what an earlier image had, freed since then. */
    cinfo->cconvert = NULL;
    cinfo->cquantize = NULL;
    jpeg_start_decompress(cinfo);
    crop(jpeg, window->rect);
    return start_band(jpeg, window->rect);
}

/* Pillow's cmyk2rgb, on values stored inverted as Adobe does and Pillow assumes. */
static void cmyk_to_rgb(uint8_t *row, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++) {
        uint8_t *p = row + i * 4;
        unsigned key = p[3];
        for (int c = 0; c < 3; c++) {
            unsigned product = (255u - p[c]) * key + 128u;
            p[c] = (uint8_t)(key - ((product + (product >> 8)) >> 8));
        }
    }
}

/* Decodes the next rows into the band. */
static ij_status fill_band(ij_jpeg *jpeg)
{
    if (setjmp(jpeg->escape))
        return jpeg->status;
    JSAMPROW rows[BAND];
    for (size_t i = 0; i < BAND; i++)
        rows[i] = jpeg->band + OFFSET + i * jpeg->row_bytes;
    int ask = jpeg->rows_left < BAND ? jpeg->rows_left : BAND;
    jpeg->band_rows = (int)jpeg_read_scanlines(&jpeg->cinfo, rows, (JDIMENSION)ask);
    if (jpeg->band_rows < 1)
        return ij_fail(IJ_EFORMAT, "truncated JPEG: rows are missing");
    jpeg->rows_left -= jpeg->band_rows;
    jpeg->given = 0;
    return IJ_OK;
}

ij_status ij_jpeg_row(ij_jpeg *jpeg, const uint8_t **rgbx)
{
    ij_status status = jpeg->given == jpeg->band_rows ? fill_band(jpeg) : IJ_OK;
    if (status)
        return status;
    uint8_t *row = jpeg->band + OFFSET + (size_t)jpeg->given++ * jpeg->row_bytes + jpeg->skip_bytes;
    if (jpeg->cinfo.out_color_space == JCS_CMYK)
        cmyk_to_rgb(row, jpeg->row_pixels);
    *rgbx = row;
    return IJ_OK;
}
