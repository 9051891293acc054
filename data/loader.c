#include "data/loader.h"

#include "data/pool.h"
#include "engine/base/random.h"

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Replacements tried for one image before the data set is taken for unreadable. */
enum { MAX_TRIES = 100 };
/* A share of fewer samples than this says little: bad_share is of so many at least. */
enum { LEAST_SEEN = 2000 };

/* An unreadable image met in the batch under way: image `slot`, replacement `attempt`. */
typedef struct mishap {
    int64_t sample;
    char *reason;
    int slot, attempt;
} mishap;

/* What ij_loader_eval_begin was asked for. */
typedef struct evaluation {
    const int64_t *samples;
    int size;
    ij_fit fit;
    uint8_t *pixels;
    bool *readable;
} evaluation;

struct ij_loader {
    ij_loader_config config;
    int64_t count, per_epoch;
    ij_pool *pool;
    ij_reader **readers; /* one a thread */
    uint32_t *order;     /* the epoch's permutation of all samples */
    int64_t epoch;       /* that `order` is of; -1: none */
    uint32_t *bad_bits;  /* one bit a sample: known to be bad */

    /* the batch under way */
    bool under_way;
    ij_batch *batch;
    int64_t batch_number, first; /* `first`: the batch's first position in `order` */
    int64_t *chosen;             /* [B] sample behind each image */
    int64_t seen;                /* samples tried since the loader was opened, replacements included */

    bool evaluating; /* in place of a batch */
    evaluation evaluation;

    /* what went wrong in it, under the mutex while the threads work */
    pthread_mutex_t mutex;
    mishap *mishaps;
    size_t mishap_count, mishap_capacity;
    ij_status fatal; /* an error that is not an image's: no memory, or no replacement found */
    char *fatal_error;

    ij_bad_image *bad;
    int64_t bad_count;
    size_t bad_capacity;
};

ij_loader_config ij_loader_defaults(void)
{
    return (ij_loader_config){
        .augment = {.scale = {0.3, 1}, .ratio = {3.0 / 4, 4.0 / 3}},
        .decode = IJ_DECODE_FAST,
        .max_bad_share = 0.05,
    };
}

/* ---- Opening ---------------------------------------------------------------------------------------------------- */

static ij_status check(const ij_loader_config *c)
{
    const ij_augment_config *a = &c->augment;
    int64_t count = ij_dataset_count(c->dataset);
    if (c->batch < 1 || c->crop < 1 || c->crop > 16384)
        return ij_fail(IJ_EINVAL, "batch_size %d and crop_size %d must be positive", c->batch, c->crop);
    if (c->batch > count)
        return ij_fail(IJ_EINVAL, "batch_size %d is larger than the data set of %lld images: make batch_size smaller",
                       c->batch, (long long)count);
    if (!(a->scale[0] > 0 && a->scale[0] <= a->scale[1] && a->scale[1] <= 1))
        return ij_fail(IJ_EINVAL, "crop_scale (%g, %g) must be two shares, 0 < first <= second <= 1", a->scale[0],
                       a->scale[1]);
    if (!(a->ratio[0] > 0 && a->ratio[0] <= a->ratio[1]))
        return ij_fail(IJ_EINVAL, "the crop's ratio (%g, %g) must be two positive numbers, first <= second",
                       a->ratio[0], a->ratio[1]);
    if (!(a->strength >= 0 && a->strength <= 2.5))
        return ij_fail(IJ_EINVAL, "color_jitter_strength %g must be 0 to 2.5", a->strength);
    if (!(c->max_bad_share >= 0 && c->max_bad_share <= 1))
        return ij_fail(IJ_EINVAL, "max_bad_share %g must be 0 to 1", c->max_bad_share);
    return c->mask.n_target ? ij_mask_check(&c->mask) : IJ_OK;
}

static ij_status make_readers(ij_loader *l)
{
    int threads = ij_pool_threads(l->pool);
    l->readers = calloc((size_t)threads, sizeof(ij_reader *));
    if (!l->readers)
        return ij_fail(IJ_ENOMEM, "no memory for the loader's threads");
    ij_status status = IJ_OK;
    for (int i = 0; i < threads && !status; i++)
        status = ij_reader_create(&l->readers[i], l->config.max_pixels, l->config.timed);
    return status;
}

