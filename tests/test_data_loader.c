/* The loader: batches that do not depend on the number of threads, every image once an epoch, bad images replaced and
 * named, too many of them an error, a clean stop at any moment, and the evaluation transform. */
#include "data/loader.h"
#include "tests/images.h"
#include "tests/shards.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { IMAGES = 60, BATCH = 8, CROP = 32 };

static char *folder;
static ij_dataset *dataset;

static int make_dataset(void **state)
{
    (void)state;
    folder = scratch_folder();
    setenv("IJEPA_CACHE", "off", 1);
    for (uint32_t i = 0; i < IMAGES; i++) {
        char name[64];
        snprintf(name, sizeof name, "class%u/%03u.jpg", i % 3, i);
        scratch_picture(folder, name, 40 + (int)i, 90 - (int)i, i);
    }
    return ij_dataset_open(&dataset, folder) == IJ_OK ? 0 : -1;
}

static int remove_dataset(void **state)
{
    (void)state;
    ij_dataset_close(dataset);
    scratch_remove(folder);
    free(folder);
    return 0;
}

static void path_of(int64_t sample, char path[1024])
{
    ij_dataset_path(dataset, sample, path, 1024);
}

/* Leaves the first half of the sample's file. */
static void truncate_sample(int64_t sample)
{
    char path[1024];
    size_t size;
    path_of(sample, path);
    uint8_t *bytes = read_file(path, &size);
    assert_non_null(bytes);
    free(bytes);
    assert_int_equal(truncate(path, (off_t)(size / 2)), 0);
}

static ij_loader_config configure(int workers)
{
    ij_loader_config c = ij_loader_defaults();
    c.dataset = dataset;
    c.batch = BATCH;
    c.crop = CROP;
    c.augment.flip = c.augment.jitter = c.augment.strength = c.augment.grey = c.augment.blur = 0.5;
    c.seed = 42;
    c.workers = workers;
    c.mask = (ij_mask_config){.side = 8,
                              .n_context = 1,
                              .n_target = 4,
                              .enc_scale = {0.85, 1},
                              .pred_scale = {0.15, 0.2},
                              .aspect = {0.75, 1.5},
                              .min_keep = 4};
    return c;
}

static ij_loader *open_loader(const ij_loader_config *config)
{
    ij_loader *loader;
    if (ij_loader_open(&loader, config))
        fail_msg("%s", ij_error());
    return loader;
}

static ij_batch make_batch(const ij_loader_config *c)
{
    ij_batch b = {
        .images = c->batch, .crop = c->crop, .contexts = c->mask.n_context, .targets = ij_mask_target_sets(&c->mask)};
    ij_mask_bounds(&c->mask, &b.context_capacity, &b.target_capacity);
    size_t images = (size_t)b.images;
    b.pixels = calloc(images, (size_t)b.crop * (size_t)b.crop * 3);
    b.context = calloc(images * (size_t)b.contexts * (size_t)b.context_capacity, sizeof(int32_t));
    b.context_offset = calloc(images * (size_t)b.contexts + 1, sizeof(int32_t));
    b.target = calloc(images * (size_t)b.targets * (size_t)b.target_capacity, sizeof(int32_t));
    assert_true(b.pixels && b.context && b.context_offset && b.target);
    return b;
}

static void free_batch(ij_batch *b)
{
    free(b->pixels);
    free(b->context);
    free(b->context_offset);
    free(b->target);
}

static void load(ij_loader *loader, int64_t number, ij_batch *batch)
{
    if (ij_loader_begin(loader, number, batch) || ij_loader_finish(loader))
        fail_msg("batch %lld: %s", (long long)number, ij_error());
}

static void same_batch(const ij_batch *a, const ij_batch *b)
{
    int contexts = a->contexts * a->images;
    assert_memory_equal(a->pixels, b->pixels, (size_t)a->images * CROP * CROP * 3);
    assert_int_equal(a->target_length, b->target_length);
    assert_memory_equal(a->target, b->target, (size_t)(a->targets * a->images * a->target_length) * sizeof(int32_t));
    assert_memory_equal(a->context_offset, b->context_offset, (size_t)(contexts + 1) * sizeof(int32_t));
    assert_memory_equal(a->context, b->context, (size_t)a->context_offset[contexts] * sizeof(int32_t));
}

