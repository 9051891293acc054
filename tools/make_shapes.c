/* Draws a small data set whose low-level facts are known: coloured shapes on a plain ground, with how many there are,
 * how far the two nearest are apart and where the red disc is, as a table (CSV) for `ijepa eval --target`. The same
 * seed gives the same pixels before compression and the same table. */
#include "engine/base/random.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jpeglib.h>

static const char usage[] =
    "usage: make_shapes OUT [--train N] [--test N] [--size S] [--seed N]\n"
    "\n"
    "Draws N training (4000) and test images (1000) of S x S pixels (64) into the new folder OUT, and the tables\n"
    "OUT/train.csv and OUT/test.csv with the columns\n"
    "  path      of the image, relative to the table's folder\n"
    "  count     shapes in it, 2 to 9: discs, squares and triangles of any colour\n"
    "  distance  of the two nearest shapes' centres, in image sides\n"
    "  x, y      the centre of the red disc, of which there is one in each image, in image sides from the upper left\n";

enum { FEWEST = 2, MOST = 9, SAMPLES = 4 }; /* shapes; points a pixel's side, for smooth edges */

typedef enum kind { DISC, SQUARE, TRIANGLE, KINDS } kind;

typedef struct shape {
    kind kind;
    double x, y, radius; /* in image sides */
    uint8_t colour[3];
} shape;

typedef struct scene {
    int count;
    shape shape[MOST]; /* the first is the red disc */
    uint8_t ground[3];
    double distance;
} scene;

typedef struct options {
    const char *out;
    long train, test, size, seed;
} options;

/* ---- Scenes ------------------------------------------------------------------------------------------------------ */

static double nearest(const scene *s, const shape *to, int besides)
{
    double best = 2;
    for (int i = 0; i < s->count; i++)
        if (i != besides)
            best = fmin(best, hypot(s->shape[i].x - to->x, s->shape[i].y - to->y));
    return best;
}

/* Any colour but one that is nearly red. */
static void draw_colour(ij_random *r, uint8_t colour[3])
{
    do
        for (int c = 0; c < 3; c++)
            colour[c] = (uint8_t)ij_random_below(r, 256);
    while (colour[0] > 160 && colour[1] < 90 && colour[2] < 90);
}

static shape draw_shape(ij_random *r, const scene *s)
{
    shape new = {.kind = s->count ? (kind)ij_random_below(r, KINDS) : DISC};
    new.radius = 0.05 + 0.03 * (double)ij_random_uniform(r);
    draw_colour(r, new.colour);
    for (int try = 0; try < 200; try++) { /* not onto another one, where there is room */
        new.x = 0.1 + 0.8 * (double)ij_random_uniform(r);
        new.y = 0.1 + 0.8 * (double)ij_random_uniform(r);
        if (nearest(s, &new, -1) > 0.13)
            break;
    }
    return new;
}

static scene draw_scene(uint64_t seed, int64_t image, uint32_t part)
{
    ij_random r;
    scene s = {.distance = 2};
    ij_random_start(&r, seed, IJ_STREAM_SHAPES, (uint64_t)image, part);
    int count = FEWEST + (int)ij_random_below(&r, MOST - FEWEST + 1);
    for (int c = 0; c < 3; c++)
        s.ground[c] = (uint8_t)(200 + ij_random_below(&r, 56));
    while (s.count < count) {
        shape new = draw_shape(&r, &s);
        if (!s.count)
            memcpy(new.colour, (uint8_t[]){230, 20, 20}, 3);
        s.shape[s.count++] = new;
    }
    for (int i = 0; i < s.count; i++)
        s.distance = fmin(s.distance, nearest(&s, &s.shape[i], i));
    return s;
}

static bool covers(const shape *s, double x, double y)
{
    double dx = x - s->x, dy = y - s->y, r = s->radius;
    switch (s->kind) {
    case DISC:
        return dx * dx + dy * dy <= r * r;
    case SQUARE:
        return fabs(dx) <= r && fabs(dy) <= r;
    default: /* its point up */
        return dy <= r && fabs(dx) <= (dy + r) / 2;
    }
}