ij_status ij_loader_open(ij_loader **out, const ij_loader_config *config)
{
    ij_loader_config c = *config;
    ij_status status = check(&c);
    if (status)
        return status;
    ij_loader *l = calloc(1, sizeof *l);
    if (!l)
        return ij_fail(IJ_ENOMEM, "no memory for the loader");
    pthread_mutex_init(&l->mutex, NULL);
    l->config = c;
    l->count = ij_dataset_count(c.dataset);
    l->per_epoch = l->count / c.batch;
    l->epoch = -1;
    l->order = malloc((size_t)l->count * sizeof *l->order);
    l->bad_bits = calloc((size_t)l->count / 32 + 1, sizeof *l->bad_bits);
    l->chosen = calloc((size_t)c.batch, sizeof *l->chosen);
    if (!l->order || !l->bad_bits || !l->chosen)
        status = ij_fail(IJ_ENOMEM, "no memory for the order of %lld images", (long long)l->count);
    if (!status)
        status = ij_pool_create(&l->pool, c.workers);
    if (!status)
        status = make_readers(l);
    if (status)
        ij_loader_close(l);
    else
        *out = l;
    return status;
}

static void forget_mishaps(ij_loader *l)
{
    for (size_t i = 0; i < l->mishap_count; i++)
        free(l->mishaps[i].reason);
    l->mishap_count = 0;
}

void ij_loader_close(ij_loader *l)
{
    if (!l)
        return;
    int threads = l->pool ? ij_pool_threads(l->pool) : 0;
    ij_pool_destroy(l->pool);
    for (int i = 0; i < threads && l->readers; i++)
        ij_reader_destroy(l->readers[i]);
    forget_mishaps(l);
    for (int64_t i = 0; i < l->bad_count; i++)
        free((char *)l->bad[i].reason);
    pthread_mutex_destroy(&l->mutex);
    free(l->bad);
    free(l->mishaps);
    free(l->fatal_error);
    free(l->readers);
    free(l->chosen);
    free(l->bad_bits);
    free(l->order);
    free(l);
}

int64_t ij_loader_batches_per_epoch(const ij_loader *l)
{
    return l->per_epoch;
}

int ij_loader_workers(const ij_loader *l)
{
    return ij_pool_threads(l->pool);
}

ij_loader_memory ij_loader_memory_plan(const ij_loader *l)
{
    int64_t pixels = l->config.max_pixels > 0 ? l->config.max_pixels : IJ_MAX_PIXELS_DEFAULT;
    double side = ceil(sqrt((double)pixels));
    int most = side > 65500 ? 65500 : (int)side; /* libjpeg's limit */
    return (ij_loader_memory){.order = (size_t)l->count * sizeof *l->order +
                                       ((size_t)l->count / 32 + 1) * sizeof *l->bad_bits,
                              .thread = ij_reader_bytes(500, 375, l->config.crop, false),
                              .thread_most = ij_reader_bytes(most, most, l->config.crop, true)};
}

/* ---- The threads' side ------------------------------------------------------------------------------------------ */

static bool is_fatal(ij_status status)
{
    return status == IJ_ENOMEM;
}

