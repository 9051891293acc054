/* Turns a labelled set of grey images in IDX files (MNIST, Fashion-MNIST; gzip or plain) into JPEG files in class
 * folders, which is what training reads. The IDX format: http://yann.lecun.com/exdb/mnist. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <sys/stat.h>
#include <zlib.h>

static const char usage[] =
    "usage: idx2jpeg [--quality Q] [--limit N] [--names A,B,...] IMAGES LABELS FOLDER\n"
    "\n"
    "Writes every image of the IDX file IMAGES (gzip or plain) to FOLDER/CLASS/NUMBER.jpg, its class taken from the\n"
    "IDX file LABELS. FOLDER is made where it is missing.\n"
    "\n"
    "  --quality Q   JPEG quality 1 to 100 (default 95)\n"
    "  --limit N     at most N images of each class (default: all)\n"
    "  --names A,B   names of the classes 0, 1, ... (default: their numbers)\n";

enum { CLASSES = 256, NAME_BYTES = 64 };

typedef struct options {
    int quality;
    long limit;
    char names[CLASSES][NAME_BYTES];
    const char *images, *labels, *folder;
} options;

/* ---- IDX ---------------------------------------------------------------------------------------------------------*/

/* Bytes of an IDX file of unsigned bytes: n entries of rows x columns (labels: 1 x 1). */
typedef struct idx {
    const char *path;
    uint32_t n, rows, columns;
    unsigned char *data;
} idx;

static bool complain(const char *path, const char *what)
{
    fprintf(stderr, "idx2jpeg: %s: %s\n", path, what);
    return false;
}

static bool read_exactly(gzFile in, void *data, size_t bytes)
{
    unsigned char *p = data;
    while (bytes > 0) {
        unsigned part = bytes < 1 << 20 ? (unsigned)bytes : 1 << 20;
        int n = gzread(in, p, part);
        if (n <= 0)
            return false;
        p += n;
        bytes -= (size_t)n;
    }
    return true;
}

/* Magic 00 00 08 (unsigned bytes), the number of dimensions, then each dimension, big-endian. */
static bool read_header(gzFile in, int dims, idx *x)
{
    unsigned char h[16];
    uint32_t size[3] = {0, 1, 1};
    if (!read_exactly(in, h, 4 + 4 * (size_t)dims) || h[0] != 0 || h[1] != 0 || h[2] != 8 || h[3] != dims)
        return false;
    for (int i = 0; i < dims; i++)
        size[i] = (uint32_t)h[4 + 4 * i] << 24 | (uint32_t)h[5 + 4 * i] << 16 | (uint32_t)h[6 + 4 * i] << 8 |
                  (uint32_t)h[7 + 4 * i];
    x->n = size[0];
    x->rows = size[1];
    x->columns = size[2];
    return x->n > 0 && x->rows > 0 && x->columns > 0 && x->rows <= 4096 && x->columns <= 4096;
}

static bool read_idx(const char *path, int dims, idx *x)
{
    *x = (idx){.path = path};
    gzFile in = gzopen(path, "rb");
    if (!in)
        return complain(path, strerror(errno));
    bool good = read_header(in, dims, x);
    size_t bytes = good ? (size_t)x->n * x->rows * x->columns : 0;
    x->data = good ? malloc(bytes) : NULL;
    if (!good)
        complain(path, dims == 3 ? "not an IDX file of images" : "not an IDX file of labels");
    else if (!x->data)
        good = complain(path, "too large for the memory");
    else if (!read_exactly(in, x->data, bytes))
        good = complain(path, "cut short or damaged");
    gzclose(in);
    return good;
}

/* ---- JPEG --------------------------------------------------------------------------------------------------------*/

/* One grey image as a JPEG in memory that the caller frees; libjpeg itself ends the program where memory runs out. */
static void encode(const unsigned char *pixels, const idx *images, int quality, unsigned char **jpeg,
                   unsigned long *bytes)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    *jpeg = NULL;
    *bytes = 0;
    jpeg_mem_dest(&c, jpeg, bytes);
    c.image_width = images->columns;
    c.image_height = images->rows;
    c.input_components = 1;
    c.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, quality, TRUE);
    jpeg_start_compress(&c, TRUE);
    while (c.next_scanline < c.image_height) {
        JSAMPROW row = (JSAMPROW)(pixels + (size_t)c.next_scanline * images->columns); /* only read */
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
}