static void test_threads_change_nothing(void **state)
{
    (void)state;
    for (int mode = IJ_DECODE_FAST; mode <= IJ_DECODE_EXACT; mode++) {
        ij_loader_config one = configure(1), four = configure(4);
        one.decode = four.decode = (ij_decode_mode)mode;
        if (mode == IJ_DECODE_EXACT) { /* and the other sampler's masks */
            one.mask.sampler = four.mask.sampler = IJ_MASK_SCATTER;
            one.mask.joint = four.mask.joint = true;
            one.mask.scatter = four.mask.scatter = (ij_mask_scatter){2, 32, 20};
        }
        ij_loader *a = open_loader(&one), *b = open_loader(&four);
        assert_int_equal(ij_loader_workers(b), 4);
        ij_batch x = make_batch(&one), y = make_batch(&four);
        for (int64_t n = 0; n < 3 * ij_loader_batches_per_epoch(a); n++) {
            load(a, n, &x);
            load(b, n, &y);
            same_batch(&x, &y);
            for (int i = 0; i < BATCH; i++)
                assert_int_equal(ij_loader_sample(a, i), ij_loader_sample(b, i));
        }
        assert_int_equal(ij_loader_bad_count(a), 0);
        free_batch(&x);
        free_batch(&y);
        ij_loader_close(a);
        ij_loader_close(b);
    }
}

static void test_resumes_at_any_batch(void **state)
{
    (void)state;
    ij_loader_config c = configure(2);
    ij_loader *a = open_loader(&c), *b = open_loader(&c);
    ij_batch x = make_batch(&c), y = make_batch(&c);
    for (int64_t n = 0; n <= 17; n++)
        load(a, n, &x);
    load(b, 17, &y);
    same_batch(&x, &y);
    c.seed++;
    ij_loader *other = open_loader(&c);
    load(other, 17, &y);
    assert_memory_not_equal(x.pixels, y.pixels, BATCH * CROP * CROP * 3);
    free_batch(&x);
    free_batch(&y);
    ij_loader_close(a);
    ij_loader_close(b);
    ij_loader_close(other);
}

/* An epoch shows every image at most once, leaves out less than a batch, and the next is ordered anew. */
static void test_epochs(void **state)
{
    (void)state;
    ij_loader_config c = configure(2);
    ij_loader *loader = open_loader(&c);
    ij_batch batch = make_batch(&c);
    int64_t per_epoch = ij_loader_batches_per_epoch(loader), order[2][IMAGES];
    assert_int_equal(per_epoch, IMAGES / BATCH);
    for (int epoch = 0; epoch < 2; epoch++) {
        bool seen[IMAGES] = {false};
        for (int64_t n = 0; n < per_epoch; n++) {
            load(loader, epoch * per_epoch + n, &batch);
            for (int i = 0; i < BATCH; i++) {
                int64_t sample = ij_loader_sample(loader, i);
                assert_false(seen[sample]);
                seen[sample] = true;
                order[epoch][n * BATCH + i] = sample;
            }
        }
    }
    assert_memory_not_equal(order[0], order[1], sizeof order[0] / 2);
    free_batch(&batch);
    ij_loader_close(loader);
}

/* Pixels of some images of a batch are those that the whole batch has there, beside the masks of all. */
static void test_parts(void **state)
{
    (void)state;
    ij_loader_config c = configure(2);
    ij_loader *loader = open_loader(&c);
    ij_batch whole = make_batch(&c), part = make_batch(&c);
    const size_t image = (size_t)CROP * CROP * 3;
    for (int first = 0; first < BATCH; first += 3) {
        load(loader, 2, &whole);
        int64_t sample = ij_loader_sample(loader, first);
        part.first = first;
        part.own = BATCH - first < 3 ? BATCH - first : 3;
        memset(part.pixels, 0xa5, BATCH * image);
        load(loader, 2, &part);
        assert_int_equal(ij_loader_sample(loader, first), sample);
        assert_memory_equal(part.pixels, whole.pixels + (size_t)first * image, (size_t)part.own * image);
        for (size_t i = (size_t)part.own * image; i < BATCH * image; i++)
            assert_int_equal(part.pixels[i], 0xa5);
        assert_memory_equal(part.context_offset, whole.context_offset, (BATCH + 1) * sizeof(int32_t));
        assert_memory_equal(part.context, whole.context, (size_t)whole.context_offset[BATCH] * sizeof(int32_t));
        assert_int_equal(part.target_length, whole.target_length);
    }
    part.first = BATCH - 1;
    part.own = 2;
    assert_int_equal(ij_loader_begin(loader, 3, &part), IJ_EINVAL);
    free_batch(&whole);
    free_batch(&part);
    ij_loader_close(loader);
}

