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

static void require(bool condition, const char *what)
{
    if (condition)
        return;
    perror(what);
    abort();
}

/* ---- Pictures -----------------------------------------------------------------------------------------------------
 */

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

/* ---- Files --------------------------------------------------------------------------------------------------------
 */

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