static bool write_file(const char *path, const unsigned char *data, size_t bytes)
{
    FILE *out = fopen(path, "wb");
    if (!out)
        return complain(path, strerror(errno));
    bool written = fwrite(data, 1, bytes, out) == bytes;
    if (fclose(out) != 0 || !written)
        return complain(path, strerror(errno));
    return true;
}

static bool make_folder(const char *path)
{
    return mkdir(path, 0777) == 0 || errno == EEXIST || complain(path, strerror(errno));
}

static bool write_images(const options *o, const idx *images, const idx *labels)
{
    long written[CLASSES] = {0}, total = 0;
    char path[PATH_MAX];
    if (!make_folder(o->folder))
        return false;
    for (uint32_t i = 0; i < images->n; i++) {
        int class = labels->data[i];
        if (o->limit > 0 && written[class] == o->limit)
            continue;
        snprintf(path, sizeof path, "%s/%s", o->folder, o->names[class]);
        if (written[class]++ == 0 && !make_folder(path))
            return false;
        snprintf(path, sizeof path, "%s/%s/%05lu.jpg", o->folder, o->names[class], (unsigned long)i);
        unsigned char *jpeg;
        unsigned long bytes;
        encode(images->data + (size_t)i * images->rows * images->columns, images, o->quality, &jpeg, &bytes);
        bool good = write_file(path, jpeg, bytes);
        free(jpeg);
        if (!good)
            return false;
        total++;
    }
    printf("%s: %ld images of %u x %u pixels\n", o->folder, total, images->columns, images->rows);
    return true;
}

/* ---- Command line ------------------------------------------------------------------------------------------------*/

static bool parse_number(const char *option, const char *text, long lowest, long highest, long *value)
{
    char *end;
    *value = strtol(text, &end, 10);
    if (end != text && !*end && *value >= lowest && *value <= highest)
        return true;
    fprintf(stderr, "idx2jpeg: --%s is a number from %ld to %ld, not \"%s\"\n", option, lowest, highest, text);
    return false;
}

static bool parse_names(const char *list, options *o)
{
    for (int i = 0; i < CLASSES && *list; i++) {
        size_t length = strcspn(list, ",");
        if (length == 0 || length >= NAME_BYTES || memchr(list, '/', length) || list[0] == '.') {
            fprintf(stderr, "idx2jpeg: --names: name %d is empty, too long or no folder name\n", i);
            return false;
        }
        memcpy(o->names[i], list, length);
        o->names[i][length] = '\0';
        list += length + (list[length] == ',');
    }
    return true;
}

/* The exit status where there is nothing more to do, else -1. */
static int parse(int argc, char **argv, options *o)
{
    static const struct option known[] = {{"quality", required_argument, NULL, 'q'},
                                          {"limit", required_argument, NULL, 'l'},
                                          {"names", required_argument, NULL, 'n'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    long quality = 95;
    for (int i = 0; i < CLASSES; i++)
        snprintf(o->names[i], NAME_BYTES, "%d", i);
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        bool good = option == 'q'   ? parse_number("quality", optarg, 1, 100, &quality)
                    : option == 'l' ? parse_number("limit", optarg, 1, LONG_MAX, &o->limit)
                    : option == 'n' ? parse_names(optarg, o)
                                    : option == 'h';
        if (option == 'h')
            fputs(usage, stdout);
        if (!good || option == 'h')
            return good ? 0 : 2;
    }
    if (argc - optind != 3) {
        fputs(usage, stderr);
        return 2;
    }
    o->quality = (int)quality;
    o->images = argv[optind];
    o->labels = argv[optind + 1];
    o->folder = argv[optind + 2];
    return -1;
}

int main(int argc, char **argv)
{
    options o = {0};
    int status = parse(argc, argv, &o);
    if (status >= 0)
        return status;
    idx images = {0}, labels = {0};
    bool good = read_idx(o.images, 3, &images) && read_idx(o.labels, 1, &labels);
    if (good && images.n != labels.n)
        good = complain(o.labels, "has another number of entries than the images");
    if (good)
        good = write_images(&o, &images, &labels);
    free(images.data);
    free(labels.data);
    return good ? 0 : 1;
}