static void test_bad_images(void **state)
{
    (void)state;
    char path[1024];
    truncate_sample(5);
    path_of(17, path);
    unlink(path);
    path_of(40, path);
    scratch_write("", path + 1, "<html>404</html>", 16);
    ij_loader_config one = configure(1), four = configure(4);
    one.max_bad_share = four.max_bad_share = 0.05; /* exactly 3 of 60 */
    ij_loader *a = open_loader(&one), *b = open_loader(&four);
    ij_batch x = make_batch(&one), y = make_batch(&four);
    for (int64_t n = 0; n < 4 * ij_loader_batches_per_epoch(a); n++) {
        memset(x.pixels, 0, BATCH * CROP * CROP * 3);
        load(a, n, &x);
        load(b, n, &y);
        same_batch(&x, &y);
        for (int i = 0; i < BATCH; i++) {
            int64_t sample = ij_loader_sample(a, i);
            assert_true(sample != 5 && sample != 17 && sample != 40);
        }
    }
    assert_int_equal(ij_loader_bad_count(a), 3);
    assert_int_equal(ij_loader_bad_count(b), 3);
    for (int64_t i = 0; i < 3; i++) {
        ij_bad_image bad = ij_loader_bad(a, i);
        assert_int_equal(bad.sample, ij_loader_bad(b, i).sample);
        assert_string_equal(bad.reason, ij_loader_bad(b, i).reason);
        const char *expected = bad.sample == 5 ? "truncated" : bad.sample == 17 ? "No such file" : "HTML";
        assert_non_null(strstr(bad.reason, expected));
    }
    int64_t samples[2] = {5, 6};
    bool readable[2];
    uint8_t *pixels = malloc(2 * CROP * CROP * 3);
    memset(pixels, 0xA5, 2 * CROP * CROP * 3);
    assert_int_equal(ij_loader_eval(a, samples, 2, CROP, IJ_FIT_SHORTER, pixels, readable), IJ_OK);
    assert_true(!readable[0] && readable[1]);
    for (int i = 0; i < CROP * CROP * 3; i++)
        assert_int_equal(pixels[i], 0);
    free(pixels);
    free_batch(&x);
    free_batch(&y);
    ij_loader_close(a);
    ij_loader_close(b);
}

/* Claims 65000 x 65000 pixels in the JPEG's frame header. */
static void make_gigantic(const char *path)
{
    size_t size, at = 0;
    uint8_t *bytes = read_file(path, &size);
    while (!(bytes[at] == 0xFF && bytes[at + 1] == 0xC0))
        at++;
    for (size_t i = 5; i < 9; i += 2) {
        bytes[at + i] = 65000 >> 8;
        bytes[at + i + 1] = 65000 & 0xFF;
    }
    scratch_write("", path + 1, bytes, size);
    free(bytes);
}

/* One file of each kind that people's folders hold or that goes bad in the middle of a run, and what is said of it. */
static const char *const kinds[] = {"truncated", "empty file",   "damaged",      "more than the limit",
                                    "HTML",      "No such file", "not a regular"};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static void spoil(int64_t sample, int kind)
{
    char path[1024];
    path_of(sample, path);
    if (kind == 0)
        truncate_sample(sample);
    else if (kind == 1)
        assert_int_equal(truncate(path, 0), 0);
    else if (kind == 2)
        scratch_write("", path + 1, "\xFF\xD8\xFF\xDB\x00\x02\xFF\xC0 and no more", 20);
    else if (kind == 3)
        make_gigantic(path);
    else if (kind == 4)
        scratch_write("", path + 1, "<html>404</html>", 16);
    else
        unlink(path);
    if (kind == 6)
        assert_int_equal(mkfifo(path, 0600), 0);
}

