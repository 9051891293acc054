#define _XOPEN_SOURCE 700 /* nftw */

#include "tests/images.h"

#include "engine/base/random.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jpeglib.h>
#ifdef IJ_HAVE_PNG
#include <png.h>
#endif

static void require(bool condition, const char *what)
{
    if (condition)
        return;
    perror(what);
    abort();
}

/* ---- Pictures --------------------------------------------------------------------------------------------------- */

uint8_t *picture_pixels(int width, int height, uint32_t seed)
{
    enum { WAVES = 8 };
    struct {
        double x, y, phase, colour[3];
    } wave[WAVES];
    ij_random random;
    ij_random_start(&random, seed, IJ_STREAM_TEST, 1, 0);
    for (int i = 0; i < WAVES; i++) {
        double frequency = 0.006 * exp2(i * 0.8);
        double angle = 6.2832 * (double)ij_random_uniform(&random);
        wave[i].x = frequency * cos(angle);
        wave[i].y = frequency * sin(angle);
        wave[i].phase = 6.2832 * (double)ij_random_uniform(&random);
        for (int c = 0; c < 3; c++)
            wave[i].colour[c] = 60 * exp2(-i * 0.6) * (0.5 + (double)ij_random_uniform(&random));
    }
    uint8_t *pixels = malloc((size_t)width * (size_t)height * 3);
    require(pixels, "pixels");
    uint8_t *p = pixels;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            double rgb[3] = {120, 120, 120}, noise = 18 * (double)ij_random_uniform(&random) - 9;
            for (int i = 0; i < WAVES; i++) {
                double value = sin(6.2832 * (wave[i].x * x + wave[i].y * y) + wave[i].phase);
                if (i % 3 == 2)
                    value = value > 0.6 ? 1 : -0.3; /* edges */
                for (int c = 0; c < 3; c++)
                    rgb[c] += wave[i].colour[c] * value;
            }
            for (int c = 0; c < 3; c++)
                *p++ = (uint8_t)fmin(fmax(rgb[c] + noise, 0), 255);
        }
    return pixels;
}

/* The picture's row in the encoder's input colours. CMYK is stored inverted, as Adobe does. */
static void convert_row(const uint8_t *rgb, int width, picture_kind kind, uint8_t *out)
{
    for (int x = 0; x < width; x++, rgb += 3) {
        if (kind == PICTURE_RGB) {
            memcpy(out, rgb, 3);
            out += 3;
        } else if (kind == PICTURE_GREY) {
            *out++ = rgb[1];
        } else {
            uint8_t key = rgb[0] > rgb[1] ? rgb[0] : rgb[1];
            key = key > rgb[2] ? key : rgb[2];
            for (int c = 0; c < 3; c++)
                *out++ = (uint8_t)(key ? rgb[c] * 255 / key : 0);
            *out++ = key;
        }
    }
}

