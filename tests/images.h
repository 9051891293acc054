/* Images for tests: pictures made of waves and noise, written as JPEGs of every kind into a temporary folder. */
#ifndef IJ_TESTS_IMAGES_H
#define IJ_TESTS_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum picture_kind { PICTURE_RGB, PICTURE_GREY, PICTURE_CMYK, PICTURE_YCCK } picture_kind;

typedef struct picture_options {
    picture_kind kind;
    int quality;              /* 1 .. 100 */
    int horizontal, vertical; /* chroma subsampling: 1, 2 or 4 */
    bool progressive, arithmetic;
} picture_options;

/* Pixels [height, width, 3] that look a little like a photograph: smooth shapes, edges and fine noise. The caller
 * frees. */
uint8_t *picture_pixels(int width, int height, uint32_t seed);

/* An encoded picture; the caller frees. */
uint8_t *picture_jpeg(int width, int height, uint32_t seed, picture_options options, size_t *size);

#ifdef IJ_HAVE_PNG
/* A PNG of random samples, of libpng's colour type and bit depth; the caller frees. `rgb` [height, width, 3] is what
 * Pillow's convert("RGB") makes of it: alpha dropped, 16 bits cut to the upper 8, shallow greys stretched. */
uint8_t *picture_png(int width, int height, uint32_t seed, int colour_type, int depth, bool interlaced, uint8_t *rgb,
                     size_t *size);
#endif

/* A new empty folder below TMPDIR or /tmp; the caller frees the name. */
char *scratch_folder(void);
/* Removes it with everything inside. */
void scratch_remove(const char *folder);

/* Writes bytes to folder/name, making the folders between. */
void scratch_write(const char *folder, const char *name, const void *bytes, size_t size);
/* Writes an ordinary 4:2:0 JPEG. */
void scratch_picture(const char *folder, const char *name, int width, int height, uint32_t seed);

/* A whole file; the caller frees. NULL where it cannot be read. */
uint8_t *read_file(const char *path, size_t *size);

#endif