static void test_every_kind_of_bad_image(void **state)
{
    (void)state;
    ij_loader_config c = configure(3);
    c.max_bad_share = 0.2;
    ij_loader *loader = open_loader(&c);
    ij_batch batch = make_batch(&c);
    int64_t per_epoch = ij_loader_batches_per_epoch(loader);
    for (int64_t n = 0; n < 6 * per_epoch; n++) {
        if (n == 2) /* while training */
            for (int kind = 0; kind < KINDS; kind++)
                spoil(7 * kind + 3, kind);
        load(loader, n, &batch);
        for (int i = 0; i < BATCH && n >= 2; i++) {
            int64_t sample = ij_loader_sample(loader, i);
            assert_true(sample % 7 != 3 || sample / 7 >= KINDS);
        }
    }
    bool named[KINDS] = {false};
    assert_int_equal(ij_loader_bad_count(loader), KINDS);
    for (int64_t i = 0; i < KINDS; i++) {
        ij_bad_image bad = ij_loader_bad(loader, i);
        int kind = (int)(bad.sample / 7);
        assert_true(bad.sample % 7 == 3 && !named[kind]);
        named[kind] = true;
        if (!strstr(bad.reason, kinds[kind]))
            fail_msg("kind %d: \"%s\" does not say \"%s\"", kind, bad.reason, kinds[kind]);
    }
    ij_loader_close(loader);
    c.max_pixels = 100;
    loader = open_loader(&c);
    assert_int_equal(ij_loader_begin(loader, 0, &batch), IJ_OK);
    assert_int_equal(ij_loader_finish(loader), IJ_EFORMAT);
    assert_non_null(strstr(ij_error(), "more than the limit of 100"));
    ij_loader_close(loader);
    free_batch(&batch);
}

/* "11 of the first 4 images" cannot be: replacements have been seen, too. */
static void test_counts_of_bad_images(void **state)
{
    (void)state;
    for (int64_t sample = 0; sample < IMAGES; sample++)
        if (sample % 10)
            truncate_sample(sample);
    ij_loader_config c = configure(1);
    c.batch = 4;
    c.max_bad_share = 0;
    ij_loader *loader = open_loader(&c);
    ij_batch batch = make_batch(&c);
    long long bad, seen;
    assert_int_equal(ij_loader_begin(loader, 0, &batch), IJ_OK);
    assert_int_equal(ij_loader_finish(loader), IJ_EFORMAT);
    assert_int_equal(sscanf(ij_error(), "%lld of the first %lld images", &bad, &seen), 2);
    assert_int_equal(bad, ij_loader_bad_count(loader));
    assert_true(bad > 4 && bad < seen && seen <= IMAGES);
    ij_loader_close(loader);
    free_batch(&batch);
}

/* A shard that becomes shorter in the middle of a run loses its last samples, and no others. */
static void test_shard_cut_while_training(void **state)
{
    (void)state;
    ij_bytes tar = {0}, bytes = {0};
    char path[1024];
    for (int i = 0; i < IMAGES; i++) {
        snprintf(path, sizeof path, "%03d.jpg", i);
        assert_int_equal(ij_dataset_read(dataset, i, &bytes), IJ_OK);
        shard_add(&tar, path, '0', bytes.data, bytes.size);
    }
    scratch_write(folder, "a.tar", tar.data, tar.size);
    snprintf(path, sizeof path, "%s/a.tar", folder);
    ij_dataset *shard;
    assert_int_equal(ij_dataset_open(&shard, path), IJ_OK);
    ij_loader_config c = configure(2);
    c.dataset = shard;
    c.max_bad_share = 0.5;
    ij_loader *loader = open_loader(&c);
    ij_batch batch = make_batch(&c);
    load(loader, 0, &batch);
    assert_int_equal(truncate(path, (off_t)(tar.size * 4 / 5)), 0);
    for (int64_t n = 1; n < 4 * ij_loader_batches_per_epoch(loader); n++)
        load(loader, n, &batch);
    assert_true(ij_loader_bad_count(loader) > 0 && ij_loader_bad_count(loader) < IMAGES / 2);
    for (int64_t i = 0; i < ij_loader_bad_count(loader); i++)
        assert_non_null(strstr(ij_loader_bad(loader, i).reason, "shorter"));
    ij_loader_close(loader);
    free_batch(&batch);
    ij_dataset_close(shard);
    ij_bytes_free(&tar);
    ij_bytes_free(&bytes);
}

static void test_too_many_bad(void **state)
{
    (void)state;
    for (int64_t sample = 0; sample < 10; sample++)
        truncate_sample(sample);
    ij_loader_config c = configure(2);
    ij_loader *loader = open_loader(&c);
    ij_batch batch = make_batch(&c);
    ij_status status = IJ_OK;
    for (int64_t n = 0; n < ij_loader_batches_per_epoch(loader) && !status; n++) {
        assert_int_equal(ij_loader_begin(loader, n, &batch), IJ_OK);
        status = ij_loader_finish(loader);
    }
    assert_int_equal(status, IJ_EFORMAT);
    assert_non_null(strstr(ij_error(), "max_bad_share 0.05"));
    assert_non_null(strstr(ij_error(), "truncated"));
    assert_non_null(strstr(ij_error(), folder));
    ij_loader_close(loader);

    for (int64_t sample = 0; sample < IMAGES; sample++) { /* none left, whatever the share allows */
        char path[1024];
        path_of(sample, path);
        unlink(path);
    }
    c.max_bad_share = 1;
    loader = open_loader(&c);
    assert_int_equal(ij_loader_begin(loader, 0, &batch), IJ_OK);
    assert_int_equal(ij_loader_finish(loader), IJ_EFORMAT);
    ij_loader_close(loader);
    free_batch(&batch);
}