uint8_t *picture_jpeg(int width, int height, uint32_t seed, picture_options options, size_t *size)
{
    static const J_COLOR_SPACE spaces[] = {JCS_RGB, JCS_GRAYSCALE, JCS_CMYK, JCS_CMYK};
    static const int components[] = {3, 1, 4, 4};
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL;
    unsigned long length = 0;
    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_compress(&cinfo);
    jpeg_mem_dest(&cinfo, &bytes, &length);
    cinfo.image_width = (JDIMENSION)width;
    cinfo.image_height = (JDIMENSION)height;
    cinfo.input_components = components[options.kind];
    cinfo.in_color_space = spaces[options.kind];
    jpeg_set_defaults(&cinfo);
    if (options.kind == PICTURE_YCCK)
        jpeg_set_colorspace(&cinfo, JCS_YCCK);
    jpeg_set_quality(&cinfo, options.quality ? options.quality : 90, TRUE);
    cinfo.comp_info[0].h_samp_factor = options.horizontal ? options.horizontal : 1;
    cinfo.comp_info[0].v_samp_factor = options.vertical ? options.vertical : 1;
    cinfo.arith_code = options.arithmetic;
    if (options.progressive)
        jpeg_simple_progression(&cinfo);
    jpeg_start_compress(&cinfo, TRUE);
    uint8_t *pixels = picture_pixels(width, height, seed), *row = malloc((size_t)width * 4);
    require(row, "row");
    for (int y = 0; y < height; y++) {
        JSAMPROW rows[1] = {row};
        convert_row(pixels + (size_t)y * (size_t)width * 3, width, options.kind, row);
        jpeg_write_scanlines(&cinfo, rows, 1);
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    free(pixels);
    free(row);
    *size = length;
    return bytes;
}

#ifdef IJ_HAVE_PNG

typedef struct png_bytes {
    uint8_t *data;
    size_t size;
} png_bytes;

static void append_png(png_structp writer, png_bytep data, size_t size)
{
    png_bytes *bytes = png_get_io_ptr(writer);
    bytes->data = realloc(bytes->data, bytes->size + size);
    require(bytes->data, "png");
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

/* Sets sample `index` of a packed row. */
static void put_sample(uint8_t *row, size_t index, int depth, unsigned value)
{
    if (depth == 16) {
        row[index * 2] = (uint8_t)(value >> 8);
        row[index * 2 + 1] = (uint8_t)value;
        return;
    }
    size_t bit = index * (size_t)depth;
    unsigned shift = 8 - (unsigned)depth - (unsigned)(bit % 8);
    row[bit / 8] = (uint8_t)(row[bit / 8] | value << shift);
}

/* One pixel of random samples, and what they mean. */
static void random_pixel(ij_random *random, int colour_type, int depth, const png_color *palette, uint8_t *row,
                         size_t x, uint8_t rgb[3])
{
    size_t channels = colour_type == PNG_COLOR_TYPE_RGB          ? 3
                      : colour_type == PNG_COLOR_TYPE_RGB_ALPHA  ? 4
                      : colour_type == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                                                 : 1;
    unsigned value[4] = {0};
    for (size_t c = 0; c < channels; c++) {
        value[c] = ij_random_below(random, 1u << depth);
        put_sample(row, x * channels + c, depth, value[c]);
    }
    for (size_t c = 0; c < 3; c++) {
        unsigned v = value[channels > 2 ? c : 0];
        rgb[c] = (uint8_t)(depth == 16 ? v >> 8 : v * 255 / ((1u << depth) - 1));
    }
    if (colour_type == PNG_COLOR_TYPE_PALETTE) {
        rgb[0] = palette[value[0]].red;
        rgb[1] = palette[value[0]].green;
        rgb[2] = palette[value[0]].blue;
    }
}

uint8_t *picture_png(int width, int height, uint32_t seed, int colour_type, int depth, bool interlaced, uint8_t *rgb,
                     size_t *size)
{
    ij_random random;
    ij_random_start(&random, seed, IJ_STREAM_TEST, 2, 0);
    png_color palette[256];
    for (int i = 0; i < 256; i++) {
        uint32_t colour = ij_random_u32(&random);
        palette[i] = (png_color){(uint8_t)colour, (uint8_t)(colour >> 8), (uint8_t)(colour >> 16)};
    }
    size_t pitch = (size_t)width * 8;
    uint8_t *packed = calloc((size_t)height, pitch), **rows = calloc((size_t)height, sizeof *rows);
    require(packed && rows, "png");
    for (size_t y = 0; y < (size_t)height; y++) {
        rows[y] = packed + y * pitch;
        for (size_t x = 0; x < (size_t)width; x++)
            random_pixel(&random, colour_type, depth, palette, rows[y], x, rgb + (y * (size_t)width + x) * 3);
    }
    png_bytes bytes = {0};
    png_structp writer = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(writer);
    png_set_write_fn(writer, &bytes, append_png, NULL);
    png_set_IHDR(writer, info, (png_uint_32)width, (png_uint_32)height, depth, colour_type,
                 interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (colour_type == PNG_COLOR_TYPE_PALETTE) {
        png_set_PLTE(writer, info, palette, 1 << depth);
        png_set_tRNS(writer, info, (const uint8_t[]){0, 128}, 2, NULL);
    }
    png_set_rows(writer, info, rows);
    png_write_png(writer, info, PNG_TRANSFORM_IDENTITY, NULL);
    png_destroy_write_struct(&writer, &info);
    free(packed);
    free(rows);
    *size = bytes.size;
    return bytes.data;
}

#endif

/* ---- Files ------------------------------------------------------------------------------------------------------ */

char *scratch_folder(void)
{
    const char *root = getenv("TMPDIR");
    char path[512];
    snprintf(path, sizeof path, "%s/ijepa-test-XXXXXX", root && *root ? root : "/tmp");
    require(mkdtemp(path), path);
    char *copy = malloc(strlen(path) + 1);
    require(copy, "path");
    return strcpy(copy, path);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

void scratch_remove(const char *folder)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void scratch_write(const char *folder, const char *name, const void *bytes, size_t size)
{
    char path[2048];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(path, 0777);
    }
    FILE *file = fopen(path, "wb");
    require(file, path);
    require(fwrite(bytes, 1, size, file) == size, path);
    fclose(file);
}

void scratch_picture(const char *folder, const char *name, int width, int height, uint32_t seed)
{
    size_t size;
    uint8_t *bytes = picture_jpeg(width, height, seed, (picture_options){.horizontal = 2, .vertical = 2}, &size);
    scratch_write(folder, name, bytes, size);
    free(bytes);
}

uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    long length = ftell(file);
    rewind(file);
    uint8_t *bytes = malloc((size_t)length + 1);
    require(bytes, path);
    *size = fread(bytes, 1, (size_t)length, file);
    fclose(file);
    return bytes;
}
