#include "data/decode_png.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

/* Room that one ancillary chunk (a colour profile, a text) may take when it is unpacked. */
enum { CHUNK_BYTES = 8 << 20 };

struct ij_png {
    png_structp reader; /* of the image that is open; NULL between images */
    png_infop info;
    jmp_buf escape; /* where libpng's errors land: in whichever function below called it */
    ij_status status;
    const uint8_t *next; /* bytes not yet read */
    size_t left;
    uint8_t *rows; /* one row, or the whole image where it is interlaced, [.., width, 4] */
    size_t capacity;
    size_t row_bytes;
    ij_rect rect;
    int given; /* rows of the rectangle handed on */
};

/* ---- libpng's callbacks ----------------------------------------------------------------------------------------- */

static void on_error(png_structp reader, png_const_charp text)
{
    ij_png *png = png_get_error_ptr(reader);
    png->status = ij_fail(IJ_EFORMAT, "damaged PNG: %s", text);
    longjmp(png->escape, 1);
}

static void on_warning(png_structp reader, png_const_charp text)
{
    (void)reader, (void)text;
}

static void on_read(png_structp reader, png_bytep out, size_t size)
{
    ij_png *png = png_get_io_ptr(reader);
    if (size > png->left)
        png_error(reader, "truncated");
    memcpy(out, png->next, size);
    png->next += size;
    png->left -= size;
}

/* ---- Life ------------------------------------------------------------------------------------------------------- */

ij_status ij_png_create(ij_png **out)
{
    *out = calloc(1, sizeof **out);
    return *out ? IJ_OK : ij_fail(IJ_ENOMEM, "no memory for a PNG decoder");
}

static void close_image(ij_png *png)
{
    png_destroy_read_struct(&png->reader, &png->info, NULL);
}

void ij_png_destroy(ij_png *png)
{
    if (!png)
        return;
    close_image(png);
    free(png->rows);
    free(png);
}

/* ---- One image -------------------------------------------------------------------------------------------------- */

/* Whether the end chunk is there: rows below the crop are not read, but a file without them is damaged all the same. */
static bool has_end(const uint8_t *bytes, size_t size)
{
    for (size_t i = size; i >= 4; i--)
        if (bytes[i - 1] == 'D' && memcmp(bytes + i - 4, "IEND", 4) == 0)
            return true;
    return false;
}

ij_status ij_png_open(ij_png *png, const uint8_t *bytes, size_t size, int *width, int *height)
{
    close_image(png);
    png->next = bytes;
    png->left = size;
    if (!has_end(bytes, size))
        return ij_fail(IJ_EFORMAT, "truncated PNG: its end is missing");
    png->reader = png_create_read_struct(PNG_LIBPNG_VER_STRING, png, on_error, on_warning);
    if (!png->reader)
        return ij_fail(IJ_ENOMEM, "no memory for a PNG decoder");
    if (setjmp(png->escape))
        return png->status;
    png->info = png_create_info_struct(png->reader);
    if (!png->info)
        return ij_fail(IJ_ENOMEM, "no memory for a PNG decoder");
    png_set_read_fn(png->reader, png, on_read);
    png_set_user_limits(png->reader, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_chunk_malloc_max(png->reader, CHUNK_BYTES);
    png_read_info(png->reader, png->info);
    *width = (int)png_get_image_width(png->reader, png->info);
    *height = (int)png_get_image_height(png->reader, png->info);
    return IJ_OK;
}

/* Every colour type and depth to R, G, B and one byte that does not count: alpha is dropped, not composited. */
static void set_transformations(ij_png *png)
{
    png_set_palette_to_rgb(png->reader);
    png_set_expand_gray_1_2_4_to_8(png->reader);
    png_set_strip_16(png->reader);
    png_set_gray_to_rgb(png->reader);
    png_set_add_alpha(png->reader, 255, PNG_FILLER_AFTER);
}

static ij_status reserve_rows(ij_png *png, size_t count)
{
    size_t capacity = png->row_bytes * count;
    if (capacity <= png->capacity)
        return IJ_OK;
    free(png->rows);
    png->capacity = 0;
    png->rows = malloc(capacity);
    if (!png->rows)
        return ij_fail(IJ_ENOMEM, "no memory to decode a PNG: %zu bytes", capacity);
    png->capacity = capacity;
    return IJ_OK;
}

ij_status ij_png_start(ij_png *png, ij_rect wanted, ij_window *window)
{
    window->rect = png->rect = wanted;
    window->scale = 8;
    png->given = 0;
    if (setjmp(png->escape))
        return png->status;
    set_transformations(png);
    int passes = png_set_interlace_handling(png->reader);
    png_read_update_info(png->reader, png->info);
    png->row_bytes = png_get_rowbytes(png->reader, png->info);
    if (png->row_bytes != (size_t)png_get_image_width(png->reader, png->info) * 4)
        return ij_fail(IJ_EFORMAT, "a PNG of an unknown colour type");
    int height = (int)png_get_image_height(png->reader, png->info);
    ij_status status = reserve_rows(png, passes > 1 ? (size_t)height : 1);
    if (status)
        return status;
    if (passes > 1) { /* its last row is part of the first pass */
        for (int pass = 0; pass < passes; pass++)
            for (int y = 0; y < height; y++)
                png_read_row(png->reader, png->rows + (size_t)y * png->row_bytes, NULL);
        return IJ_OK;
    }
    for (int y = 0; y < wanted.y; y++)
        png_read_row(png->reader, png->rows, NULL);
    return IJ_OK;
}

ij_status ij_png_row(ij_png *png, const uint8_t **rgbx)
{
    bool whole = png_get_interlace_type(png->reader, png->info) != PNG_INTERLACE_NONE;
    if (setjmp(png->escape))
        return png->status;
    if (!whole)
        png_read_row(png->reader, png->rows, NULL);
    size_t row = whole ? (size_t)(png->rect.y + png->given) : 0;
    *rgbx = png->rows + row * png->row_bytes + (size_t)png->rect.x * 4;
    png->given++;
    return IJ_OK;
}