static void test_stops_at_any_moment(void **state)
{
    (void)state;
    ij_loader_config c = configure(3);
    ij_batch batch = make_batch(&c);
    for (int round = 0; round < 50; round++) {
        ij_loader *loader = open_loader(&c);
        if (round % 5)
            assert_int_equal(ij_loader_begin(loader, round, &batch), IJ_OK);
        if (round % 7 == 0)
            nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
        ij_loader_close(loader);
    }
    free_batch(&batch);
}

static void refuses(const ij_loader_config *config, const char *part_of_message)
{
    ij_loader *loader;
    assert_int_equal(ij_loader_open(&loader, config), IJ_EINVAL);
    if (!strstr(ij_error(), part_of_message))
        fail_msg("message \"%s\" does not say \"%s\"", ij_error(), part_of_message);
}

static void test_misuse(void **state)
{
    (void)state;
    ij_loader_config c = configure(1);
    c.batch = IMAGES + 1;
    refuses(&c, "larger than the data set");
    c = configure(1);
    c.mask.min_keep = 100;
    refuses(&c, "min_keep 100");
    c = configure(1);
    c.augment.scale[0] = 0;
    refuses(&c, "crop_scale");
    c = configure(1);
    ij_loader *loader = open_loader(&c);
    ij_batch batch = make_batch(&c);
    assert_int_equal(ij_loader_finish(loader), IJ_EINVAL);
    assert_int_equal(ij_loader_begin(loader, 0, &batch), IJ_OK);
    assert_int_equal(ij_loader_begin(loader, 1, &batch), IJ_EINVAL);
    assert_int_equal(ij_loader_finish(loader), IJ_OK);
    batch.crop = 16;
    assert_int_equal(ij_loader_begin(loader, 1, &batch), IJ_EINVAL);
    ij_loader_close(loader);
    free_batch(&batch);
}

/* The evaluation transform through all threads gives each sample what one reader gives. */
static void test_evaluation(void **state)
{
    (void)state;
    ij_loader_config c = configure(4);
    c.mask = (ij_mask_config){0}; /* pixels only */
    c.timed = true;
    ij_loader *loader = open_loader(&c);
    enum { SIZE = 56, BYTES = SIZE * SIZE * 3 };
    int64_t samples[IMAGES];
    for (int i = 0; i < IMAGES; i++)
        samples[i] = IMAGES - 1 - i;
    uint8_t *pixels = malloc(IMAGES * BYTES), *one = malloc(BYTES);
    ij_reader *reader;
    assert_int_equal(ij_reader_create(&reader, 0, false), IJ_OK);
    for (ij_fit fit = IJ_FIT_SHORTER; fit <= IJ_FIT_SQUASH; fit++) {
        assert_int_equal(ij_loader_eval(loader, samples, IMAGES, SIZE, fit, pixels, NULL), IJ_OK);
        for (int i = 0; i < IMAGES; i++) {
            assert_int_equal(ij_reader_eval(reader, dataset, samples[i], fit, c.decode, SIZE, one), IJ_OK);
            assert_memory_equal(one, pixels + i * BYTES, BYTES);
        }
    }
    ij_reader_times times = ij_loader_times(loader);
    assert_int_equal(times.images, 2 * IMAGES);
    assert_true(times.decode > 0 && times.read > 0 && times.resize > 0);
    ij_reader_destroy(reader);
    ij_batch batch = {.images = BATCH, .crop = CROP, .pixels = malloc(BATCH * CROP * CROP * 3)};
    load(loader, 0, &batch);
    free(batch.pixels);
    free(pixels);
    free(one);
    ij_loader_close(loader);
}

static int64_t sample_named(const char *end)
{
    for (int64_t i = 0; i < IMAGES; i++) {
        char path[1024];
        path_of(i, path);
        if (strstr(path, end))
            return i;
    }
    fail_msg("no %s", end);
    return -1;
}

