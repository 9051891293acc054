/* Times the image pipeline on one thread, stage by stage, against libjpeg-turbo decoding the whole image and nothing
 * else: on pictures of the size and weight of ImageNet's, on CIFAR-sized ones, or on a folder of your own.
 *
 *     bench_data [FOLDER [CROP]]
 *     bench_data --make FOLDER COUNT WIDTH HEIGHT     only makes the pictures, in a folder that exists */
#include "data/dataset.h"
#include "data/reader.h"
#include "engine/base/random.h"
#include "tests/images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jpeglib.h>

/* This thread's processor time: what else the machine does changes it little. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What every decoder of whole images does at least. */
static void decode_whole(const ij_bytes *bytes)
{
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&cinfo);
    jpeg_mem_src(&cinfo, bytes->data, (unsigned long)bytes->size);
    jpeg_read_header(&cinfo, TRUE);
    cinfo.out_color_space = JCS_RGB;
    jpeg_start_decompress(&cinfo);
    size_t pitch = (size_t)cinfo.output_width * 3;
    uint8_t *pixels = malloc(pitch * cinfo.output_height);
    while (cinfo.output_scanline < cinfo.output_height) {
        JSAMPROW row = pixels + cinfo.output_scanline * pitch;
        jpeg_read_scanlines(&cinfo, &row, 1);
    }
    jpeg_finish_decompress(&cinfo);
    jpeg_destroy_decompress(&cinfo);
    free(pixels);
}

static double time_whole(const ij_dataset *dataset, int rounds)
{
    double seconds = 0;
    ij_bytes bytes = {0};
    for (int round = 0; round < rounds; round++)
        for (int64_t i = 0; i < ij_dataset_count(dataset); i++) {
            if (ij_dataset_read(dataset, i, &bytes))
                continue;
            double start = now();
            decode_whole(&bytes);
            seconds += now() - start;
        }
    ij_bytes_free(&bytes);
    return rounds * (double)ij_dataset_count(dataset) / seconds;
}

/* Images a second of training crops, reading the files included. */
static double time_reader(const ij_dataset *dataset, int rounds, int crop, ij_decode_mode mode, bool transforms,
                          bool stages)
{
    ij_augment_config augment = {.scale = {0.3, 1}, .ratio = {3.0 / 4, 4.0 / 3}};
    if (transforms) { /* the official ones, all on */
        augment.flip = augment.blur = 0.5;
        augment.jitter = 0.8;
        augment.strength = 1;
        augment.grey = 0.2;
    }
    uint8_t *pixels = malloc((size_t)crop * (size_t)crop * 3);
    ij_reader *reader;
    if (!pixels || ij_reader_create(&reader, 0, stages))
        exit(1);
    double start = now();
    for (int round = 0; round < rounds; round++)
        for (int64_t i = 0; i < ij_dataset_count(dataset); i++) {
            ij_random random;
            ij_random_start(&random, 1, IJ_STREAM_AUGMENT, (uint64_t)round, (uint32_t)i);
            if (ij_reader_train(reader, dataset, i, &augment, mode, &random, crop, pixels))
                fprintf(stderr, "%s\n", ij_error());
        }
    double seconds = now() - start;
    ij_reader_times t = ij_reader_elapsed(reader);
    if (stages)
        printf("    microseconds an image: read %.1f  decode %.1f  resize %.1f  augment %.1f\n",
               1e6 * t.read / (double)t.images, 1e6 * t.decode / (double)t.images, 1e6 * t.resize / (double)t.images,
               1e6 * t.augment / (double)t.images);
    ij_reader_destroy(reader);
    free(pixels);
    return rounds * (double)ij_dataset_count(dataset) / seconds;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* The best of several turns, taken alternately so that a busy machine slows all alike. */
static void bench(const char *title, const char *folder, int crop, int rounds)
{
    ij_dataset *dataset;
    if (ij_dataset_open(&dataset, folder)) {
        fprintf(stderr, "%s\n", ij_error());
        exit(1);
    }
    double whole = 0, exact = 0, fast = 0, all = 0;
    for (int turn = 0; turn < 5; turn++) {
        whole = larger(whole, time_whole(dataset, rounds));
        exact = larger(exact, time_reader(dataset, rounds, crop, IJ_DECODE_EXACT, false, false));
        fast = larger(fast, time_reader(dataset, rounds, crop, IJ_DECODE_FAST, false, false));
        all = larger(all, time_reader(dataset, rounds, crop, IJ_DECODE_FAST, true, false));
    }
    printf("%s, crops of %d, one thread, images/s\n", title, crop);
    printf("  whole image decoded %8.0f\n", whole);
    printf("  exact               %8.0f   %.2fx\n", exact, exact / whole);
    time_reader(dataset, rounds, crop, IJ_DECODE_EXACT, false, true);
    printf("  fast                %8.0f   %.2fx\n", fast, fast / whole);
    time_reader(dataset, rounds, crop, IJ_DECODE_FAST, false, true);
    printf("  fast, all transforms%7.0f   %.2fx\n", all, all / whole);
    time_reader(dataset, rounds, crop, IJ_DECODE_FAST, true, true);
    ij_dataset_close(dataset);
}

static void generate(const char *folder, int width, int height, uint32_t count)
{
    double bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        picture_options options = {.quality = 85 + (int)(i % 11)};
        options.horizontal = options.vertical = i % 3 ? 2 : 1;
        char name[32];
        size_t size;
        uint8_t *jpeg = picture_jpeg(width, height, i, options, &size);
        snprintf(name, sizeof name, "%u/%04u.jpg", i % 10, i);
        scratch_write(folder, name, jpeg, size);
        bytes += (double)size;
        free(jpeg);
    }
    printf("%u pictures of %dx%d, %.0f bytes each\n", count, width, height, bytes / count);
}

int main(int count, char **argument)
{
    if (count == 6 && !strcmp(argument[1], "--make")) {
        generate(argument[2], atoi(argument[4]), atoi(argument[5]), (uint32_t)atoi(argument[3]));
        return 0;
    }
    if (count > 1) {
        bench(argument[1], argument[1], count > 2 ? atoi(argument[2]) : 224, 1);
        return 0;
    }
    char *large = scratch_folder(), *small = scratch_folder();
    generate(large, 500, 375, 200);
    bench("500x375", large, 224, 1);
    generate(small, 32, 32, 2000);
    bench("32x32", small, 32, 1);
    scratch_remove(large);
    scratch_remove(small);
    free(large);
    free(small);
    return 0;
}