static char *copy_of(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

/* Ends the batch with this thread's error; the first one stays. */
static void fail_batch(ij_loader *l, ij_status status)
{
    pthread_mutex_lock(&l->mutex);
    if (!l->fatal) {
        l->fatal = status;
        free(l->fatal_error);
        l->fatal_error = copy_of(ij_error());
    }
    pthread_mutex_unlock(&l->mutex);
    ij_pool_cancel(l->pool);
}

static void note_mishap(ij_loader *l, int64_t sample, int slot, int attempt)
{
    pthread_mutex_lock(&l->mutex);
    if (l->mishap_count == l->mishap_capacity) {
        size_t capacity = l->mishap_capacity ? l->mishap_capacity * 2 : 16;
        mishap *larger = realloc(l->mishaps, capacity * sizeof *larger);
        if (larger) {
            l->mishaps = larger;
            l->mishap_capacity = capacity;
        }
    }
    if (l->mishap_count < l->mishap_capacity)
        l->mishaps[l->mishap_count++] = (mishap){sample, copy_of(ij_error()), slot, attempt};
    pthread_mutex_unlock(&l->mutex);
}

/* Image `slot` of the batch. An unreadable one gives way to others from the far half of the permutation, so that an
 * epoch's neighbours are not shown twice; which ones follows from the position alone. */
static void load_image(ij_loader *l, int slot, ij_reader *reader)
{
    const ij_loader_config *c = &l->config;
    uint64_t epoch = (uint64_t)(l->batch_number / l->per_epoch);
    size_t bytes = (size_t)c->crop * (size_t)c->crop * 3;
    int64_t position = l->first + slot, tries = l->count < MAX_TRIES ? l->count : MAX_TRIES;
    for (int attempt = 0; attempt < tries; attempt++) {
        int64_t at = attempt ? (position + l->count / 2 + attempt) % l->count : position;
        uint32_t sample = l->order[at];
        ij_random random;
        ij_random_start(&random, c->seed, IJ_STREAM_AUGMENT, epoch | (uint64_t)attempt << 40, sample);
        ij_status status = ij_reader_train(reader, c->dataset, sample, &c->augment, c->decode, &random, c->crop,
                                           l->batch->pixels + (size_t)(slot - l->batch->first) * bytes);
        if (!status) {
            l->chosen[slot] = sample;
            return;
        }
        if (is_fatal(status)) {
            fail_batch(l, status);
            return;
        }
        note_mishap(l, sample, slot, attempt);
    }
    fail_batch(l, ij_fail(IJ_EFORMAT, "%lld images in a row cannot be read", (long long)tries));
}

static void draw_masks(ij_loader *l)
{
    const ij_loader_config *c = &l->config;
    ij_status status = ij_mask_sample(&c->mask, c->seed, l->batch_number, l->batch);
    if (status)
        fail_batch(l, status);
}

/* Item 0 is the masks, the others the images. */
static void work_batch(void *argument, int item, int worker)
{
    ij_loader *l = argument;
    const ij_loader_config *c = &l->config;
    if (c->watch)
        c->watch(c->watcher, worker, item, true);
    if (item > 0)
        load_image(l, l->batch->first + item - 1, l->readers[worker]);
    else if (c->mask.n_target)
        draw_masks(l);
    if (c->watch)
        c->watch(c->watcher, worker, item, false);
}

/* ---- The caller's side ------------------------------------------------------------------------------------------ */

/* Fisher-Yates from seed and epoch alone. */
static void shuffle(ij_loader *l, int64_t epoch)
{
    ij_random random;
    ij_random_start(&random, l->config.seed, IJ_STREAM_SHUFFLE, (uint64_t)epoch, 0);
    for (uint32_t i = 0; i < (uint32_t)l->count; i++)
        l->order[i] = i;
    for (uint32_t i = (uint32_t)l->count - 1; i > 0; i--) {
        uint32_t other = ij_random_below(&random, i + 1), kept = l->order[i];
        l->order[i] = l->order[other];
        l->order[other] = kept;
    }
    l->epoch = epoch;
}

static ij_status not_idle(void)
{
    return ij_fail(IJ_EINVAL, "the loader is still filling a batch: finish it first");
}

ij_status ij_loader_begin(ij_loader *l, int64_t batch_number, ij_batch *dst)
{
    const ij_loader_config *c = &l->config;
    if (l->under_way || l->evaluating)
        return not_idle();
    if (batch_number < 0 || dst->images != c->batch || dst->crop != c->crop || dst->first < 0 ||
        dst->first + ij_batch_own(dst) > dst->images)
        return ij_fail(IJ_EINVAL,
                       "batch %lld of %d images of %d pixels does not fit a loader of %d images of %d pixels",
                       (long long)batch_number, dst->images, dst->crop, c->batch, c->crop);
    int64_t epoch = batch_number / l->per_epoch;
    if (epoch != l->epoch)
        shuffle(l, epoch);
    l->batch = dst;
    l->batch_number = batch_number;
    l->first = batch_number % l->per_epoch * c->batch;
    l->seen += ij_batch_own(dst);
    l->fatal = IJ_OK;
    l->under_way = true;
    ij_pool_start(l->pool, ij_batch_own(dst) + 1, work_batch, l);
    return IJ_OK;
}

static int by_place(const void *a, const void *b)
{
    const mishap *m = a, *n = b;
    return m->slot != n->slot ? m->slot - n->slot : m->attempt - n->attempt;
}

/* Adds an image to the list, once. Where memory fails it is left out and named when it is met again. */
static void remember_bad(ij_loader *l, mishap *m)
{
    uint32_t *word = &l->bad_bits[m->sample / 32], bit = 1u << (m->sample % 32);
    if (*word & bit || !m->reason)
        return;
    if ((size_t)l->bad_count == l->bad_capacity) {
        size_t capacity = l->bad_capacity ? l->bad_capacity * 2 : 16;
        ij_bad_image *larger = realloc(l->bad, capacity * sizeof *larger);
        if (!larger)
            return;
        l->bad = larger;
        l->bad_capacity = capacity;
    }
    l->bad[l->bad_count++] = (ij_bad_image){m->sample, m->reason};
    m->reason = NULL;
    *word |= bit;
}

/* The finished batch's mishaps join the list of bad images. */
static void collect_mishaps(ij_loader *l)
{
    if (l->mishap_count)
        qsort(l->mishaps, l->mishap_count, sizeof *l->mishaps, by_place);
    for (size_t i = 0; i < l->mishap_count; i++)
        remember_bad(l, &l->mishaps[i]);
    forget_mishaps(l);
}

/* Up to three bad images by name, for a message. */
static void name_some(const ij_loader *l, char *text, size_t size)
{
    size_t used = 0;
    text[0] = 0;
    for (int64_t i = 0; i < l->bad_count && i < 3; i++) {
        char path[1024];
        ij_dataset_path(l->config.dataset, l->bad[i].sample, path, sizeof path);
        int more = snprintf(text + used, size - used, "%s%s (%s)", i ? "; " : "", path, l->bad[i].reason);
        if (more < 0 || (size_t)more >= size - used)
            return;
        used += (size_t)more;
    }
}

static ij_status check_bad_share(const ij_loader *l)
{
    int64_t seen = l->seen < l->count ? l->seen : l->count;
    int64_t least = l->count < LEAST_SEEN ? l->count : LEAST_SEEN;
    double allowed = l->config.max_bad_share * (double)(seen > least ? seen : least);
    bool none_found = l->fatal == IJ_EFORMAT;
    if (!none_found && (double)l->bad_count <= allowed)
        return IJ_OK;
    char names[4096];
    name_some(l, names, sizeof names);
    return ij_fail(IJ_EFORMAT,
                   "%lld of the first %lld images cannot be used, more than max_bad_share %g allows: %s%s; repair or "
                   "remove them, or raise max_bad_share",
                   (long long)l->bad_count, (long long)seen, l->config.max_bad_share, names,
                   l->bad_count > 3 ? "; ..." : "");
}

ij_status ij_loader_finish(ij_loader *l)
{
    if (!l->under_way)
        return ij_fail(IJ_EINVAL, "the loader has no batch to finish: begin one first");
    ij_pool_wait(l->pool);
    l->under_way = false;
    l->seen += (int64_t)l->mishap_count; /* each was followed by another try, or by the end */
    collect_mishaps(l);
    if (l->fatal && l->fatal != IJ_EFORMAT)
        return ij_fail(l->fatal, "%s", l->fatal_error ? l->fatal_error : "no memory");
    return check_bad_share(l);
}

int64_t ij_loader_sample(const ij_loader *l, int image)
{
    return l->chosen[image];
}

int64_t ij_loader_bad_count(const ij_loader *l)
{
    return l->bad_count;
}

ij_bad_image ij_loader_bad(const ij_loader *l, int64_t index)
{
    return l->bad[index];
}

ij_reader_times ij_loader_times(const ij_loader *l)
{
    ij_reader_times sum = {0};
    for (int i = 0; i < ij_pool_threads(l->pool); i++) {
        ij_reader_times t = ij_reader_elapsed(l->readers[i]);
        sum.read += t.read;
        sum.decode += t.decode;
        sum.resize += t.resize;
        sum.augment += t.augment;
        sum.images += t.images;
    }
    return sum;
}

/* ---- Evaluation ------------------------------------------------------------------------------------------------- */

static void work_evaluation(void *argument, int item, int worker)
{
    ij_loader *l = argument;
    const evaluation *e = &l->evaluation;
    int64_t sample = e->samples[item];
    size_t bytes = (size_t)e->size * (size_t)e->size * 3;
    uint8_t *pixels = e->pixels + (size_t)item * bytes;
    ij_status status =
        ij_reader_eval(l->readers[worker], l->config.dataset, sample, e->fit, l->config.decode, e->size, pixels);
    if (status == IJ_EINVAL) {
        char path[1024];
        ij_dataset_path(l->config.dataset, sample, path, sizeof path);
        ij_fail_in(status, "%s: ", path);
    }
    if (is_fatal(status) || status == IJ_EINVAL)
        fail_batch(l, status);
    else if (status)
        note_mishap(l, sample, item, 0);
    if (status)
        memset(pixels, 0, bytes);
    if (e->readable)
        e->readable[item] = !status;
}

ij_status ij_loader_eval_begin(ij_loader *l, const int64_t *samples, int count, int size, ij_fit fit, uint8_t *pixels,
                               bool *readable)
{
    if (l->under_way || l->evaluating)
        return not_idle();
    l->evaluation = (evaluation){samples, size, fit, pixels, readable};
    l->fatal = IJ_OK;
    l->evaluating = true;
    ij_pool_start(l->pool, count, work_evaluation, l);
    return IJ_OK;
}

ij_status ij_loader_eval_finish(ij_loader *l)
{
    if (!l->evaluating)
        return ij_fail(IJ_EINVAL, "the loader has no evaluation to finish: begin one first");
    ij_pool_wait(l->pool);
    l->evaluating = false;
    collect_mishaps(l);
    return l->fatal ? ij_fail(l->fatal, "%s", l->fatal_error ? l->fatal_error : "no memory") : IJ_OK;
}

ij_status ij_loader_eval(ij_loader *l, const int64_t *samples, int count, int size, ij_fit fit, uint8_t *pixels,
                         bool *readable)
{
    ij_status status = ij_loader_eval_begin(l, samples, count, size, fit, pixels, readable);
    return status ? status : ij_loader_eval_finish(l);
}