/* As they are, images must have the size that is wanted; another one is named, and ends the evaluation. */
static void test_evaluation_as_they_are(void **state)
{
    (void)state;
    enum { SIZE = 65 }; /* image 25's sides; image 26's are 66 and 64 */
    ij_loader_config c = configure(2);
    c.decode = IJ_DECODE_EXACT;
    ij_loader *loader = open_loader(&c);
    static uint8_t pixels[2 * SIZE * SIZE * 3], squashed[SIZE * SIZE * 3];
    bool readable[2];
    int64_t samples[2] = {sample_named("/025.jpg"), sample_named("/026.jpg")};
    assert_int_equal(ij_loader_eval(loader, samples, 1, SIZE, IJ_FIT_NONE, pixels, readable), IJ_OK);
    assert_int_equal(ij_loader_eval(loader, samples, 1, SIZE, IJ_FIT_SQUASH, squashed, NULL), IJ_OK);
    assert_true(readable[0]);
    assert_memory_equal(pixels, squashed, sizeof squashed); /* there was nothing to squash */
    assert_int_equal(ij_loader_eval(loader, samples, 2, SIZE, IJ_FIT_NONE, pixels, readable), IJ_EINVAL);
    assert_non_null(strstr(ij_error(), "/026.jpg: has 66 x 64 pixels, not 65 x 65"));
    ij_loader_close(loader);
}

/* Begun and finished apart; one thing at a time; what cannot be read is listed with its reason. */
static void test_evaluation_in_the_background(void **state)
{
    (void)state;
    ij_loader_config c = configure(2);
    ij_loader *loader = open_loader(&c);
    ij_batch batch = make_batch(&c);
    static uint8_t pixels[3 * CROP * CROP * 3];
    const int64_t samples[3] = {7, 9, 8};
    bool readable[3];
    truncate_sample(9);
    assert_int_equal(ij_loader_eval_finish(loader), IJ_EINVAL);
    assert_int_equal(ij_loader_eval_begin(loader, samples, 3, CROP, IJ_FIT_SHORTER, pixels, readable), IJ_OK);
    assert_int_equal(ij_loader_eval_begin(loader, samples, 3, CROP, IJ_FIT_SHORTER, pixels, readable), IJ_EINVAL);
    assert_int_equal(ij_loader_begin(loader, 0, &batch), IJ_EINVAL);
    assert_int_equal(ij_loader_finish(loader), IJ_EINVAL);
    assert_int_equal(ij_loader_eval_finish(loader), IJ_OK);
    assert_true(readable[0] && !readable[1] && readable[2]);
    assert_int_equal(ij_loader_bad_count(loader), 1);
    assert_int_equal(ij_loader_bad(loader, 0).sample, 9);
    assert_non_null(strstr(ij_loader_bad(loader, 0).reason, "truncated"));
    load(loader, 0, &batch);
    assert_int_equal(ij_loader_eval_begin(loader, samples, 3, CROP, IJ_FIT_SHORTER, pixels, readable), IJ_OK);
    ij_loader_close(loader); /* with an evaluation under way */
    free_batch(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_threads_change_nothing, make_dataset, remove_dataset),
        cmocka_unit_test_setup_teardown(test_resumes_at_any_batch, make_dataset, remove_dataset),
        cmocka_unit_test_setup_teardown(test_epochs, make_dataset, remove_dataset),
        cmocka_unit_test_setup_teardown(test_parts, make_dataset, remove_dataset),
        cmocka_unit_test_setup_teardown(test_bad_images, make_dataset, remove_dataset),
        cmocka_unit_test_setup_teardown(test_every_kind_of_bad_image, make_dataset, remove_dataset),
        cmocka_unit_test_setup_teardown(test_counts_of_bad_images, make_dataset, remove_dataset),
        cmocka_unit_test_setup_teardown(test_shard_cut_while_training, make_dataset, remove_dataset),
        cmocka_unit_test_setup_teardown(test_too_many_bad, make_dataset, remove_dataset),
        cmocka_unit_test_setup_teardown(test_stops_at_any_moment, make_dataset, remove_dataset),
        cmocka_unit_test_setup_teardown(test_misuse, make_dataset, remove_dataset),
        cmocka_unit_test_setup_teardown(test_evaluation, make_dataset, remove_dataset),
        cmocka_unit_test_setup_teardown(test_evaluation_as_they_are, make_dataset, remove_dataset),
        cmocka_unit_test_setup_teardown(test_evaluation_in_the_background, make_dataset, remove_dataset),
    };
    return cmocka_run_group_tests_name("data_loader", tests, NULL, NULL);
}