static void paint(const scene *s, int size, uint8_t *pixels)
{
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            int sum[3] = {0};
            for (int i = 0; i < SAMPLES * SAMPLES; i++) {
                double px = (x + (i % SAMPLES + 0.5) / SAMPLES) / size;
                double py = (y + (i / SAMPLES + 0.5) / SAMPLES) / size;
                const uint8_t *colour = s->ground;
                for (int k = 0; k < s->count; k++) /* later ones lie above */
                    colour = covers(&s->shape[k], px, py) ? s->shape[k].colour : colour;
                for (int c = 0; c < 3; c++)
                    sum[c] += colour[c];
            }
            for (int c = 0; c < 3; c++)
                pixels[3 * (y * size + x) + c] = (uint8_t)((sum[c] + SAMPLES * SAMPLES / 2) / (SAMPLES * SAMPLES));
        }
}

/* ---- Files ------------------------------------------------------------------------------------------------------- */

static int failed(const char *path)
{
    fprintf(stderr, "make_shapes: cannot write %s: %s\n", path, strerror(errno));
    return 1;
}

/* Quality 95 with colours at full resolution. libjpeg ends the program itself where something fails within it. */
static int write_jpeg(const char *path, uint8_t *pixels, int size)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        return failed(path);
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, file);
    jpeg.image_width = jpeg.image_height = (JDIMENSION)size;
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 95, TRUE);
    jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = 1;
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < jpeg.image_height) {
        JSAMPROW row = pixels + (size_t)jpeg.next_scanline * 3 * (size_t)size;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    return fclose(file) ? failed(path) : 0;
}

static int make_folder(const char *path)
{
    return mkdir(path, 0777) ? failed(path) : 0;
}

static int make_part(const options *o, const char *name, long images, uint32_t part)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", o->out, name);
    if (make_folder(path))
        return 1;
    snprintf(path, sizeof path, "%s/%s.csv", o->out, name);
    FILE *table = fopen(path, "w");
    uint8_t *pixels = malloc((size_t)o->size * (size_t)o->size * 3);
    if (!table || !pixels) {
        free(pixels);
        return failed(path);
    }
    fputs("path,count,distance,x,y\n", table);
    int status = 0;
    for (long i = 0; i < images && !status; i++) {
        scene s = draw_scene((uint64_t)o->seed, i, part);
        paint(&s, (int)o->size, pixels);
        fprintf(table, "%s/%06ld.jpg,%d,%.6f,%.6f,%.6f\n", name, i, s.count, s.distance, s.shape[0].x, s.shape[0].y);
        snprintf(path, sizeof path, "%s/%s/%06ld.jpg", o->out, name, i);
        status = write_jpeg(path, pixels, (int)o->size);
    }
    free(pixels);
    return fclose(table) && !status ? failed(path) : status;
}

/* ---- Command line ------------------------------------------------------------------------------------------------ */

static bool read_options(options *o, int argc, char **argv)
{
    const struct {
        const char *name;
        long least, most, *value;
    } numbers[] = {{"--train", 1, 1000000, &o->train},
                   {"--test", 1, 1000000, &o->test},
                   {"--size", 16, 4096, &o->size},
                   {"--seed", 0, 1000000000, &o->seed}};
    *o = (options){.train = 4000, .test = 1000, .size = 64};
    for (int i = 1; i < argc; i++) {
        size_t k = 0;
        while (k < sizeof numbers / sizeof *numbers && strcmp(argv[i], numbers[k].name))
            k++;
        if (k < sizeof numbers / sizeof *numbers) {
            char *end = NULL;
            *numbers[k].value = ++i < argc ? strtol(argv[i], &end, 10) : 0;
            if (!end || end == argv[i] || *end || *numbers[k].value < numbers[k].least ||
                *numbers[k].value > numbers[k].most)
                return false;
        } else if (argv[i][0] == '-' || o->out)
            return false;
        else
            o->out = argv[i];
    }
    return o->out != NULL;
}

int main(int argc, char **argv)
{
    options o;
    if (argc == 2 && !strcmp(argv[1], "--help")) {
        fputs(usage, stdout);
        return 0;
    }
    if (!read_options(&o, argc, argv)) {
        fputs(usage, stderr);
        return 2;
    }
    if (make_folder(o.out) || make_part(&o, "train", o.train, 0) || make_part(&o, "test", o.test, 1))
        return 1;
    printf("%ld training and %ld test images of %ld x %ld pixels in %s\n", o.train, o.test, o.size, o.size, o.out);
    return 0;
}
